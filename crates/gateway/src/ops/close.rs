//! CLOSE: of a file that was written, its last one means stored and committed.

use std::sync::Arc;

use model::ErrorKind;
use policy::Operation;
use transfer::{Left, Publication};

use crate::handles::FileHandle;
use crate::open_file::{Fate, OpenFile};
use crate::quota::full;
use crate::rights::Grant;
use crate::{AttributeChanges, Error, HandleId, Result, Session};

impl Session {
    /// Closes a handle. For a file open for writing, its last handle's CLOSE publishes it: OK
    /// means stored and committed. The handle is gone whatever the answer.
    ///
    /// # Errors
    /// Whatever kept the file from being stored; see [`Error::outcome_unknown`].
    pub async fn close(&self, handle: HandleId) -> Result<()> {
        let handle = self.handles.remove(handle)?;
        match &handle.file {
            FileHandle::Writing(writing) | FileHandle::ReadingWriting(writing) => {
                if !self.open_files.leave(&writing.file) {
                    return Ok(());
                }
                let file = Arc::clone(&writing.file);
                let path = file.path();
                let handle = Arc::clone(&handle);
                self.to_the_end("close", &path, |session| async move {
                    session.end_file(file, &handle.grant).await
                })
                .await
            }
            FileHandle::Reading(_) => {
                self.note_download(&handle.file);
                Ok(())
            }
            FileHandle::Listing(_) => Ok(()),
        }
    }

    /// Closes a handle without publishing what was written through it, for doors whose protocol
    /// says that a file did not come whole. Another handle on the file goes on.
    ///
    /// # Errors
    /// `Invalid` where there is no such handle.
    pub async fn discard(&self, handle: HandleId) -> Result<()> {
        let handle = self.handles.remove(handle)?;
        if let FileHandle::Writing(writing) | FileHandle::ReadingWriting(writing) = &handle.file
            && self.open_files.leave(&writing.file)
        {
            let transfer = &writing.file.transfer;
            transfer.abandon("the client gave it up").await;
        }
        Ok(())
    }

    async fn end_file(&self, file: Arc<OpenFile>, grant: &Grant) -> Result<()> {
        let fate = file.fate();
        if let Fate::Discard = fate {
            file.transfer
                .abandon("the file was removed while it was open")
                .await;
            return Ok(());
        }
        if let Some(why) = file.refused() {
            file.transfer.abandon(why).await;
            return Err(full("close", &file.path(), why));
        }
        if file.transfer.is_untouched() {
            return self.end_untouched(&file, fate).await;
        }
        let may = self.check_standing(&file, grant);
        if let Err(error) = may.and_then(|()| self.check_change(&file)) {
            return Err(self.keep_unpublished(&file, error).await);
        }
        self.check_complete(&file, &file.path()).await?;
        if let Err(error) = self.check_fits(&file).await {
            file.transfer
                .abandon("it does not fit into the quota")
                .await;
            return Err(error);
        }
        let publication = Publication {
            condition: file.condition.clone(),
            attributes: file.attributes(),
            path: file.place.path.clone(),
        };
        let finished = file.transfer.finish(publication).await;
        finished.map_err(|error| Error::transfer("close", &file.path(), error))?;
        self.rename_ended(&file, fate).await
    }

    /// Whether what was granted at OPEN still is.
    fn check_standing(&self, file: &OpenFile, grant: &Grant) -> Result<()> {
        self.standing.check("close", &file.path())?;
        self.check_grant("close", grant)
    }

    /// Whether what survives of the old bytes may be changed.
    fn check_change(&self, file: &OpenFile) -> Result<()> {
        match file.transfer.keeps_base() {
            true => self.check("close", &file.place, Operation::Change),
            false => Ok(()),
        }
    }

    /// The user may not publish any more: what is safe of the file is his still, if he comes back.
    async fn keep_unpublished(&self, file: &OpenFile, refused: Error) -> Error {
        match self.leave(file, "the user may not publish it").await {
            Left::Unfinished { .. } => {
                let text = format!("{refused}; the file is kept unfinished");
                Error::new(refused.kind(), text).caused_by(refused)
            }
            Left::Nothing => refused,
        }
    }

    /// Nothing was written into a file that existed: it stays, with what was set of it.
    async fn end_untouched(&self, file: &OpenFile, fate: Fate) -> Result<()> {
        file.transfer.release().await;
        if file.is_changed() {
            let set = file.attributes();
            let changes = AttributeChanges {
                mode: set.mode,
                mtime: set.mtime,
                atime: set.atime,
                ..AttributeChanges::default()
            };
            self.set_attributes(&file.place.path, &changes).await?;
        }
        self.rename_ended(file, fate).await
    }

    /// A rename that came while the file was open.
    async fn rename_ended(&self, file: &OpenFile, fate: Fate) -> Result<()> {
        let Fate::Rename(to, overwrite) = fate else {
            return Ok(());
        };
        let renamed = self.rename_closed(&file.place, &to, overwrite).await;
        renamed.map_err(|error| {
            let text = format!(
                "close {}: it is stored as {}, and could not be renamed: {error}",
                to.path, file.place.path
            );
            Error::new(ErrorKind::Conflict, text).caused_by(error)
        })
    }
}
