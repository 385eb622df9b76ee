//! `Transfer`: one upload, from its intent to its end.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use database::{CompletedUpload, PrivateId, StagedObject};
use model::{ErrorKind, Location, ObjectKey, Timestamp, TransferId};
use storage::{
    Copied, ObjectHead, ObjectStore, Placement, Progress, Receipt, Staging, Upload, UploadSettings,
    Written,
};

use crate::beginning::{Beginning, pieces_prefix, temporary_key};
use crate::metadata;
use crate::record::{self, Unrecorded};
use crate::recording::Recording;
use crate::transfers::Core;
use crate::{Attributes, Condition, Error, Intent, Result, publish, stage};

/// An upload in progress. Clones share it.
///
/// It ends with [`Self::finish`] or [`Self::abandon`]; one that is just dropped is left to the
/// sweeper, as after a crash.
#[derive(Debug, Clone)]
pub struct Transfer {
    active: Arc<Active>,
}

pub(crate) struct Active {
    pub(crate) id: TransferId,
    /// Grows with each session that goes on with it; what an older one does is refused.
    pub(crate) epoch: u64,
    pub(crate) intent: Intent,
    pub(crate) started: Timestamp,
    /// Where its object is made: the bucket and key of the intent, or in staging.
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) key: ObjectKey,
    /// It has a temporary name.
    pub(crate) temporary: bool,
    /// The object of its last CLOSE, for a temporary file that is gone on with.
    pub(crate) staged: Option<StagedObject>,
    pub(crate) declared: Option<u64>,
    /// Bytes of the content that it began from.
    pub(crate) base_len: u64,
    /// What was set of it when this session came to it.
    pub(crate) attributes: Attributes,
    pub(crate) upload: Upload,
    pub(crate) core: Arc<Core>,
    pub(crate) recording: Arc<Recording>,
}

/// How an upload is to be published.
#[derive(Debug, Clone)]
pub struct Publication {
    /// What must be true of the key.
    pub condition: Condition,
    /// What the client set.
    pub attributes: Attributes,
    /// The path as the user sees it now; another one than at OPEN where he renamed it meanwhile.
    pub path: model::VirtualPath,
}

/// An object that stands, with all its facts committed.
#[derive(Debug, Clone)]
pub struct Published {
    /// Bytes.
    pub size: u64,
    /// What the store said.
    pub written: Written,
    /// When.
    pub time: Timestamp,
}

impl Published {
    /// As its row has it.
    pub(crate) fn completed(&self) -> CompletedUpload {
        CompletedUpload {
            size: self.size,
            etag: self.written.etag.clone(),
            version: self.written.version.clone(),
            crc64nvme: self.written.crc64nvme.clone(),
            finished: self.time,
        }
    }
}

impl Transfer {
    pub(crate) fn begin(
        intent: Intent,
        beginning: Beginning,
        store: Arc<dyn ObjectStore>,
        core: Arc<Core>,
    ) -> Self {
        let file = PrivateId {
            transfer: TransferId::generate(),
            epoch: 0,
        };
        let started = core.clock.now();
        let staging = beginning.staging.clone().unwrap_or(Arc::clone(&store));
        let (store, key) = match beginning.temporary {
            true => (
                Arc::clone(&staging),
                temporary_key(file.transfer, file.epoch),
            ),
            false => (store, intent.location.key.clone()),
        };
        let place = Location {
            bucket: store.bucket().clone(),
            key: key.clone(),
        };
        let row = record::intent(file.transfer, &intent, &beginning, &place, started, &core);
        let recording = Recording::after(core.settings.intent_delay, row, &core);
        let (declared, set) = (beginning.declared, &beginning.attributes);
        let gate = Some(Arc::clone(&recording));
        let mut settings = settings(
            file,
            gate,
            beginning.placement,
            declared,
            set,
            &staging,
            &core,
        );
        if beginning.temporary {
            let owner = stage::staged_for(&intent, &core);
            metadata::name_owner(&mut settings.metadata, &owner);
        }
        let base_len = beginning.base.as_ref().map_or(0, |base| base.len);
        let upload = Upload::start(Arc::clone(&store), key.clone(), settings, beginning.base);
        Self::of(Active {
            id: file.transfer,
            epoch: file.epoch,
            intent,
            started,
            store,
            key,
            temporary: beginning.temporary,
            staged: None,
            declared,
            base_len,
            attributes: beginning.attributes,
            upload,
            core,
            recording,
        })
    }

