//! `fsync@openssh.com`.

use crate::handles::FileHandle;
use crate::{Error, HandleId, Result, Session};

impl Session {
    /// Waits until what was sent to the store so far is answered, and reports what failed. Nothing
    /// is visible before CLOSE, and CLOSE is durable by itself.
    ///
    /// # Errors
    /// What an earlier part failed with.
    pub async fn sync(&self, handle: HandleId) -> Result<()> {
        let handle = self.handles.get(handle)?;
        match &handle.file {
            FileHandle::Writing(writing) | FileHandle::ReadingWriting(writing) => {
                let settled = writing.file.transfer.settle().await;
                settled.map_err(|error| Error::transfer("sync", &writing.file.path(), error))
            }
            FileHandle::Reading(_) => Ok(()),
            FileHandle::Listing(_) => Err(handle.file.cannot("sync")),
        }
    }
}
