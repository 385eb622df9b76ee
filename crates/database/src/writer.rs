//! The grouped durable writer: many small writes share one transaction.

mod moving;
mod private;
mod queue;
mod task;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::{ErrorKind, Event, NodeId, Timestamp, TransferId};
use tokio::sync::{Mutex, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::engine::Engine;
use crate::{
    Attributes, AuditEntry, Claim, Error, NewMove, NewTransfer, PrivateId, Publication,
    PublicationRequest, Result, Settings, metrics as names,
};
use moving::MoveWrite;
pub use moving::{MoveEnd, MoveFailure, MoveOutcome};
use queue::{Class, Job, Senders};
use task::Task;
pub use write::{ObjectRemoval, ObjectRename, TransferFailure, UploadCommit};
use write::{Write, Written};

/// How many transactions the writer has open at the same time on PostgreSQL.
const WRITERS: usize = 4;

/// Writes that must be durable before their callers go on. Whatever waits is
/// committed in one transaction: what ends a CLOSE first, intents next, records last. A write
/// that fails alone does not fail its neighbours.
///
/// Every method returns once the write is durable, or failed. Dropping its future does not undo
/// the write: a commit outlives its client. While the database does not answer, writes are
/// retried until [`Settings::commit_deadline`]; all of them can be repeated without harm.
#[derive(Debug)]
pub struct Writer {
    senders: Senders,
    closing: CancellationToken,
    counters: Arc<Counters>,
    deadline: Duration,
}

/// What the writer did since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriterStatistics {
    /// Transactions committed.
    pub commits: u64,
    /// Writes in them.
    pub writes: u64,
}

#[derive(Debug, Default)]
struct Counters {
    commits: AtomicU64,
    writes: AtomicU64,
}

impl Writer {
    pub(crate) fn start(engine: Arc<Engine>, settings: &Settings, tasks: &TaskTracker) -> Self {
        let (senders, receivers) = queue::channels(settings.queue.max(1));
        let closing = CancellationToken::new();
        let counters = Arc::new(Counters::default());
        let receivers = Arc::new(Mutex::new(receivers));
        // SQLite has one writer. To PostgreSQL every statement is a journey, so smaller batches
        // travel side by side; it groups what they commit at the same time.
        let (writers, batch) = match engine.is_sqlite() {
            true => (1, settings.batch),
            false => (WRITERS, settings.batch / 8),
        };
        for _ in 0..writers {
            let task = Task {
                engine: Arc::clone(&engine),
                receivers: Arc::clone(&receivers),
                closing: closing.clone(),
                counters: Arc::clone(&counters),
                batch: batch.max(4),
            };
            tasks.spawn(task.run());
        }
        Self {
            senders,
            closing,
            counters,
            deadline: settings.commit_deadline,
        }
    }

    /// Takes nothing more; what is queued is still written.
    pub(crate) fn close(&self) {
        self.closing.cancel();
    }

    /// What was done so far.
    pub fn statistics(&self) -> WriterStatistics {
        WriterStatistics {
            commits: self.counters.commits.load(Ordering::Relaxed),
            writes: self.counters.writes.load(Ordering::Relaxed),
        }
    }

