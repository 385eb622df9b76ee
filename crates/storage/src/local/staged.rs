//! A file that is written aside before it stands at its key.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use rustix::fs::{FlockOperation, flock, futimens};

use super::folder::Folder;
use super::{attributes, state};
use crate::{Body, Metadata};

/// A file in a folder of unfinished ones; removed when it is dropped unpublished.
#[derive(Debug)]
pub(super) struct Staged<'d> {
    folder: &'d Folder,
    name: String,
    file: File,
}

impl<'d> Staged<'d> {
    /// A new one in `folder`, locked so that no sweep takes it for a leftover.
    pub(super) fn new(folder: &'d Folder) -> io::Result<Self> {
        let name = format!("{:032x}", rand::random::<u128>());
        let file = folder.create(&name)?;
        let staged = Self { folder, name, file };
        // Where the file system has no locks, a second process that starts meanwhile could
        // sweep it; publication then fails, and the object at the key stays.
        let _ = flock(&staged.file, FlockOperation::NonBlockingLockExclusive);
        Ok(staged)
    }

    /// The file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Where it is now.
    pub(super) fn place(&self) -> (&Folder, &str) {
        (self.folder, &self.name)
    }

    /// It stands at its key now.
    pub(super) fn published(mut self) {
        self.name.clear();
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        if !self.name.is_empty()
            && let Err(error) = self.folder.remove(&self.name)
        {
            tracing::warn!(%error, file = self.name, "a staged file could not be removed");
        }
    }
}

/// Writes `body` at `offset`.
pub(super) fn write_body(file: &File, body: &Body, mut offset: u64) -> io::Result<()> {
    for chunk in body.chunks() {
        file.write_all_at(chunk, offset)?;
        offset += chunk.len() as u64;
    }
    Ok(())
}

/// Gives a finished file its attributes and its time, and makes it durable. Returns its ETag,
/// which it keeps when it is renamed.
pub(super) fn seal(
    file: &File,
    metadata: &Metadata,
    content_type: Option<&str>,
) -> io::Result<String> {
    attributes::describe(file, metadata, content_type)?;
    futimens(file, &state::unique_now())?;
    file.sync_all()?;
    Ok(state::etag(&rustix::fs::fstat(file)?))
}
