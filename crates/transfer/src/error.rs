//! Why an upload did not become an object.

use std::error::Error as StdError;

use model::{ErrorKind, VirtualPath};

/// The result of a step in the life of an upload.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed step. The message names operation and path and is fit for clients.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {path}: {reason}")]
pub struct Error {
    kind: ErrorKind,
    operation: &'static str,
    path: VirtualPath,
    reason: String,
    outcome_unknown: bool,
    #[source]
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(
        kind: ErrorKind,
        operation: &'static str,
        path: &VirtualPath,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            operation,
            path: path.clone(),
            reason: reason.into(),
            outcome_unknown: false,
            cause: None,
        }
    }

    /// What the store said. The key stays out of the text: where a home lies in its bucket is not
    /// the client's to know.
    pub(crate) fn store(
        operation: &'static str,
        path: &VirtualPath,
        error: storage::Error,
    ) -> Self {
        let unknown = error.outcome_unknown();
        let failed = Self::new(error.kind(), operation, path, error.reason()).caused_by(error);
        match unknown {
            true => failed.with_unknown_outcome(),
            false => failed,
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

    /// Why it failed, without operation and path.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether the object may stand at its key all the same: the store's answer was lost and
    /// could not be had within the deadline, or the commit of its facts failed. The caller must
    /// not answer its client at all, neither yes nor no.
    pub fn outcome_unknown(&self) -> bool {
        self.outcome_unknown
    }
}
