//! Why somebody or something could not move in.

use std::error::Error as StdError;
use std::sync::Arc;

use model::ErrorKind;

/// The result of moving.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Cause = Arc<dyn StdError + Send + Sync>;

/// A move that failed: what was tried, on what, why, and what to do. Never a secret; what lies behind
/// it stands in `source()`.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{operation} {object}: {reason}")]
pub struct Error {
    kind: ErrorKind,
    operation: &'static str,
    object: String,
    reason: String,
    #[source]
    cause: Option<Cause>,
}

impl Error {
    /// A failure of `operation` ("read shadow file") on `object` ("/etc/shadow, line 3").
    pub fn new(
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

    /// The same, with what lies behind it.
    #[must_use]
    pub fn caused_by(mut self, cause: impl StdError + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}
