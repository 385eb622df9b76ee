//! A user's session at one channel: its verbs.

use bytes::Bytes;
use model::{ErrorKind, SessionId, VirtualPath};

use crate::{
    AttributeChanges, DirectoryEntry, Error, FileAttributes, HandleId, OpenOptions, Overwrite,
    Result, Space, Turns,
};

/// A user's session at one channel (an SFTP subsystem or an `scp` command).
///
/// Verbs may be called side by side; those on one path are ordered by [`Session::turns`]. Every
/// verb that changes something returns when the change is in the store and its facts are in the
/// database.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    working_directory: VirtualPath,
    turns: Turns,
}

impl Session {
    /// Its id, as events and audit rows name it.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Where relative paths begin: `/` for a logical home, `/bucket/prefix` for one by path.
    pub fn working_directory(&self) -> &VirtualPath {
        &self.working_directory
    }

    /// Reads a path as a client sent it; it need not exist.
    ///
    /// # Errors
    /// `Invalid` where it is not UTF-8, holds control characters or is too long.
    pub fn resolve(&self, raw: &[u8]) -> Result<VirtualPath> {
        VirtualPath::parse(raw, &self.working_directory)
            .map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))
    }

    /// The order of verbs on one path.
    pub fn turns(&self) -> &Turns {
        &self.turns
    }

    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `Conflict` (EXCL on an existing file), `Exhausted` (handles).
    pub async fn open(&self, path: &VirtualPath, options: &OpenOptions) -> Result<HandleId> {
        let _ = options;
        Err(unsupported("open", path))
    }

    /// Closes a handle. For a file open for writing, its last handle's CLOSE publishes it: OK
    /// means stored and committed. The handle is gone whatever the answer.
    ///
    /// # Errors
    /// Whatever kept the file from being stored; see [`Error::outcome_unknown`].
    pub async fn close(&self, handle: HandleId) -> Result<()> {
        Err(bad_handle(handle))
    }

    /// Takes bytes at an offset. Returns at once: the bytes are copied and not stored yet.
    ///
    /// # Errors
    /// What an earlier part failed with, and what this offset cannot be taken for.
    pub fn write(&self, handle: HandleId, offset: u64, piece: &[u8]) -> Result<()> {
        let _ = (offset, piece);
        Err(bad_handle(handle))
    }

    /// Reads `len` bytes at `offset`, as pieces in order: all of them unless the file ends inside;
    /// nothing at or behind its end.
    ///
    /// # Errors
    /// `Conflict` where the object is another one by now, and what the store fails with.
    pub async fn read(&self, handle: HandleId, offset: u64, len: u32) -> Result<Vec<Bytes>> {
        let _ = (offset, len);
        Err(bad_handle(handle))
    }

    /// Opens a directory for listing.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `Exhausted` (handles).
    pub async fn open_directory(&self, path: &VirtualPath) -> Result<HandleId> {
        Err(unsupported("open directory", path))
    }

    /// The next entries of a listing, some at a time, in byte order; none at its end, however
    /// often it is asked. `.` and `..` are the door's to add. Calls on one handle queue up.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn read_directory(&self, handle: HandleId) -> Result<Option<Vec<DirectoryEntry>>> {
        Err(bad_handle(handle))
    }

    /// What stands at a path.
    ///
    /// # Errors
    /// `NotFound`, `Denied`.
    pub async fn stat(&self, path: &VirtualPath) -> Result<FileAttributes> {
        Err(unsupported("stat", path))
    }

    /// The same as [`Self::stat`]: there are no links.
    ///
    /// # Errors
    /// As [`Self::stat`].
    pub async fn lstat(&self, path: &VirtualPath) -> Result<FileAttributes> {
        self.stat(path).await
    }

    /// The path a handle was opened with (or renamed to since).
    ///
    /// # Errors
    /// `Invalid` where there is no such handle.
    pub fn handle_path(&self, handle: HandleId) -> Result<VirtualPath> {
        Err(bad_handle(handle))
    }

    /// What is open under a handle; the size of a file that is being written is its size so far.
    ///
    /// # Errors
    /// `Invalid` where there is no such handle.
    pub async fn stat_handle(&self, handle: HandleId) -> Result<FileAttributes> {
        Err(bad_handle(handle))
    }

    /// Changes attributes of a path.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, and `Invalid` for the size of a directory.
    pub async fn set_attributes(
        &self,
        path: &VirtualPath,
        changes: &AttributeChanges,
    ) -> Result<()> {
        let _ = changes;
        Err(unsupported("set attributes of", path))
    }

    /// Changes attributes of what is open under a handle; a size truncates or extends it.
    ///
    /// # Errors
    /// As [`Self::set_attributes`].
    pub async fn set_handle_attributes(
        &self,
        handle: HandleId,
        changes: &AttributeChanges,
    ) -> Result<()> {
        let _ = changes;
        Err(bad_handle(handle))
    }

    /// Removes a file.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `Invalid` for a directory.
    pub async fn remove(&self, path: &VirtualPath) -> Result<()> {
        Err(unsupported("remove", path))
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// `Conflict` where something stands there, `Denied`.
    pub async fn make_directory(
        &self,
        path: &VirtualPath,
        attributes: &AttributeChanges,
    ) -> Result<()> {
        let _ = attributes;
        Err(unsupported("make directory", path))
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` where it is not empty, `Denied`, `Invalid` for a file.
    pub async fn remove_directory(&self, path: &VirtualPath) -> Result<()> {
        Err(unsupported("remove directory", path))
    }

    /// Gives a file or directory another name.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` where the target exists and may not be replaced, `Denied`.
    pub async fn rename(
        &self,
        from: &VirtualPath,
        to: &VirtualPath,
        overwrite: Overwrite,
    ) -> Result<()> {
        let _ = (to, overwrite);
        Err(unsupported("rename", from))
    }

    /// Copies bytes from a file that is open for reading into one that is open for writing,
    /// without their passing the client (`copy-data`). `len` 0 means up to the end.
    ///
    /// # Errors
    /// `Invalid` for handles that are not open that way.
    pub async fn copy_data(
        &self,
        from: HandleId,
        from_offset: u64,
        len: u64,
        to: HandleId,
        to_offset: u64,
    ) -> Result<()> {
        let _ = (from_offset, len, to, to_offset);
        Err(bad_handle(from))
    }

    /// `fsync@openssh.com`: reports what failed so far. Nothing is visible before CLOSE, and CLOSE
    /// is durable by itself.
    ///
    /// # Errors
    /// What an earlier part failed with.
    pub async fn sync(&self, handle: HandleId) -> Result<()> {
        Err(bad_handle(handle))
    }

    /// How much room there is.
    ///
    /// # Errors
    /// `Denied` outside the user's tree.
    pub async fn space(&self, path: &VirtualPath) -> Result<Space> {
        Err(unsupported("statvfs", path))
    }

    /// The connection is gone: aborts what was not CLOSEd, waits (bounded) for commits in
    /// progress, and releases every handle.
    pub async fn end(&self) {}
}

fn unsupported(operation: &str, path: &VirtualPath) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("{operation} {path}: not offered yet"),
    )
}

fn bad_handle(handle: HandleId) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!("handle {handle} is not open in this session"),
    )
}
