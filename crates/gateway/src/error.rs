//! What a verb answers when it cannot do what was asked.

use std::error::Error as StdError;

use model::ErrorKind;

/// The result of a verb.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed verb. The message is fit for clients: it names the operation and the path as the user
/// knows it; what lies behind it stands in `source()`, for the log.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    outcome_unknown: bool,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A failure of this kind; `message` names operation and object in lower case.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            outcome_unknown: false,
            cause: None,
        }
    }

    /// The same, with what lies behind it.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Marks that nobody knows whether the change took effect.
    #[must_use]
    pub fn with_unknown_outcome(mut self, unknown: bool) -> Self {
        self.outcome_unknown = unknown;
        self
    }

    /// What the store said to `operation` on `path`. The key stays out of the text: where a home
    /// lies in its bucket is not the client's to know.
    pub(crate) fn store(
        operation: &str,
        path: &impl std::fmt::Display,
        error: storage::Error,
    ) -> Self {
        let message = format!("{operation} {path}: {}", error.reason());
        let unknown = error.outcome_unknown();
        Self::new(error.kind(), message)
            .caused_by(error)
            .with_unknown_outcome(unknown)
    }

    /// What became of an upload. Its own text names the path that it was opened at.
    pub(crate) fn transfer(
        operation: &str,
        path: &impl std::fmt::Display,
        error: transfer::Error,
    ) -> Self {
        let message = format!("{operation} {path}: {}", error.reason());
        let unknown = error.outcome_unknown();
        Self::new(error.kind(), message)
            .caused_by(error)
            .with_unknown_outcome(unknown)
    }

    /// What the database said to `operation` on `path`.
    pub(crate) fn database(
        operation: &str,
        path: &impl std::fmt::Display,
        error: database::Error,
    ) -> Self {
        let message = format!("{operation} {path}: the database does not take or tell it");
        Self::new(error.kind(), message).caused_by(error)
    }

    /// What kind of failure this is, for the door to translate.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the change may have taken effect although it failed, and this could not be proven
    /// within the deadline. The door must not answer at all then: it drops the connection, so
    /// that the client asks again.
    pub fn outcome_unknown(&self) -> bool {
        self.outcome_unknown
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause
            .as_deref()
            .map(|cause| cause as &(dyn StdError + 'static))
    }
}
