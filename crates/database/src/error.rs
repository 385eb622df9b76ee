//! What the database answers when it cannot do what was asked.

use std::error::Error as StdError;
use std::sync::Arc;

use model::ErrorKind;

/// The result of a call to the database.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Cause = Arc<dyn StdError + Send + Sync>;

/// A failed call: what was tried, on what, why. The message is fit for clients; what the engine
/// said stands in `source()`, for the log.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{operation} {object}: {reason}")]
pub struct Error {
    kind: ErrorKind,
    operation: &'static str,
    object: String,
    reason: String,
    outcome_unknown: bool,
    #[source]
    cause: Option<Cause>,
}

impl Error {
    /// A failure of `operation` ("look up user") on `object` ("acme").
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
            outcome_unknown: false,
            cause: None,
        }
    }

    /// There is no such row.
    pub(crate) fn not_found(operation: &'static str, object: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, operation, object, "there is none")
    }

    /// The same, with what lies behind it.
    #[must_use]
    pub(crate) fn caused_by(mut self, cause: impl StdError + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }

    /// Marks that the write may have been committed: COMMIT was sent and its answer was lost.
    #[must_use]
    pub(crate) fn with_unknown_outcome(mut self) -> Self {
        self.outcome_unknown = true;
        self
    }

    /// What the engine said to `operation` on `object`, sorted into our kinds.
    pub(crate) fn from_engine(operation: &'static str, object: &str, cause: sqlx::Error) -> Self {
        let (kind, reason) = sort(&cause);
        Self::new(kind, operation, object, reason).caused_by(cause)
    }

    /// What kind of failure this is. A row that exists already, or a state that does not go with
    /// the write, is a [`ErrorKind::Conflict`].
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the write may have been committed although it failed. The writer retries such
    /// writes until its deadline; false means that nothing was changed.
    pub fn outcome_unknown(&self) -> bool {
        self.outcome_unknown
    }

    /// Whether doing the same again later may help.
    pub(crate) fn is_transient(&self) -> bool {
        self.kind == ErrorKind::Unavailable
    }
}

fn sort(cause: &sqlx::Error) -> (ErrorKind, &'static str) {
    use sqlx::error::ErrorKind as Sql;
    match cause {
        sqlx::Error::Database(error) => match error.kind() {
            Sql::UniqueViolation => (ErrorKind::Conflict, "it exists already"),
            Sql::ForeignKeyViolation => (
                ErrorKind::Conflict,
                "something that it belongs to does not exist, or something belongs to it",
            ),
            Sql::NotNullViolation | Sql::CheckViolation => {
                (ErrorKind::Invalid, "the database refuses these values")
            }
            _ => sort_code(error.code().as_deref().unwrap_or_default()),
        },
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::WorkerCrashed => (ErrorKind::Unavailable, "the database does not answer"),
        sqlx::Error::PoolClosed => (ErrorKind::Unavailable, "the database is being closed"),
        sqlx::Error::RowNotFound => (ErrorKind::NotFound, "there is no such row"),
        _ => (ErrorKind::Internal, "the query failed"),
    }
}

/// SQLSTATE classes of PostgreSQL (five characters) and result codes of SQLite (numbers, whose
/// low byte is the primary code).
fn sort_code(code: &str) -> (ErrorKind, &'static str) {
    const BUSY: (ErrorKind, &str) = (ErrorKind::Unavailable, "the database is busy");
    const FULL: (ErrorKind, &str) = (ErrorKind::Exhausted, "the database's disk is full");
    const READ_ONLY: (ErrorKind, &str) = (ErrorKind::Unavailable, "the database is read-only");
    const GONE: (ErrorKind, &str) = (ErrorKind::Unavailable, "the database does not answer");
    if code.len() == 5 {
        return match (&code[..2], code) {
            ("08" | "57", _) => GONE,
            ("40" | "55", _) | (_, "53300") => BUSY,
            (_, "53100") => FULL,
            (_, "25006") => READ_ONLY,
            (_, "0A000") => (ErrorKind::Unavailable, "the schema was changed just now"),
            _ => (ErrorKind::Internal, "the query failed"),
        };
    }
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(5 | 6) => BUSY,
        Ok(8) => READ_ONLY,
        Ok(10) => (ErrorKind::Unavailable, "the database's disk gives errors"),
        Ok(13) => FULL,
        Ok(14) => (ErrorKind::Unavailable, "the database file cannot be opened"),
        _ => (ErrorKind::Internal, "the query failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_engines_are_sorted() {
        for (code, kind) in [
            ("08006", ErrorKind::Unavailable),
            ("57P01", ErrorKind::Unavailable),
            ("57014", ErrorKind::Unavailable),
            ("40P01", ErrorKind::Unavailable),
            ("40001", ErrorKind::Unavailable),
            ("55P03", ErrorKind::Unavailable),
            ("53300", ErrorKind::Unavailable),
            ("53100", ErrorKind::Exhausted),
            ("25006", ErrorKind::Unavailable),
            ("0A000", ErrorKind::Unavailable),
            ("42601", ErrorKind::Internal),
            // SQLITE_BUSY, _BUSY_SNAPSHOT, _LOCKED, _READONLY, _IOERR_FSYNC, _FULL, _CANTOPEN.
            ("5", ErrorKind::Unavailable),
            ("517", ErrorKind::Unavailable),
            ("6", ErrorKind::Unavailable),
            ("8", ErrorKind::Unavailable),
            ("1034", ErrorKind::Unavailable),
            ("13", ErrorKind::Exhausted),
            ("14", ErrorKind::Unavailable),
            ("1", ErrorKind::Internal),
            ("", ErrorKind::Internal),
        ] {
            assert_eq!(sort_code(code).0, kind, "{code}");
        }
    }
}
