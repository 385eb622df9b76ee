//! Why an upload did not become an object.

use std::error::Error as StdError;

use model::ErrorKind;

/// The result of a step in the life of an upload.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed step. The message names operation and path and is fit for clients.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    outcome_unknown: bool,
    #[source]
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            outcome_unknown: false,
            cause: None,
        }
    }

    pub(crate) fn store(
        operation: &str,
        path: &impl std::fmt::Display,
        error: storage::Error,
    ) -> Self {
        Self {
            kind: error.kind(),
            message: format!("{operation} {path}: {}", error.reason()),
            outcome_unknown: error.outcome_unknown(),
            cause: Some(Box::new(error)),
        }
    }

    #[must_use]
    pub(crate) fn caused_by(mut self, cause: impl StdError + Send + Sync + 'static) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    #[must_use]
    pub(crate) fn with_unknown_outcome(mut self) -> Self {
        self.outcome_unknown = true;
        self
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the object may stand at its key all the same: the store's answer was lost and
    /// could not be had within the deadline, or the commit of its facts failed. The caller must
    /// not answer its client at all, neither yes nor no.
    pub fn outcome_unknown(&self) -> bool {
        self.outcome_unknown
    }
}