    /// Writes the intent of an upload, before the store hears of it.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn begin_intent(&self, transfer: NewTransfer) -> Result<()> {
        self.done(Write::Begin(Box::new(transfer))).await
    }

    /// Notes the store's id of a transfer's multipart upload, so that a sweeper finds it.
    ///
    /// # Errors
    /// `NotFound` where there is no such transfer.
    pub async fn set_upload_id(&self, transfer: TransferId, upload: &str) -> Result<()> {
        self.done(Write::SetUploadId(transfer, upload.to_owned()))
            .await
    }

    /// Asks to be the one who changes the object at a key. Comes before every PUT, completion,
    /// copy and delete on a final key.
    ///
    /// # Errors
    /// `Conflict` where the transfer that asks has ended, or another session goes on with it;
    /// `Unavailable` where the database does not answer.
    pub async fn claim_publication(&self, request: PublicationRequest) -> Result<Claim> {
        let object = request.location.to_string();
        match self.submit(Write::Claim(Box::new(request))).await? {
            Written::Claim(claim) => Ok(claim),
            _ => Err(confused("claim publication of", object)),
        }
    }

    /// Says that the holder of a publication is still at it. False where it was taken over.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn renew_publication(
        &self,
        publication: Publication,
        now: Timestamp,
    ) -> Result<bool> {
        let object = publication.location.to_string();
        match self.submit(Write::RenewClaim(publication, now)).await? {
            Written::Count(count) => Ok(count > 0),
            _ => Err(confused("renew publication of", object)),
        }
    }

    /// Notes that an upload which was to be published does not stand at its key, and that whoever
    /// published it is gone: it is unfinished again, and nobody's.
    ///
    /// # Errors
    /// `Conflict` where another session goes on with it, or it has ended.
    pub async fn withdraw(&self, file: PrivateId) -> Result<()> {
        self.done(Write::Withdraw(file)).await
    }

    /// Gives a publication back: nothing was changed. Fine where it was taken over meanwhile.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn release_publication(&self, publication: Publication) -> Result<()> {
        self.done(Write::Release(publication)).await
    }

    /// Commits an upload whose object stands: transfer, attributes, audit entry and event.
    /// Returns the event's number among those of its file.
    ///
    /// # Errors
    /// `Conflict` where the publication was taken over or the transfer was given up meanwhile,
    /// `NotFound` where there is no such transfer, `Unavailable` where the database does not
    /// answer; see [`Error::outcome_unknown`].
    pub async fn commit_upload(&self, commit: UploadCommit) -> Result<u64> {
        self.sequence(Write::Commit(Box::new(commit))).await
    }

    /// Ends a transfer without an object: it failed, or was given up.
    ///
    /// # Errors
    /// `Conflict` where it is completed, `NotFound` where there is none.
    pub async fn fail_transfer(&self, failure: TransferFailure) -> Result<()> {
        self.done(Write::Fail(Box::new(failure))).await
    }

    /// Sets the attributes of an object, in the place of those that stand at its key, and says
    /// so in the audit log.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn set_attributes(
        &self,
        attributes: Attributes,
        audit: Option<AuditEntry>,
    ) -> Result<()> {
        self.done(Write::SetAttributes(Box::new((attributes, audit))))
            .await
    }

    /// Commits that an object was removed. Returns the event's number among those of its file.
    ///
    /// # Errors
    /// `Conflict` where the publication was taken over.
    pub async fn remove_object(&self, removal: ObjectRemoval) -> Result<u64> {
        self.sequence(Write::Remove(Box::new(removal))).await
    }

    /// Commits that an object has another key. Returns the event's number among those of the new
    /// key.
    ///
    /// # Errors
    /// `Conflict` where a publication was taken over.
    pub async fn rename_object(&self, rename: ObjectRename) -> Result<u64> {
        self.sequence(Write::Rename(Box::new(rename))).await
    }

    /// Writes that a move begins, before its first copy.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn begin_move(&self, new: NewMove) -> Result<()> {
        self.done(MoveWrite::Begin(Box::new(new)).into()).await
    }

    /// Notes the store's id of a move's multipart upload, or that it has none any more.
    ///
    /// # Errors
    /// `NotFound` where there is no such move.
    pub async fn set_move_upload(&self, id: TransferId, upload: Option<String>) -> Result<()> {
        self.done(MoveWrite::SetUploadId(id, upload).into()).await
    }

    /// Makes a move that `from` was doing this node's. False where it has ended, or somebody else
    /// was faster.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn adopt_move(&self, id: TransferId, from: NodeId, to: NodeId) -> Result<bool> {
        match self
            .submit(MoveWrite::Adopt { id, from, to }.into())
            .await?
        {
            Written::Adopted(adopted) => Ok(adopted),
            _ => Err(confused("take over move", id.to_string())),
        }
    }

    /// Ends a move: with the facts of a rename, or with those of its failure. Changes nothing
    /// where it has ended before. Returns the event's number among those of the new key.
    ///
    /// # Errors
    /// `Conflict` where a publication was taken over, `NotFound` where there is no such move.
    pub async fn end_move(&self, end: MoveEnd) -> Result<u64> {
        self.sequence(MoveWrite::End(Box::new(end)).into()).await
    }

    /// Records what happened besides: an audit entry, an event, or both.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn record(&self, audit: Option<AuditEntry>, event: Option<Event>) -> Result<()> {
        self.done(Write::Record(Box::new((audit, event)))).await
    }

    /// Records an entry without waiting. Where the queue is full it is left out and counted:
    /// for refusals and other noise that outsiders can cause.
    pub fn note(&self, audit: AuditEntry) {
        let (reply, _) = oneshot::channel();
        let write = Write::Record(Box::new((Some(audit), None)));
        let job = Job::new(write, self.deadline, reply);
        if self.closing.is_cancelled() || self.senders.of(Class::Record).try_send(job).is_err() {
            metrics::counter!(names::NOTES_DROPPED).increment(1);
        }
    }

    async fn done(&self, write: Write) -> Result<()> {
        self.submit(write).await.map(drop)
    }

    async fn sequence(&self, write: Write) -> Result<u64> {
        let object = write.object();
        match self.submit(write).await? {
            Written::Sequence(sequence) => Ok(sequence),
            _ => Err(confused("commit", object)),
        }
    }

    async fn submit(&self, write: Write) -> Result<Written> {
        let object = write.object();
        let closed = || {
            let reason = "the database is being closed";
            Error::new(ErrorKind::Unavailable, "write", object.clone(), reason)
        };
        if self.closing.is_cancelled() {
            return Err(closed());
        }
        let class = write.class();
        let (reply, answer) = oneshot::channel();
        let job = Job::new(write, self.deadline, reply);
        self.senders
            .of(class)
            .send(job)
            .await
            .map_err(|_| closed())?;
        // The writer went away with the runtime: whether it still wrote this nobody can say.
        answer.await.map_err(|_| closed().with_unknown_outcome())?
    }
}

impl Job {
    fn new(write: Write, deadline: Duration, reply: oneshot::Sender<Result<Written>>) -> Self {
        Self {
            write,
            deadline: Instant::now() + deadline,
            reply,
        }
    }
}

fn confused(operation: &'static str, object: String) -> Error {
    let reason = "the writer gave the answer to another question";
    Error::new(ErrorKind::Internal, operation, object, reason)
}