    pub(crate) fn of(active: Active) -> Self {
        Self {
            active: Arc::new(active),
        }
    }

    pub(crate) fn active(&self) -> &Arc<Active> {
        &self.active
    }

    /// The size in bytes that the client declared at OPEN, if it did.
    pub fn declared(&self) -> Option<u64> {
        self.active.declared
    }

    /// Its id, as it stands in the object's metadata.
    pub fn id(&self) -> TransferId {
        self.active.id
    }

    /// What was known when it began.
    pub fn intent(&self) -> &Intent {
        &self.active.intent
    }

    /// Takes bytes at an offset; see [`Upload::write`].
    ///
    /// # Errors
    /// What an earlier part failed with, and offsets that cannot be taken.
    pub fn write(&self, offset: u64, piece: &[u8]) -> Result<()> {
        self.active
            .upload
            .write(offset, piece)
            .map_err(|error| self.active.failed("write", error))
    }

    /// To be waited for before what was taken so far is acknowledged; see [`Upload::receipt`].
    pub fn receipt(&self) -> Receipt {
        self.active.upload.receipt()
    }

    /// Makes the object this long; see [`Upload::truncate`].
    ///
    /// # Errors
    /// `Exhausted` where that would add too many zeros.
    pub fn truncate(&self, len: u64) -> Result<()> {
        self.active
            .upload
            .truncate(len)
            .map_err(|error| self.active.failed("truncate", error))
    }

    /// The length in bytes that the object would have now.
    pub fn len(&self) -> u64 {
        self.active.upload.len()
    }

    /// Whether it would be empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the object would be what it began from: nothing was written, cut or added.
    pub fn is_untouched(&self) -> bool {
        self.active.upload.is_untouched()
    }

    /// Whether bytes of what it began from would be in the object.
    pub fn keeps_base(&self) -> bool {
        self.active.upload.keeps_base()
    }

    /// Takes a range of another file for the bytes from `offset` on, as far as the store can copy it;
    /// see [`Upload::copy`].
    pub fn copy(&self, copied: &Copied, offset: u64) -> Range<u64> {
        self.active.upload.copy(copied, offset)
    }

    /// The object takes over what `original` says of itself, with `attributes` over it, as far as
    /// nothing else is said of it; see [`Upload::inherit`].
    pub fn inherit(&self, original: &ObjectHead, attributes: &Attributes) {
        let metadata = metadata::for_others(original, attributes);
        let content_type = original.content_type.clone();
        self.active.upload.inherit(metadata, content_type);
    }

    /// Reads back what is there so far; see [`Upload::read`].
    ///
    /// # Errors
    /// `Unsupported` where the bytes are with the store already.
    pub async fn read(&self, offset: u64, len: usize) -> Result<Vec<Bytes>> {
        let read = self.active.upload.read(offset, len).await;
        read.map_err(|error| self.active.failed("read", error))
    }

    /// Waits until its intent is on record, which is written now if it was not yet. What it
    /// [replaces](Beginning::replaces) is given up then.
    ///
    /// # Errors
    /// What the database failed with; the upload can only be abandoned then.
    pub async fn recorded(&self) -> Result<()> {
        let recorded = self.active.recorded().await;
        recorded.map_err(|error| {
            let (path, reason) = (&self.active.intent.path, "its intent could not be recorded");
            Error::new(error.kind(), "upload", path, reason).caused_by(error)
        })
    }

    /// Waits until everything sent so far is answered.
    ///
    /// # Errors
    /// What went wrong so far.
    pub async fn settle(&self) -> Result<()> {
        let settled = self.active.upload.settle().await;
        settled.map_err(|error| self.active.failed("sync", error))
    }

