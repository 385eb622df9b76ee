//! READ: full, unless the file ends inside.

use bytes::Bytes;

use crate::handles::FileHandle;
use crate::{Error, HandleId, Result, Session};

impl Session {
    /// Reads `len` bytes at `offset`, as pieces in order: all of them unless the file ends inside;
    /// nothing at or behind its end.
    ///
    /// # Errors
    /// `Conflict` where the object is another one by now, and what the store fails with.
    pub async fn read(&self, handle: HandleId, offset: u64, len: u32) -> Result<Vec<Bytes>> {
        let handle = self.handle("read", handle)?;
        match &handle.file {
            FileHandle::Reading(reading) => reading.read(offset, len).await,
            FileHandle::ReadingWriting(writing) => {
                let wanted = usize::try_from(len).unwrap_or(usize::MAX);
                let read = writing.file.transfer.read(offset, wanted).await;
                read.map_err(|error| Error::transfer("read", &writing.file.path(), error))
            }
            FileHandle::Writing(_) | FileHandle::Listing(_) => Err(handle.file.cannot("read")),
        }
    }
}
