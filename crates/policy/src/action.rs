//! The things that can be done to a path.

use std::fmt;

/// One thing that can be done to a path. What is not named here needs no permission of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Reading a file's bytes.
    Read,
    /// Listing a directory and looking at attributes.
    List,
    /// Making a new file, and setting attributes of files and directories.
    Write,
    /// Replacing or changing the bytes of a file that exists.
    Overwrite,
    /// Giving a file or directory another name (at both ends).
    Rename,
    /// Removing files and directories.
    Delete,
    /// Making directories.
    Mkdir,
}

impl Action {
    /// Every action, in the order in which sets of them are written.
    pub const ALL: [Self; 7] = [
        Self::Read,
        Self::List,
        Self::Write,
        Self::Overwrite,
        Self::Rename,
        Self::Delete,
        Self::Mkdir,
    ];

    /// The name in rows, settings and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::List => "list",
            Self::Write => "write",
            Self::Overwrite => "overwrite",
            Self::Rename => "rename",
            Self::Delete => "delete",
            Self::Mkdir => "mkdir",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
