//! WRITE: the hot path.

use crate::handles::FileHandle;
use crate::{HandleId, Receipt, Result, Session};

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

    /// To be waited for before the bytes that were written so far are acknowledged. None where the
    /// handle is not open for writing any more.
    pub fn receipt(&self, handle: HandleId) -> Option<Receipt> {
        let handle = self.handles.get(handle).ok()?;
        match &handle.file {
            FileHandle::Writing(writing) | FileHandle::ReadingWriting(writing) => {
                Some(Receipt::of(&writing.file))
            }
            FileHandle::Reading(_) | FileHandle::Listing(_) => None,
        }
    }
}
