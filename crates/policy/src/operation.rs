//! The one table of what each file operation needs: S3 actions, and of what they are asked.

use std::fmt;

use crate::{Action, S3Action};

/// Something that a client does, as policy sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// OPEN for reading, and the reads that follow.
    Read,
    /// OPEN for writing of a file that is not there.
    Create,
    /// OPEN for writing of a file that is there, when all of its bytes are replaced.
    Overwrite,
    /// Going on with an unfinished upload of one's own.
    Resume,
    /// APPEND, writing without TRUNC and changes of size, where bytes of the old content survive.
    Change,
    /// OPENDIR and READDIR.
    List,
    /// STAT, LSTAT and statvfs.
    Stat,
    /// SETSTAT of times and modes.
    SetAttributes,
    /// MKDIR.
    MakeDirectory,
    /// RMDIR.
    RemoveDirectory,
    /// REMOVE.
    Remove,
    /// RENAME and posix-rename of a file.
    Rename,
    /// The same of a directory: besides, [`Self::Rename`] is asked for each file below it.
    RenameDirectory,
    /// RENAME of a temporary name, whose bytes never stood in the bucket.
    RenameTemporary,
    /// copy-data from one file to another.
    Copy,
}

/// Of what an action is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// The object at the path.
    Object,
    /// The directory's marker: the object `key/`.
    Marker,
    /// The bucket, with the directory's `key/` as `s3:prefix`, and `/` as `s3:delimiter`.
    Listing,
    /// The bucket, with the path's key as `s3:prefix`, and `/` as `s3:delimiter`.
    Name,
    /// The object at the path that the operation leads to.
    TargetObject,
    /// The marker there.
    TargetMarker,
}

/// One action, and of what it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Need {
    /// The action.
    pub action: S3Action,
    /// Of what.
    pub subject: Subject,
}

const fn need(action: S3Action, subject: Subject) -> Need {
    Need { action, subject }
}

const GET: Need = need(S3Action::GetObject, Subject::Object);
const PUT: Need = need(S3Action::PutObject, Subject::Object);
const DELETE: Need = need(S3Action::DeleteObject, Subject::Object);
const PUT_TARGET: Need = need(S3Action::PutObject, Subject::TargetObject);
const LIST: Need = need(S3Action::ListBucket, Subject::Listing);
const LIST_NAME: Need = need(S3Action::ListBucket, Subject::Name);
const PUT_MARKER: Need = need(S3Action::PutObject, Subject::Marker);
const DELETE_MARKER: Need = need(S3Action::DeleteObject, Subject::Marker);
const GET_MARKER: Need = need(S3Action::GetObject, Subject::Marker);
const PUT_TARGET_MARKER: Need = need(S3Action::PutObject, Subject::TargetMarker);

impl Operation {
    /// Every operation, in the order of the documentation.
    pub const ALL: [Self; 15] = [
        Self::Read,
        Self::Create,
        Self::Overwrite,
        Self::Resume,
        Self::Change,
        Self::List,
        Self::Stat,
        Self::SetAttributes,
        Self::MakeDirectory,
        Self::RemoveDirectory,
        Self::Remove,
        Self::Rename,
        Self::RenameDirectory,
        Self::RenameTemporary,
        Self::Copy,
    ];

    /// What must be allowed: every entry, and of each entry one of its needs.
    pub fn needs(self) -> &'static [&'static [Need]] {
        match self {
            Self::Read => &[&[GET]],
            Self::Create | Self::Overwrite | Self::Resume | Self::SetAttributes => &[&[PUT]],
            Self::Change => &[&[PUT], &[GET]],
            Self::List => &[&[LIST]],
            // Who may list a name or read a file may know its size and time.
            Self::Stat => &[&[LIST_NAME, LIST, GET]],
            Self::MakeDirectory => &[&[PUT_MARKER]],
            Self::RemoveDirectory => &[&[DELETE_MARKER]],
            Self::Remove => &[&[DELETE]],
            Self::Rename => &[&[GET], &[DELETE], &[PUT_TARGET]],
            Self::RenameDirectory => &[&[GET_MARKER], &[DELETE_MARKER], &[PUT_TARGET_MARKER]],
            // Nothing is read from the bucket or deleted in it: who may send may also rename.
            Self::RenameTemporary => &[&[PUT], &[PUT_TARGET]],
            Self::Copy => &[&[GET], &[PUT_TARGET]],
        }
    }

    /// The permission that the mount must grant besides, at both paths where there are two.
    pub fn permission(self) -> Action {
        match self {
            Self::Read | Self::Copy => Action::Read,
            Self::Create | Self::Resume | Self::SetAttributes => Action::Write,
            Self::Overwrite | Self::Change => Action::Overwrite,
            Self::List | Self::Stat => Action::List,
            Self::MakeDirectory => Action::Mkdir,
            Self::RemoveDirectory | Self::Remove => Action::Delete,
            Self::Rename | Self::RenameDirectory | Self::RenameTemporary => Action::Rename,
        }
    }

    /// Whether it leads to a second path.
    pub fn has_target(self) -> bool {
        let of_target =
            |need: &Need| matches!(need.subject, Subject::TargetObject | Subject::TargetMarker);
        self.needs().iter().copied().flatten().any(of_target)
    }

    /// A word for commands, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Overwrite => "overwrite",
            Self::Resume => "resume",
            Self::Change => "change",
            Self::List => "list",
            Self::Stat => "stat",
            Self::SetAttributes => "set-attributes",
            Self::MakeDirectory => "mkdir",
            Self::RemoveDirectory => "rmdir",
            Self::Remove => "remove",
            Self::Rename => "rename",
            Self::RenameDirectory => "rename-directory",
            Self::RenameTemporary => "rename-temporary",
            Self::Copy => "copy",
        }
    }

    /// The operation of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|operation| operation.as_str() == word)
    }

    /// What it is in the words of SFTP, for the documentation.
    pub fn title(self) -> &'static str {
        match self {
            Self::Read => "OPEN for reading",
            Self::Create => "OPEN for writing, a new file",
            Self::Overwrite => "OPEN for writing, a file that is there and is replaced whole",
            Self::Resume => "going on with an unfinished upload of one's own",
            Self::Change => "APPEND, writing into a file, changing its size: old bytes survive",
            Self::List => "OPENDIR, READDIR",
            Self::Stat => "STAT, LSTAT, statvfs",
            Self::SetAttributes => "SETSTAT (times, mode)",
            Self::MakeDirectory => "MKDIR",
            Self::RemoveDirectory => "RMDIR",
            Self::Remove => "REMOVE",
            Self::Rename => "RENAME, posix-rename of a file",
            Self::RenameDirectory => "RENAME of a directory, and the row above for each file in it",
            Self::RenameTemporary => "RENAME of a temporary name (`x.filepart` to `x`)",
            Self::Copy => "copy-data",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Object => "`bucket/key`",
            Self::Marker => "`bucket/key/`",
            Self::Listing => "`bucket`, `s3:prefix` = `key/`",
            Self::Name => "`bucket`, `s3:prefix` = `key`",
            Self::TargetObject => "`bucket/key` of the target",
            Self::TargetMarker => "`bucket/key/` of the target",
        })
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` on {}", self.action, self.subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_and_buckets_are_asked_for_what_they_have() {
        for operation in Operation::ALL {
            assert_eq!(Operation::parse(operation.as_str()), Some(operation));
            for need in operation.needs().iter().copied().flatten() {
                let bucket = matches!(need.subject, Subject::Listing | Subject::Name);
                assert_eq!(need.action.is_of_objects(), !bucket, "{operation}: {need}");
            }
        }
    }
}
