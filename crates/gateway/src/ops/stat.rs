//! STAT, LSTAT and FSTAT.

use model::{ErrorKind, VirtualPath};
use policy::Operation;
use storage::ObjectHead;

use crate::handles::FileHandle;
use crate::look::Standing;
use crate::mount::Resolved;
use crate::open_file::OpenFile;
use crate::place::Place;
use crate::{Error, FileAttributes, HandleId, Result, Session};

impl Session {
    /// What stands at a path. A file that this session is writing shows its size so far.
    ///
    /// # Errors
    /// `NotFound`, `Denied`.
    pub async fn stat(&self, path: &VirtualPath) -> Result<FileAttributes> {
        let place = match self.reach("stat", path, Operation::Stat)? {
            Resolved::Virtual => return Ok(self.directory()),
            Resolved::Stored(place) => place,
        };
        if let Some(file) = self.open_files.get(path) {
            return Ok(self.unfinished(&file));
        }
        if place.is_fixed_directory() {
            return Ok(self.directory());
        }
        let overlay = self.overlay("stat", &place).await?;
        if let Some(overlaid) = &overlay.here {
            return Ok(self.overlaid(overlaid));
        }
        let moves = self.moves("stat", path).await?;
        if let Ok(location) = place.location("stat") {
            if let Some(moved) = moves.here(&location).and_then(|found| self.moved(found)) {
                return Ok(moved);
            }
            if moves.is_away(&location) {
                return Err(not_found("stat", path));
            }
        }
        let store = self.store("stat", path, place.bucket()).await?;
        match self.look("stat", &place, &*store).await? {
            Standing::File(head) => self.stored("stat", &place, &head).await,
            Standing::Directory => self.directory_at("stat", &place).await,
            Standing::Nothing if overlay.is_directory => Ok(self.directory()),
            Standing::Nothing if moves.any_below(&place) => Ok(self.directory()),
            Standing::Nothing => Err(not_found("stat", path)),
        }
    }

    /// The same as [`Self::stat`]: there are no links.
    ///
    /// # Errors
    /// As [`Self::stat`].
    pub async fn lstat(&self, path: &VirtualPath) -> Result<FileAttributes> {
        self.stat(path).await
    }

    /// What is open under a handle; the size of a file that is being written is its size so far.
    ///
    /// # Errors
    /// `Invalid` where there is no such handle.
    pub async fn stat_handle(&self, handle: HandleId) -> Result<FileAttributes> {
        match &self.handles.get(handle)?.file {
            FileHandle::Reading(reading) => Ok(reading.attributes.clone()),
            FileHandle::Writing(writing) | FileHandle::ReadingWriting(writing) => {
                Ok(self.unfinished(&writing.file))
            }
            FileHandle::Listing(listing) => self.stat(listing.path()).await,
        }
    }

    /// A file that this session is writing.
    pub(crate) fn unfinished(&self, file: &OpenFile) -> FileAttributes {
        self.file(file.transfer.len(), file.opened, file.attributes())
    }

    /// A file that stands in the store, with what clients set of it.
    pub(crate) async fn stored(
        &self,
        operation: &str,
        place: &Place,
        head: &ObjectHead,
    ) -> Result<FileAttributes> {
        let location = place.location(operation)?;
        let set = self
            .attributes_of(operation, place, &location, head)
            .await?;
        Ok(self.file(head.size, head.last_modified, set))
    }
}

pub(crate) fn not_found(operation: &str, path: &VirtualPath) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("{operation} {path}: no such file or directory"),
    )
}
