//! How a file is opened, and what comes back.

use std::fmt;

use crate::AttributeChanges;

/// An open file or directory of one session. Numbers are not used again within a session.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HandleId(pub u32);

impl fmt::Display for HandleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for HandleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandleId({})", self.0)
    }
}

/// What OPEN asks for, in the words of SFTP version 3 section 6.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenOptions {
    /// For reading.
    pub read: bool,
    /// For writing.
    pub write: bool,
    /// A missing file is made. What stood at the path stays until CLOSE.
    pub create: bool,
    /// The file begins empty.
    pub truncate: bool,
    /// With `create`: an existing file is an error.
    pub exclusive: bool,
    /// Every write goes to the end, in the order of arrival, whatever its offset says.
    pub append: bool,
    /// For a file that is made by this. Existing files keep theirs; `size` is a hint only.
    pub attributes: AttributeChanges,
}

/// Whether a rename may replace what stands at its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// RENAME of SFTP version 3: an existing target is an error.
    Refuse,
    /// `posix-rename@openssh.com`: a file at the target is replaced.
    Replace,
}
