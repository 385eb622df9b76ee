//! What is told of a file or directory, and what a client may change of it.

use model::Timestamp;

/// File or directory. Symbolic links and special files do not exist here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// Bytes under a key.
    File,
    /// A prefix, or an entry of the user's mappings.
    Directory,
}

/// What STAT and listings say of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileAttributes {
    /// File or directory.
    pub kind: FileKind,
    /// Bytes; 0 for directories.
    pub size: u64,
    /// Permission bits alone (`0o7777` at most), without the type.
    pub mode: u32,
    /// Last modified: what a client set, else when the store took the object.
    pub mtime: Timestamp,
    /// Last read, as a client set it; else the same as `mtime`.
    pub atime: Timestamp,
    /// The owner's name: the user himself.
    pub owner: String,
    /// The group's name.
    pub group: String,
    /// A number for the owner; the same for everything in a session.
    pub uid: u32,
    /// A number for the group; the same for everything in a session.
    pub gid: u32,
}

impl FileAttributes {
    /// Whether this is a directory.
    pub fn is_directory(&self) -> bool {
        self.kind == FileKind::Directory
    }
}

/// What SETSTAT, FSETSTAT or OPEN want to be changed; absent means "as it is".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AttributeChanges {
    /// A new length in bytes. At OPEN a hint only, which is not looked at.
    pub size: Option<u64>,
    /// Permission bits; a file type in it is cut off.
    pub mode: Option<u32>,
    /// Last modified.
    pub mtime: Option<Timestamp>,
    /// Last read.
    pub atime: Option<Timestamp>,
    /// Numbers of owner and group. Accepted and not kept: everything belongs to the user.
    pub owner: Option<(u32, u32)>,
}

/// One entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Its name: no slash, no control character, never empty.
    pub name: String,
    /// The same as STAT would say.
    pub attributes: FileAttributes,
}

/// What statvfs says. Object stores have no end, so the numbers there are large and made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes in all.
    pub total_bytes: u64,
    /// Bytes that can still be written.
    pub free_bytes: u64,
    /// The unit that doors may divide the above by, in bytes.
    pub block_size: u64,
    /// The longest name in bytes.
    pub max_name_bytes: u64,
    /// Whether nothing may be written.
    pub read_only: bool,
}

impl AttributeChanges {
    /// Whether nothing is asked for that is kept.
    pub(crate) fn sets_nothing(&self) -> bool {
        self.size.is_none() && transfer::Attributes::from(self).is_empty()
    }
}

impl From<&AttributeChanges> for transfer::Attributes {
    fn from(changes: &AttributeChanges) -> Self {
        Self {
            mtime: changes.mtime,
            atime: changes.atime,
            mode: changes.mode.map(|mode| mode & 0o7777),
        }
    }
}
