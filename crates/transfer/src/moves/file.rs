//! The move of one object: its copy, the removal of the old key, the commit; all of it once more
//! where something goes wrong, since every step recognises what was done.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use database::{MoveEnd, MoveOutcome, NewMove, Publication};
use model::{ErrorKind, VirtualPath};
use storage::{CopyOptions, MultipartUpload, ObjectStore, Precondition, UploadId, Written};

use super::claims::MoveClaims;
use super::running::Guard;
use super::{OPERATION, facts};
use crate::copy::{Copy, Journal, metadata_of_copy};
use crate::transfers::Core;
use crate::{Attributes, Error, Original, Result, metrics, proof};

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// One object on its way to another key. Whoever runs it holds the claims of both.
pub(super) struct FileMove {
    core: Arc<Core>,
    begun: NewMove,
    path: VirtualPath,
    original: Original,
    target: Arc<dyn ObjectStore>,
    /// The multipart upload of the copy, as it is on record.
    upload: Mutex<Option<UploadId>>,
    /// Something of it may be done already.
    is_repeated: bool,
    /// It has a row of its own.
    is_journaled: bool,
    /// The rights to both keys, to be given back with the commit.
    publications: Vec<Publication>,
    _running: Option<Guard>,
}

/// Where an attempt ended.
enum Stop {
    Copy(storage::Error),
    Delete(storage::Error, Written),
    Commit(database::Error),
}

impl FileMove {
    pub(super) fn new(
        core: Arc<Core>,
        begun: NewMove,
        original: Original,
        target: Arc<dyn ObjectStore>,
    ) -> Self {
        Self {
            core,
            path: path_of(&begun),
            begun,
            original,
            target,
            upload: Mutex::default(),
            is_repeated: false,
            is_journaled: true,
            publications: Vec::new(),
            _running: None,
        }
    }

    /// One that this process is known to be at until its end.
    pub(super) fn entered(mut self, running: Guard) -> Self {
        self._running = Some(running);
        self
    }

    /// The same under these claims.
    pub(super) fn with(mut self, claims: &MoveClaims) -> Self {
        self.publications = claims.publications();
        self
    }

    /// One that was begun before, perhaps by another node.
    pub(super) fn resumed(
        mut self,
        upload: Option<String>,
        publications: Vec<Publication>,
    ) -> Self {
        self.publications = publications;
        self.upload = Mutex::new(upload.map(UploadId));
        self.is_repeated = true;
        self
    }

    /// One whose row is the directory's that it belongs to.
    pub(super) fn without_row(mut self) -> Self {
        self.is_journaled = false;
        self
    }

    pub(super) async fn run(mut self) -> Result<()> {
        let settings = &self.core.settings;
        let mut pause = settings.move_pause;
        for _ in 1..settings.move_attempts.max(1) {
            match Box::pin(self.attempt()).await {
                Ok(()) => return Ok(()),
                Err(stop) if stop.may_pass() => {
                    tracing::warn!(id = %self.begun.id, path = %self.path, error = %stop.error(), "a rename is tried again");
                }
                Err(stop) => return Box::pin(self.give_up(stop)).await,
            }
            self.is_repeated = true;
            tokio::time::sleep(pause).await;
            pause = (pause * 4).min(LONGEST_PAUSE);
        }
        match Box::pin(self.attempt()).await {
            Ok(()) => Ok(()),
            Err(stop) => Box::pin(self.give_up(stop)).await,
        }
    }

    async fn attempt(&self) -> Result<(), Stop> {
        let written = self.moved_or_copied().await.map_err(Stop::Copy)?;
        if let Err(error) = self.remove_old().await {
            return Err(Stop::Delete(error, written));
        }
        self.commit(&written, None).await.map_err(Stop::Commit)
    }

    /// Lets the object stand at its new key; whether it still stands at the old one is not said.
    async fn moved_or_copied(&self) -> storage::Result<Written> {
        if self.is_repeated
            && let Some(written) =
                proof::look(&self.target, &self.begun.to.key, self.begun.id).await
        {
            return Ok(written);
        }
        let copy = self.copy();
        if let Some(renamed) = self.rename(&copy).await {
            return renamed;
        }
        self.check_free(self.target.capabilities().copy_conditions)
            .await?;
        copy.run().await
    }