    /// Publishes the object and commits transfer, attributes, audit row and event as one fact.
    ///
    /// It runs to its end even where nobody waits for it any more. Publications of one key take
    /// turns.
    ///
    /// # Errors
    /// `Conflict` where the condition does not hold, and what the store or the database failed
    /// with. The previous object is untouched then, and the upload is abandoned, unless
    /// [`Error::outcome_unknown`] says otherwise.
    pub async fn finish(&self, publication: Publication) -> Result<Published> {
        let active = Arc::clone(&self.active);
        let path = active.intent.path.clone();
        let task = self.active.core.tasks.spawn(async move {
            match active.temporary {
                true => stage::stage(&active, &publication).await,
                false => publish::publish(&active, &publication).await,
            }
        });
        task.await.unwrap_or_else(|ended| {
            let error = Error::new(ErrorKind::Internal, "upload", &path, "its commit broke off");
            Err(error.caused_by(ended).with_unknown_outcome())
        })
    }

    /// Ends an upload that changes nothing: as [`Self::abandon`], but it is no failure.
    pub async fn release(&self) {
        self.end("nothing was changed", false).await;
    }

    /// Gives the upload up: the store keeps nothing of it, and its row and the audit log say so.
    /// Runs to its end even where nobody waits for it any more.
    pub async fn abandon(&self, reason: &str) {
        self.end(reason, true).await;
    }

    async fn end(&self, reason: &str, is_failure: bool) {
        let active = Arc::clone(&self.active);
        let reason = reason.to_owned();
        let task = self
            .active
            .core
            .tasks
            .spawn(async move { active.give_up(&reason, is_failure).await });
        if let Err(error) = task.await {
            tracing::error!(transfer = %self.id(), %error, "giving up an upload broke off");
        }
    }
}

impl Active {
    /// Waits for the intent's row; begins to write it, unless that has begun.
    pub(crate) async fn recorded(&self) -> Result<(), Unrecorded> {
        self.recording.begin().await
    }

    pub(crate) fn failed(&self, operation: &'static str, error: storage::Error) -> Error {
        Error::store(operation, &self.intent.path, error)
    }
}

impl std::fmt::Debug for Active {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transfer")
            .field("id", &self.id)
            .field("location", &self.intent.location)
            .finish_non_exhaustive()
    }
}

/// What the engine is told of an upload. Its intent is on record before its first request.
pub(crate) fn settings(
    file: PrivateId,
    recording: Option<Arc<Recording>>,
    placement: Placement,
    declared: Option<u64>,
    set: &Attributes,
    staging: &Arc<dyn ObjectStore>,
    core: &Arc<Core>,
) -> UploadSettings {
    let gate = |recording: Arc<Recording>| -> storage::Intent {
        Box::pin(async move { recording.begin().await.map_err(not_recorded) })
    };
    UploadSettings {
        intent: recording.map(gate),
        began: Some(note_progress(file, core)),
        metadata: metadata::of_transfer(file.transfer, set),
        placement,
        staging: Some(Staging {
            store: Arc::clone(staging),
            prefix: pieces_prefix(file.transfer),
        }),
        expected_len: declared,
        parallel_parts: core.settings.parallel_parts,
        unsaved: core.settings.unsaved,
        ..UploadSettings::new(core.buffers.clone())
    }
}

/// Records what was begun in the store before anything is sent there, so that it is found after a
/// crash. Fails where another session goes on with the upload.
fn note_progress(file: PrivateId, core: &Arc<Core>) -> storage::Began {
    let core = Arc::clone(core);
    Arc::new(move |progress: Progress| {
        let core = Arc::clone(&core);
        Box::pin(async move {
            let upload = progress.multipart().map(|upload| upload.id.0);
            let (json, now) = (progress.to_json(), core.clock.now());
            let writer = core.database.writer();
            let noted = writer.note_progress(file, json, upload, now).await;
            noted.map_err(|error| not_recorded(Unrecorded::Database(error)))
        })
    })
}

fn not_recorded(error: Unrecorded) -> storage::Error {
    let operation = "record the intent of";
    storage::Error::new(error.kind(), operation, "an upload", error.to_string()).caused_by(error)
}
