//! `ImportEntry`: one file or directory of another server, and what became of it here.

use std::fmt;
use std::str::FromStr;

use model::{Location, Timestamp, TransferId};

use crate::Result;
use crate::row::Row;
use crate::transfers::location;

/// What it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ImportKind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// Neither: a link, a socket, a name that cannot be.
    Other,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ImportState {
    /// It stands at its target as it was at the source.
    Moved,
    /// The same content stood at its target already, put there by others.
    Same,
    /// Its upload was begun, and has not ended.
    Begun,
    /// Somebody else's stands at its target and was left alone.
    Kept,
    /// It cannot move.
    Refused,
    /// It changed again and again while it was read.
    Changing,
    /// It could not be read or written.
    Failed,
    /// It has gone from the source and stays at its target.
    Gone,
    /// It has gone from the source, and from its target as well.
    Deleted,
}

macro_rules! words {
    ($type:ty { $($variant:ident => $word:literal,)* }) => {
        impl $type {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in rows and reports.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let found = Self::ALL.iter().find(|known| known.as_str() == text);
                found.copied().ok_or_else(|| format!("{text:?} is none of the known words"))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(ImportKind {
    File => "file",
    Directory => "directory",
    Other => "other",
});

words!(ImportState {
    Moved => "moved",
    Same => "same",
    Begun => "begun",
    Kept => "kept",
    Refused => "refused",
    Changing => "changing",
    Failed => "failed",
    Gone => "gone",
    Deleted => "deleted",
});

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportEntry {
    /// Its name at the source, relative to where the job begins; bytes that are no plain text are
    /// written as `\xNN`, a backslash as `\\`.
    pub name: String,
    /// What it is.
    pub kind: ImportKind,
    /// What became of it.
    pub state: ImportState,
    /// Bytes at the source.
    pub size: u64,
    /// Last modified at the source.
    pub mtime: Timestamp,
    /// Permission bits at the source.
    pub mode: Option<u32>,
    /// What else tells one state at the source from another: the ETag of an object.
    pub version: Option<String>,
    /// Where it goes; none where it cannot.
    pub target: Option<Location>,
    /// SHA-256 of its bytes as they were read, in hexadecimal digits.
    pub sha256: Option<String>,
    /// The ETag of what this job put at its target.
    pub etag: Option<String>,
    /// The upload that did, or that is to be gone on with.
    pub transfer: Option<TransferId>,
    /// Why it is in this state, where that needs a word.
    pub reason: Option<String>,
    /// The last pass that saw it at the source.
    pub seen: u64,
    /// The last pass that changed something at its target.
    pub changed: u64,
}

impl ImportEntry {
    pub(crate) fn of(row: &Row) -> Result<Self> {
        let target = match row.text_or_null("bucket")? {
            Some(_) => Some(location(row)?),
            None => None,
        };
        Ok(Self {
            name: row.text("name")?,
            kind: row.parsed("kind")?,
            state: row.parsed("state")?,
            size: row.unsigned("size")?,
            mtime: row.time("mtime")?,
            mode: row.small_or_null("mode")?,
            version: row.text_or_null("version")?,
            target,
            sha256: row.text_or_null("sha256")?,
            etag: row.text_or_null("etag")?,
            transfer: row.parsed_or_null("transfer")?,
            reason: row.text_or_null("reason")?,
            seen: row.unsigned("seen")?,
            changed: row.unsigned("changed")?,
        })
    }
}
