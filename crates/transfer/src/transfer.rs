//! `Transfer`: one upload, from its intent to its end.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use model::{ErrorKind, Timestamp, TransferId};
use storage::{Base, ObjectStore, Placement, Staging, Upload, UploadSettings, Written};

use crate::metadata;
use crate::record::{self, Unrecorded};
use crate::transfers::Core;
use crate::{Attributes, Condition, Error, Intent, Result, publish};

/// Where the pieces of an upload stand that no client sees.
pub(crate) fn staging_prefix(transfer: TransferId) -> String {
    format!(".pierhead/staging/{transfer}/")
}

type Recorded = Shared<BoxFuture<'static, Result<(), Unrecorded>>>;

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
    pub(crate) intent: Intent,
    pub(crate) started: Timestamp,
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) upload: Upload,
    pub(crate) core: Arc<Core>,
    recorded: Recorded,
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

impl Transfer {
    pub(crate) fn begin(
        intent: Intent,
        base: Option<Base>,
        placement: Placement,
        store: Arc<dyn ObjectStore>,
        core: Arc<Core>,
    ) -> Self {
        let id = TransferId::generate();
        let started = core.clock.now();
        let base_etag = base.as_ref().map(|base| base.pin.etag.clone());
        let recorded = record_intent(
            record::intent(id, &intent, base_etag, started, &core),
            &core,
        );
        let gate = recorded.clone();
        let settings = UploadSettings {
            intent: Some(Box::pin(async move { gate.await.map_err(not_recorded) })),
            metadata: metadata::of_transfer(id, &Attributes::default()),
            placement,
            staging: Some(Staging {
                store: Arc::clone(&store),
                prefix: staging_prefix(id),
            }),
            parallel_parts: core.settings.parallel_parts,
            ..UploadSettings::new(core.buffers.clone())
        };
        let upload = Upload::start(
            Arc::clone(&store),
            intent.location.key.clone(),
            settings,
            base,
        );
        let active = Active {
            id,
            intent,
            started,
            store,
            upload,
            core,
            recorded,
        };
        Self {
            active: Arc::new(active),
        }
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

    /// Reads back what is there so far; see [`Upload::read`].
    ///
    /// # Errors
    /// `Unsupported` where the bytes are with the store already.
    pub async fn read(&self, offset: u64, len: usize) -> Result<Vec<Bytes>> {
        let read = self.active.upload.read(offset, len).await;
        read.map_err(|error| self.active.failed("read", error))
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
        let task = self
            .active
            .core
            .tasks
            .spawn(async move { publish::publish(&active, &publication).await });
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
            .spawn(async move { active.end(&reason, is_failure).await });
        if let Err(error) = task.await {
            tracing::error!(transfer = %self.id(), %error, "giving up an upload broke off");
        }
    }
}

impl Active {
    /// Waits for the intent's row.
    pub(crate) async fn recorded(&self) -> Result<(), Unrecorded> {
        self.recorded.clone().await
    }

    pub(crate) fn failed(&self, operation: &'static str, error: storage::Error) -> Error {
        Error::store(operation, &self.intent.path, error)
    }

    async fn end(&self, reason: &str, is_failure: bool) {
        self.upload.abort().await;
        if self.recorded().await.is_err() {
            return;
        }
        if let Err(error) = record::aborted(self, reason, is_failure).await {
            tracing::warn!(transfer = %self.id, %error, "cannot note that an upload was given up");
        }
        tracing::info!(transfer = %self.id, path = %self.intent.path, reason, "upload given up");
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

/// Starts to write the intent now; whoever needs it waits for the same answer.
fn record_intent(new: database::NewTransfer, core: &Arc<Core>) -> Recorded {
    let database = core.database.clone();
    let (answer, answered) = tokio::sync::oneshot::channel();
    core.tasks.spawn(async move {
        // Whoever waits may have given up by then.
        let _ = answer.send(database.writer().begin_intent(new).await);
    });
    answered
        .map(|answer| match answer {
            Ok(written) => written.map_err(Unrecorded::Database),
            Err(_) => Err(Unrecorded::BrokeOff),
        })
        .boxed()
        .shared()
}

fn not_recorded(error: Unrecorded) -> storage::Error {
    let operation = "record the intent of";
    storage::Error::new(error.kind(), operation, "an upload", error.to_string()).caused_by(error)
}
