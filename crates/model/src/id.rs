//! Ids: each kind of thing has a type of its own, so that two of them are never mixed up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is not an id of the expected form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {kind} id")]
pub struct InvalidId {
    kind: &'static str,
    text: String,
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id (UUID version 7: ids made later sort later, to the millisecond).
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|_| InvalidId { kind: $kind, text: text.to_owned() })
            }
        }
    };
}

uuid_id!(
    /// A user of this installation, whatever his name is now: a re-created name is another user.
    UserId, "user"
);
uuid_id!(
    /// A group of users.
    GroupId, "group"
);
uuid_id!(
    /// An SSH public key or host key row.
    KeyId, "key"
);
uuid_id!(
    /// One upload, from its OPEN to its commit. Stands in the object's metadata as proof.
    TransferId, "transfer"
);
uuid_id!(
    /// One SSH connection after its login.
    SessionId, "session"
);
uuid_id!(
    /// One event; stable over retries, so that consumers can tell duplicates.
    EventId, "event"
);

uuid_id!(
    /// One audit entry; sorts by the time it was made.
    AuditId, "audit entry"
);

uuid_id!(
    /// One run of a node: every start of the process is a new one, so that what an earlier run
    /// left is never mistaken for what this one does.
    NodeId, "node"
);
impl NodeId {
    /// No node at all: it never lives. What is nobody's has it in the place of its node.
    pub const NOBODY: Self = Self(Uuid::nil());
}

uuid_id!(
    /// One installation: the nodes on one database. Stands in the metadata of what they stage, so
    /// that none takes another's for its own.
    InstallationId, "installation"
);

/// A server, in AWS Transfer's form: `s-` and 17 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerId(String);

impl ServerId {
    /// A new id. The digits are random (68 bits).
    pub fn generate() -> Self {
        let random = Uuid::new_v4().as_simple().to_string();
        // The version and variant digits (at 12 and 16) are not random; leave them out.
        let digits: String = random
            .chars()
            .take(12)
            .chain(random.chars().skip(17))
            .take(17)
            .collect();
        Self(format!("s-{digits}"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServerId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        match text.strip_prefix("s-") {
            Some(digits) if digits.len() == 17 && digits.bytes().all(lower_hex) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(InvalidId {
                kind: "server",
                text: text.to_owned(),
            }),
        }
    }
}

impl TryFrom<String> for ServerId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<ServerId> for String {
    fn from(id: ServerId) -> Self {
        id.0
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerId({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_id_has_the_form_of_aws_transfer() {
        let id = ServerId::generate();
        assert_eq!(id.as_str().parse::<ServerId>(), Ok(id));
        for wrong in [
            "",
            "s-",
            "s-0123456789abcdef",
            "s-0123456789ABCDEF0",
            "x-0123456789abcdef0",
        ] {
            assert!(wrong.parse::<ServerId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn ids_read_back_what_they_print() {
        let id = TransferId::generate();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("nonsense".parse::<TransferId>().is_err());
    }
}
