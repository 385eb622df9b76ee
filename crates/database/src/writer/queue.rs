//! The queues before the writer: one for each class, all bounded.

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::write::{Write, Written};
use crate::Result;

/// Who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// What a CLOSE, RENAME or REMOVE waits for.
    Commit,
    /// What comes before a store's first request.
    Intent,
    /// What nobody's bytes depend on.
    Record,
}

/// A write and who waits for it.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) write: Write,
    /// Retries end then.
    pub(crate) deadline: Instant,
    pub(crate) reply: oneshot::Sender<Result<Written>>,
}

#[derive(Debug)]
pub(crate) struct Senders {
    commits: mpsc::Sender<Job>,
    intents: mpsc::Sender<Job>,
    records: mpsc::Sender<Job>,
}

#[derive(Debug)]
pub(crate) struct Receivers {
    commits: mpsc::Receiver<Job>,
    intents: mpsc::Receiver<Job>,
    records: mpsc::Receiver<Job>,
}

/// A queue of `capacity` for each class.
pub(crate) fn channels(capacity: usize) -> (Senders, Receivers) {
    let (commits, commits_out) = mpsc::channel(capacity);
    let (intents, intents_out) = mpsc::channel(capacity);
    let (records, records_out) = mpsc::channel(capacity);
    let senders = Senders {
        commits,
        intents,
        records,
    };
    let receivers = Receivers {
        commits: commits_out,
        intents: intents_out,
        records: records_out,
    };
    (senders, receivers)
}

impl Senders {
    pub(crate) fn of(&self, class: Class) -> &mpsc::Sender<Job> {
        match class {
            Class::Commit => &self.commits,
            Class::Intent => &self.intents,
            Class::Record => &self.records,
        }
    }
}

impl Receivers {
    /// Waits for a write, then takes what else waits, at most `limit`: commits first, then
    /// intents, then records; an eighth of the places is kept for each class behind, so that
    /// none starves. None once everything is written after the end.
    pub(crate) async fn next_batch(
        &mut self,
        limit: usize,
        closing: &CancellationToken,
    ) -> Option<Vec<Job>> {
        let first = self.first(closing).await?;
        let share = limit / 8;
        let mut batch = vec![first];
        take(&mut self.commits, &mut batch, limit - 2 * share);
        take(&mut self.intents, &mut batch, limit - share);
        take(&mut self.records, &mut batch, limit);
        take(&mut self.commits, &mut batch, limit);
        Some(batch)
    }

    async fn first(&mut self, closing: &CancellationToken) -> Option<Job> {
        loop {
            let open = !closing.is_cancelled();
            if !open {
                self.commits.close();
                self.intents.close();
                self.records.close();
            }
            tokio::select! {
                biased;
                Some(job) = self.commits.recv() => return Some(job),
                Some(job) = self.intents.recv() => return Some(job),
                Some(job) = self.records.recv() => return Some(job),
                () = closing.cancelled(), if open => {}
                else => return None,
            }
        }
    }
}

fn take(queue: &mut mpsc::Receiver<Job>, batch: &mut Vec<Job>, limit: usize) {
    while batch.len() < limit {
        match queue.try_recv() {
            Ok(job) => batch.push(job),
            Err(_) => return,
        }
    }
}