    fn copy(&self) -> Copy<'_> {
        let kept = Attributes {
            mtime: self.begun.mtime,
            atime: self.begun.atime,
            mode: self.begun.mode,
        };
        Copy {
            original: &self.original,
            key: &self.begun.to.key,
            store: &self.target,
            maker: self.begun.id.into(),
            metadata: metadata_of_copy(&self.original, &kept, self.begun.id),
            absent: !self.begun.overwrite,
            settings: &self.core.settings,
            journal: self.is_journaled.then(|| Journal {
                database: &self.core.database,
                moving: self.begun.id,
                upload: &self.upload,
            }),
        }
    }

    /// Gives the object its new key at once; none where this store cannot.
    async fn rename(&self, copy: &Copy<'_>) -> Option<storage::Result<Written>> {
        let able = self.target.capabilities();
        if !able.rename || self.original.store.bucket() != self.target.bucket() {
            return None;
        }
        let options = CopyOptions {
            metadata: Some(copy.metadata.clone()),
            precondition: copy.condition(able.copy_conditions),
        };
        let (source, to) = (copy.source(), copy.key);
        match self.target.rename(&source, to, &options).await {
            Err(error) if error.kind() == ErrorKind::Unsupported => None,
            Err(error) if error.outcome_unknown() => {
                let settings = &self.core.settings;
                let proven = proof::prove(&self.target, to, self.begun.id, settings).await;
                Some(proven.ok_or(error))
            }
            renamed => Some(renamed),
        }
    }

    /// Looks whether the new key is free, where the store does not do that itself.
    async fn check_free(&self, store_checks: bool) -> storage::Result<()> {
        if self.begun.overwrite || store_checks {
            return Ok(());
        }
        match self.target.head(&self.begun.to.key).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(_) => {
                let (key, reason) = (self.begun.to.key.as_str(), "an object stands there already");
                Err(storage::Error::new(
                    ErrorKind::Conflict,
                    "copy to",
                    key,
                    reason,
                ))
            }
        }
    }

    /// Removes the state that was copied. A newer one under the old name is another file: the
    /// rename came first then.
    async fn remove_old(&self) -> storage::Result<()> {
        let (store, key) = (&self.original.store, &self.original.key);
        let etag = &self.original.head.etag;
        let conditional = store.capabilities().delete_conditions;
        if !conditional {
            match store.head(key).await {
                Ok(head) if head.etag == *etag => {}
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        let condition = conditional.then(|| Precondition::Matches(etag.clone()));
        let mut deleted = store.delete(key, condition.as_ref()).await;
        if deleted.as_ref().is_err_and(storage::Error::outcome_unknown) {
            deleted = store.delete(key, condition.as_ref()).await;
        }
        let other = [ErrorKind::Conflict, ErrorKind::NotFound];
        match deleted {
            Err(error) if conditional && other.contains(&error.kind()) => Ok(()),
            deleted => deleted,
        }
    }

    async fn commit(&self, written: &Written, remark: Option<&str>) -> Result<(), database::Error> {
        let now = self.core.clock.now();
        let rename = facts::renamed(&self.begun, Some(written), remark, &self.publications, now);
        let writer = self.core.database.writer();
        if self.is_journaled {
            let outcome = MoveOutcome::Moved(Box::new(rename));
            let (id, finished) = (self.begun.id, now);
            writer
                .end_move(MoveEnd {
                    id,
                    finished,
                    outcome,
                })
                .await?;
        } else {
            writer.rename_object(rename).await?;
        }
        if self.begun.parent.is_none() {
            metrics::rename_ended("moved");
            tracing::info!(session = %self.begun.session, user = %self.begun.user, from = %self.begun.from_path, to = %self.begun.to_path, "file renamed");
        }
        Ok(())
    }

    /// The end of a move whose steps cannot be taken.
    async fn give_up(&self, stop: Stop) -> Result<()> {
        match stop {
            Stop::Copy(error) if !error.outcome_unknown() => {
                self.abort_upload().await;
                self.fail(self.explain(error)).await
            }
            Stop::Delete(error, written) if !error.outcome_unknown() => {
                self.keep_old(error, &written).await
            }
            stop => {
                let reason = "its outcome is not known yet; it is finished later";
                tracing::error!(id = %self.begun.id, path = %self.path, error = %stop.error(), "a rename is left on record");
                let left = Error::new(ErrorKind::Unavailable, OPERATION, &self.path, reason);
                Err(match stop {
                    Stop::Copy(error) | Stop::Delete(error, _) => left.caused_by(error),
                    Stop::Commit(error) => left.caused_by(error),
                }
                .with_unknown_outcome())
            }
        }
    }

    fn explain(&self, error: storage::Error) -> Error {
        match error.kind() {
            ErrorKind::Conflict => {
                let reason = format!(
                    "it, or {}, was changed by somebody else meanwhile",
                    self.begun.to_path
                );
                Error::new(ErrorKind::Conflict, OPERATION, &self.path, reason).caused_by(error)
            }
            _ => Error::store(OPERATION, &self.path, error),
        }
    }

    /// The old name cannot be removed: the new one goes again, unless it replaced something.
    async fn keep_old(&self, error: storage::Error, written: &Written) -> Result<()> {
        if !self.begun.overwrite && self.delete_copy(written).await.is_ok() {
            return self.fail(Error::store(OPERATION, &self.path, error)).await;
        }
        let reason = format!("{}; the file now stands under both names", error.reason());
        let both = Error::new(error.kind(), OPERATION, &self.path, reason).caused_by(error);
        match self
            .commit(written, Some("the old name could not be removed"))
            .await
        {
            Ok(()) => Err(both),
            Err(error) => Err(both.caused_by(error).with_unknown_outcome()),
        }
    }

    async fn delete_copy(&self, written: &Written) -> storage::Result<()> {
        let condition = Precondition::Matches(written.etag.clone());
        let able = self.target.capabilities().delete_conditions;
        let condition = able.then_some(condition);
        self.target
            .delete(&self.begun.to.key, condition.as_ref())
            .await
    }

    async fn fail(&self, error: Error) -> Result<()> {
        metrics::rename_ended("failed");
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::warn!(id = %self.begun.id, to = %self.begun.to_path, %error, cause, "rename failed");
        if !self.is_journaled {
            return Err(error);
        }
        let now = self.core.clock.now();
        let end = facts::failed(&self.begun, error.reason(), &self.publications, now);
        match self.core.database.writer().end_move(end).await {
            Ok(_) => Err(error),
            Err(unrecorded) => Err(error.caused_by(unrecorded).with_unknown_outcome()),
        }
    }

    async fn abort_upload(&self) {
        let recorded = {
            let mut upload = self.upload.lock().unwrap_or_else(PoisonError::into_inner);
            upload.take()
        };
        let Some(id) = recorded else { return };
        let key = self.begun.to.key.clone();
        let upload = MultipartUpload { key, id };
        if let Err(error) = self.target.abort_upload(&upload).await {
            tracing::warn!(id = %self.begun.id, %error, "cannot abort the copy of a rename");
        }
    }

    /// The old name holds another state, or nothing: what was copied before counts, or nothing
    /// does.
    pub(super) async fn finish_without_source(self) -> Result<()> {
        match proof::look(&self.target, &self.begun.to.key, self.begun.id).await {
            Some(written) => match self.commit(&written, None).await {
                Ok(()) => Ok(()),
                Err(error) => self.give_up(Stop::Commit(error)).await,
            },
            None => {
                self.abort_upload().await;
                let reason = "it was changed or removed by somebody else meanwhile";
                let gone = Error::new(ErrorKind::Conflict, OPERATION, &self.path, reason);
                self.fail(gone).await
            }
        }
    }
}

impl Stop {
    fn may_pass(&self) -> bool {
        let kind = match self {
            Self::Copy(error) | Self::Delete(error, _) => error.kind(),
            Self::Commit(error) => error.kind(),
        };
        matches!(
            kind,
            ErrorKind::Unavailable | ErrorKind::Exhausted | ErrorKind::Internal
        )
    }

    fn error(&self) -> &(dyn std::error::Error + 'static) {
        match self {
            Self::Copy(error) | Self::Delete(error, _) => error,
            Self::Commit(error) => error,
        }
    }
}

/// The old path; it was clean when it was written.
pub(super) fn path_of(begun: &NewMove) -> VirtualPath {
    let root = VirtualPath::root();
    VirtualPath::parse(begun.from_path.as_bytes(), &root).unwrap_or(root)
}
