//! WRITE: the hot path.

use crate::handles::FileHandle;
use crate::{HandleId, Result, Session};

impl Session {
    /// Takes bytes at an offset. Returns at once: the bytes are copied and not stored yet. What
    /// may be done with the handle was decided at OPEN; it is again once policy has changed.
    ///
    /// # Errors
    /// What an earlier part failed with, and what this offset cannot be taken for.
    pub fn write(&self, handle: HandleId, offset: u64, piece: &[u8]) -> Result<()> {
        let handle = self.handle("write", handle)?;
        match &handle.file {
            FileHandle::Writing(writing) | FileHandle::ReadingWriting(writing) => {
                writing.write(offset, piece)
            }
            FileHandle::Reading(_) | FileHandle::Listing(_) => Err(handle.file.cannot("write")),
        }
    }
}
