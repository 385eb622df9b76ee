//! What the operating system says, as an error of the store.

use std::io;

use model::ErrorKind;
use rustix::io::Errno;

use crate::Error;

/// What is being tried, for error messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct On<'a> {
    pub(super) operation: &'static str,
    pub(super) key: &'a str,
}

impl On<'_> {
    /// A failure for a reason of our own.
    pub(super) fn fail(self, kind: ErrorKind, reason: impl Into<String>) -> Error {
        Error::new(kind, self.operation, self.key, reason)
    }

    /// A key that cannot be on disk.
    pub(super) fn invalid(self, reason: &str) -> Error {
        self.fail(ErrorKind::Invalid, reason)
    }

    /// There is no such object.
    pub(super) fn missing(self) -> Error {
        self.fail(ErrorKind::NotFound, "no such object")
    }

    /// A condition or a state that does not hold.
    pub(super) fn conflict(self, reason: &str) -> Error {
        self.fail(ErrorKind::Conflict, reason)
    }

    /// A failed system call.
    pub(super) fn io(self, error: io::Error) -> Error {
        let (kind, reason) = explain(&error);
        self.fail(kind, reason).caused_by(error)
    }

    /// A failed system call on the way to an object that is looked for.
    pub(super) fn look(self, error: io::Error) -> Error {
        if is_absence(&error) {
            self.missing()
        } else {
            self.io(error)
        }
    }
}

/// Whether `error` means that nothing of the kind that was looked for is there.
pub(super) fn is_absence(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG)
    )
}

/// Whether `error` is this one.
pub(super) fn is(error: &io::Error, errno: Errno) -> bool {
    Errno::from_io_error(error) == Some(errno)
}

fn explain(error: &io::Error) -> (ErrorKind, &'static str) {
    use ErrorKind as Kind;
    match Errno::from_io_error(error) {
        Some(Errno::NOSPC) => (Kind::Exhausted, "the disk is full"),
        Some(Errno::DQUOT) => (Kind::Exhausted, "the disk quota is used up"),
        Some(Errno::FBIG) => (
            Kind::Exhausted,
            "the file system takes no file of that size",
        ),
        Some(Errno::MFILE | Errno::NFILE) => (Kind::Unavailable, "too many files are open"),
        Some(Errno::ROFS) => (Kind::Unavailable, "the file system is mounted read-only"),
        Some(Errno::IO) => (Kind::Unavailable, "the disk reports an error"),
        Some(Errno::STALE) => (Kind::Unavailable, "the file system went away"),
        Some(Errno::ACCESS | Errno::PERM) => (Kind::Denied, "the file system denies it"),
        Some(Errno::NOENT) => (Kind::NotFound, "no such file"),
        Some(Errno::NOTDIR) => (Kind::Conflict, "a file stands where a folder is needed"),
        Some(Errno::ISDIR) => (Kind::Conflict, "a folder stands there"),
        Some(Errno::EXIST) => (Kind::Conflict, "something stands there already"),
        Some(Errno::LOOP) => (
            Kind::Conflict,
            "a symbolic link is in the way; none is followed",
        ),
        Some(Errno::XDEV) => (Kind::Conflict, "another file system is mounted there"),
        Some(Errno::NAMETOOLONG) => (Kind::Invalid, "the path is longer than the disk takes"),
        Some(Errno::INVAL | Errno::ILSEQ) => (Kind::Invalid, "the file system takes no such name"),
        _ => (Kind::Internal, "the file system failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn the_system_s_words_become_ours() {
        let on = On {
            operation: "put",
            key: "orders/a.csv",
        };
        for (errno, kind, words) in [
            (
                Errno::NOSPC,
                ErrorKind::Exhausted,
                "put orders/a.csv: the disk is full",
            ),
            (
                Errno::DQUOT,
                ErrorKind::Exhausted,
                "put orders/a.csv: the disk quota is used up",
            ),
            (
                Errno::ROFS,
                ErrorKind::Unavailable,
                "put orders/a.csv: the file system is mounted read-only",
            ),
            (
                Errno::IO,
                ErrorKind::Unavailable,
                "put orders/a.csv: the disk reports an error",
            ),
            (
                Errno::ACCESS,
                ErrorKind::Denied,
                "put orders/a.csv: the file system denies it",
            ),
            (
                Errno::NOTDIR,
                ErrorKind::Conflict,
                "put orders/a.csv: a file stands where a folder is needed",
            ),
            (
                Errno::NOTRECOVERABLE,
                ErrorKind::Internal,
                "put orders/a.csv: the file system failed",
            ),
        ] {
            let error = on.io(errno.into());
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, words));
            assert!(error.source().is_some() && !error.outcome_unknown());
        }
    }

    #[test]
    fn what_cannot_be_there_is_not_found() {
        let on = On {
            operation: "get",
            key: "a",
        };
        for errno in [Errno::NOENT, Errno::NOTDIR, Errno::LOOP, Errno::NAMETOOLONG] {
            assert_eq!(on.look(errno.into()).kind(), ErrorKind::NotFound);
        }
        assert_eq!(on.look(Errno::ACCESS.into()).kind(), ErrorKind::Denied);
    }
}
