//! Why a server could not be reached, or did not do what it was asked.

use std::error::Error as StdError;
use std::sync::Arc;

use model::ErrorKind;
use sftp::{Reply, Status, StatusCode};

/// The result of a step of the client.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed step: what was tried, on what, and why.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{operation} {object}: {reason}")]
pub struct Error {
    kind: ErrorKind,
    operation: &'static str,
    object: String,
    reason: String,
    #[source]
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(
        kind: ErrorKind,
        operation: &'static str,
        object: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            operation,
            object: object.into(),
            reason: reason.into(),
            cause: None,
        }
    }

    #[must_use]
    pub(crate) fn caused_by(mut self, cause: impl StdError + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }

    /// The SSH layer failed, most likely since the connection ended.
    pub(crate) fn ssh(operation: &'static str, object: &str, error: russh::Error) -> Self {
        let reason = error.to_string();
        Self::new(ErrorKind::Unavailable, operation, object, reason).caused_by(error)
    }

    /// The server answered with a status that is not what was wanted.
    pub(crate) fn status(operation: &'static str, object: &str, status: &Status) -> Self {
        let kind = match status.code {
            StatusCode::NoSuchFile => ErrorKind::NotFound,
            StatusCode::PermissionDenied => ErrorKind::Denied,
            StatusCode::BadMessage => ErrorKind::Invalid,
            StatusCode::NoConnection | StatusCode::ConnectionLost => ErrorKind::Unavailable,
            StatusCode::OpUnsupported => ErrorKind::Unsupported,
            _ => ErrorKind::Conflict,
        };
        let said = String::from_utf8_lossy(&status.message);
        let reason = match said.trim() {
            "" => status.code.text().to_owned(),
            said => said.chars().filter(|c| !c.is_control()).collect(),
        };
        Self::new(kind, operation, object, reason)
    }

    /// The server answered with something else than the protocol says.
    pub(crate) fn unexpected(operation: &'static str, object: &str, reply: &Reply) -> Self {
        if let Reply::Status(status) = reply {
            return Self::status(operation, object, status);
        }
        let reason = "the server answered with a packet of another kind";
        Self::new(ErrorKind::Internal, operation, object, reason)
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Why, without operation and object.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}
