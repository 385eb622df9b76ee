//! Refusals, which all look the same from outside, and errors of those who look after users.

use model::ErrorKind;

use crate::certificate::CertificateRefused;
use crate::provider::Unanswered;
use crate::{InvalidHash, InvalidPublicKey, InvalidTotp, WeakPassword};

/// The result of looking after credentials.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why somebody was not let in: for the log. To the client every one of them reads
/// "permission denied", and it took the same work to find out.
#[derive(Debug, Clone, thiserror::Error)]
#[error("permission denied")]
pub enum Refused {
    /// No user has this name, or the name is none.
    UnknownUser,
    /// The user is kept out.
    Disabled,
    /// It is not his password.
    WrongPassword,
    /// He has no password.
    NoPassword,
    /// It is not one of his keys.
    WrongKey,
    /// His account has ended.
    Expired,
    /// He may not come from this address.
    Network,
    /// It is right or wrong, and not what he is asked for (now).
    NotAccepted,
    /// It is not his one-time password of now.
    WrongCode,
    /// It is his one-time password, and was taken before.
    UsedCode,
    /// It is his key, and it is revoked.
    RevokedKey,
    /// His certificate is not taken.
    Certificate(CertificateRefused),
    /// His identity provider refused him; the log has its words.
    ByProvider,
    /// His identity provider gave him a role that is not known here.
    UnknownRole(String),
    /// What he showed is right, and more is wanted: SSH's partial success (RFC 4252 section 5.1).
    /// Nobody is in yet, and nothing is to be counted against him.
    Incomplete,
    /// Nobody could say, since the database or the hashing failed. Not the client's fault, and
    /// not to be counted against him.
    Unavailable(#[source] Error),
}

impl Refused {
    /// A word for logs and metrics labels.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnknownUser => "unknown_user",
            Self::Disabled => "disabled",
            Self::WrongPassword => "wrong_password",
            Self::NoPassword => "no_password",
            Self::WrongKey => "wrong_key",
            Self::Expired => "expired",
            Self::Network => "network",
            Self::NotAccepted => "not_accepted",
            Self::WrongCode => "wrong_code",
            Self::UsedCode => "used_code",
            Self::RevokedKey => "revoked_key",
            Self::Certificate(_) => "certificate",
            Self::ByProvider => "refused_by_provider",
            Self::UnknownRole(_) => "unknown_role",
            Self::Incomplete => "incomplete",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// Whether it is held against who tried: not where more is wanted, and not where nobody could
    /// say.
    pub fn counts(&self) -> bool {
        !matches!(self, Self::Incomplete | Self::Unavailable(_))
    }

    /// Whether a password was hashed before it was refused.
    pub(crate) fn has_paid(&self) -> bool {
        matches!(self, Self::WrongPassword | Self::Unavailable(_))
    }

    /// `Denied`, or `Unavailable` where it is not the client's fault.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unavailable(_) => ErrorKind::Unavailable,
            _ => ErrorKind::Denied,
        }
    }
}

/// A failure of looking after credentials.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] database::Error),
    /// A password that is too short or too long.
    #[error(
        "set password: it must have {} to {} bytes",
        crate::Passwords::MIN_BYTES,
        crate::Passwords::MAX_BYTES
    )]
    PasswordLength,
    /// A password that does not satisfy the rules.
    #[error(transparent)]
    WeakPassword(#[from] WeakPassword),
    /// A text that is not a password hash that is taken.
    #[error(transparent)]
    PasswordHash(#[from] InvalidHash),
    /// Hashing failed.
    #[error("hash password: {0}")]
    Hash(&'static str),
    /// A secret of one-time passwords that cannot be used.
    #[error(transparent)]
    Totp(#[from] InvalidTotp),
    /// An identity provider gave no answer.
    #[error("ask identity provider {0}")]
    Provider(String, #[source] Unanswered),
    /// A text that is not a public key we take.
    #[error(transparent)]
    PublicKey(#[from] InvalidPublicKey),
    /// The cost of hashing in the settings is out of bounds.
    #[error("hash password: the cost in the settings is out of bounds: {0}")]
    Cost(String),
}

impl Error {
    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Database(error) => error.kind(),
            Self::PasswordLength | Self::PasswordHash(_) | Self::PublicKey(_) | Self::Cost(_) => {
                ErrorKind::Invalid
            }
            Self::WeakPassword(WeakPassword::List(_) | WeakPassword::Unchecked)
            | Self::Provider(..) => ErrorKind::Unavailable,
            Self::WeakPassword(_) => ErrorKind::Invalid,
            Self::Hash(_) | Self::Totp(_) => ErrorKind::Internal,
        }
    }
}
