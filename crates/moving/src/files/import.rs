//! `Import`: one pass over a source, by many workers.

use std::sync::Arc;

use database::Database;
use model::{Clock, ErrorKind, ServerId, SessionId};
use storage::{ObjectStore, Stores};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use transfer::Transfers;

use super::item::Found;
use super::job::Job;
use super::pace::Pace;
use super::place::Place;
use super::progress::Progress;
use super::recorder::Recorder;
use super::report::{Ending, Report};
use super::source::Source;
use crate::{Error, Result};

/// What the walk may have found ahead of the workers.
const QUEUE: usize = 1024;

/// How an import goes about its work.
#[derive(Debug)]
pub struct Settings {
    /// Files that are moved at once. At least 1. Default 16.
    pub workers: usize,
    /// Files of unchanged size and time are read as well, and moved where their bytes differ.
    pub checksum: bool,
    /// What stands at targets is read back and compared.
    pub verify: bool,
    /// What has gone from the source is removed from its target, where an earlier pass brought it
    /// and nobody changed it since.
    pub delete: bool,
    /// Consumers are told of what is moved.
    pub events: bool,
    /// How fast.
    pub pace: Option<Pace>,
    /// Files of so many bytes are gone on with after a crash; smaller ones are sent again. Default
    /// 16 MiB.
    pub large: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: 16,
            checksum: false,
            verify: false,
            delete: false,
            events: false,
            pace: None,
            large: 16 << 20,
        }
    }
}

/// What an import is made of.
pub struct Parts {
    /// Where files come from.
    pub source: Arc<dyn Source>,
    /// Where they go.
    pub target: Place,
    /// The bucket of that.
    pub store: Arc<dyn ObjectStore>,
    /// All buckets.
    pub stores: Arc<Stores>,
    /// The installation.
    pub database: Database,
    /// The engine, whose origin is [`transfer::Origin::Import`].
    pub transfers: Transfers,
    /// The server whose audit log tells of it.
    pub server: ServerId,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How.
    pub settings: Settings,
    /// Cancelled where the pass shall end early: what is under way is left so that the next pass
    /// goes on with it.
    pub stop: CancellationToken,
}

/// A pass that is ready to run.
pub struct Import {
    shared: Arc<Shared>,
}

/// What every worker needs.
pub(crate) struct Shared {
    pub(crate) parts: Parts,
    pub(crate) transfers: Transfers,
    pub(crate) job: Job,
    pub(crate) session: SessionId,
    pub(crate) progress: Arc<Progress>,
}

impl Shared {
    /// Lets bytes of the source pass.
    pub(crate) async fn pass(&self, bytes: usize) {
        self.progress.note_bytes(bytes);
        if let Some(pace) = &self.parts.settings.pace {
            pace.pass(bytes).await;
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.parts.stop.is_cancelled()
    }
}

impl Import {
    /// A pass of `job`.
    pub fn new(job: Job, parts: Parts) -> Self {
        Self {
            shared: Arc::new(Shared {
                transfers: parts.transfers.clone(),
                parts,
                job,
                session: SessionId::generate(),
                progress: Arc::default(),
            }),
        }
    }

    /// What has been done so far.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.shared.progress)
    }

    /// Runs it to its end, and returns what there is to be told of it.
    ///
    /// # Errors
    /// Where the beginning of the source cannot be read, or the journal cannot be written. Files
    /// that do not move are no error: the report names them.
    pub async fn run(self) -> Result<Report> {
        let mut ending = Box::pin(self.walk_and_move()).await?;
        if !ending.stopped && !ending.incomplete {
            Box::pin(self.shared.settle_vanished()).await?;
        }
        self.shared.transfers.drain().await;
        ending.finished = Some(self.shared.parts.clock.now());
        let shared = Arc::into_inner(self.shared).ok_or_else(still_busy)?;
        Ok(Report::new(shared.job, ending))
    }

    async fn walk_and_move(&self) -> Result<Ending> {
        let shared = &self.shared;
        let (found, items) = mpsc::channel(QUEUE);
        let items = Arc::new(Mutex::new(items));
        let (recorder, recording) = Recorder::new(&shared.job.journal);
        let mut writing = JoinSet::new();
        writing.spawn(recording.run());
        let mut walking = JoinSet::new();
        let source = Arc::clone(&shared.parts.source);
        walking.spawn(async move { source.walk(found).await });
        let mut working = JoinSet::new();
        for _ in 0..shared.parts.settings.workers.max(1) {
            let worker = Worker {
                shared: Arc::clone(shared),
                items: Arc::clone(&items),
                recorder: recorder.clone(),
            };
            working.spawn(worker.run());
        }
        // They alone hold the other ends: when the last of them ends, so do walk and journal.
        drop((items, recorder));
        let mut ending = Ending::default();
        let worked = join(&mut working, |incomplete: bool| {
            ending.incomplete |= incomplete
        })
        .await;
        // What keeps the journal from being written is why workers ended.
        join(&mut writing, |()| ()).await?;
        worked?;
        join(&mut walking, |()| ()).await?;
        ending.stopped = shared.is_stopped();
        Ok(ending)
    }
}

/// Waits for tasks to end; the first failure counts.
async fn join<T: 'static>(tasks: &mut JoinSet<Result<T>>, mut each: impl FnMut(T)) -> Result<()> {
    let mut failed = Ok(());
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(Ok(done)) => each(done),
            Ok(Err(error)) => failed = failed.and(Err(error)),
            Err(error) => failed = failed.and(Err(broke_off().caused_by(error))),
        }
    }
    failed
}

fn broke_off() -> Error {
    let reason = "a task of it broke off; run the same again";
    Error::new(ErrorKind::Internal, "run", "the import", reason)
}

fn still_busy() -> Error {
    let reason = "a task of it has not ended; run the same again";
    Error::new(ErrorKind::Internal, "end", "the import", reason)
}

struct Worker {
    shared: Arc<Shared>,
    items: Arc<Mutex<mpsc::Receiver<Found>>>,
    recorder: Recorder,
}

impl Worker {
    /// Settles one after the other. Says whether something could not be looked at.
    async fn run(self) -> Result<bool> {
        let mut incomplete = false;
        while !self.shared.is_stopped() {
            let found = {
                let mut items = self.items.lock().await;
                let stop = &self.shared.parts.stop;
                stop.run_until_cancelled(items.recv()).await.flatten()
            };
            let Some(found) = found else {
                break;
            };
            incomplete |= matches!(found, Found::Unreadable { .. });
            if let Some(entry) = Box::pin(self.shared.settle(found)).await? {
                self.recorder.note(entry).await?;
            }
        }
        Ok(incomplete)
    }
}

impl std::fmt::Debug for Import {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Import")
            .field("job", &self.shared.job)
            .finish_non_exhaustive()
    }
}
