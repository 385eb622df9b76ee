//! What can be wrong with what a server is built from, and what ends a connection.

use std::borrow::Cow;

use model::ErrorKind;

/// The result of this crate's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the SSH door.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A host key that cannot be read, made or used.
    #[error("host key: {reason}")]
    HostKey {
        /// What is wrong with it, and what to do.
        reason: Cow<'static, str>,
        /// What the parser said.
        #[source]
        source: Option<russh::keys::ssh_key::Error>,
    },
    /// A setting that cannot be.
    #[error("setting {name}: {reason}")]
    Setting {
        /// The setting's name.
        name: &'static str,
        /// What is wrong with it.
        reason: Cow<'static, str>,
    },
    /// The transport failed, or the peer broke its rules.
    #[error("ssh transport: {0}")]
    Transport(#[from] russh::Error),
    /// The connection was ended from this side.
    #[error("{0}")]
    Ended(Cow<'static, str>),
}

impl Error {
    /// The kind of the failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::HostKey { .. } | Self::Setting { .. } => ErrorKind::Invalid,
            Self::Transport(_) | Self::Ended(_) => ErrorKind::Unavailable,
        }
    }

    pub(crate) fn host_key(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::HostKey {
            reason: reason.into(),
            source: None,
        }
    }
}
