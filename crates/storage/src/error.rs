//! What a store answers when it cannot do what was asked.

use std::error::Error as StdError;
use std::sync::Arc;

use model::ErrorKind;

/// The result of a call to a store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Cause = Box<dyn StdError + Send + Sync>;

/// A failed call: what was tried, on what, why.
///
/// The message names operation and object and is fit for clients; what the store said stands in
/// `source()`, for the log.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{operation} {object}: {reason}")]
pub struct Error {
    kind: ErrorKind,
    operation: &'static str,
    object: String,
    reason: String,
    outcome_unknown: bool,
    #[source]
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A failure of `operation` ("put", "put part") on `object` (its key).
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
            outcome_unknown: false,
            cause: None,
        }
    }

    /// The same, with what lies behind it.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Cause>) -> Self {
        self.cause = Some(Arc::from(cause.into()));
        self
    }

    /// Marks that the request may have taken effect: it was sent and its answer was lost.
    #[must_use]
    pub fn with_unknown_outcome(mut self) -> Self {
        self.outcome_unknown = true;
        self
    }

    /// What kind of failure this is. A failed precondition is a [`ErrorKind::Conflict`].
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Why it failed, without operation and object: for messages that name the path instead of
    /// the key.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether the request may have taken effect although it failed. False means that the store
    /// is provably unchanged by it.
    pub fn outcome_unknown(&self) -> bool {
        self.outcome_unknown
    }
}
