//! `Held`: replies to WRITEs that wait until the store has more of their files, so that a node that
//! dies takes little to its grave that a client counts on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gateway::Receipt;
use sftp::{RequestId, Status, StatusCode};
use tokio::sync::Notify;

use super::{Shared, status};
use crate::line::Line;

/// From this many on nothing more is read from the client. Clients have some hundred WRITEs
/// unanswered at most, but for those that never look.
const MOST: usize = 4096;

/// The replies of one channel, in the order of their WRITEs.
#[derive(Debug)]
pub(super) struct Held {
    queue: Mutex<Queue>,
    changed: Notify,
    line: Arc<Line>,
}

#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<Entry>,
    /// One that was taken out is being waited for.
    waiting: bool,
    /// Nothing more is read from the client.
    full: bool,
    finished: bool,
}

#[derive(Debug)]
struct Entry {
    id: RequestId,
    outcome: Outcome,
}

/// What a reply says: it is known, or will be once the receipt is due.
pub(super) type Outcome = Result<Receipt, Status>;

/// What becomes of a reply.
pub(super) enum Answer {
    /// It goes out.
    Ok,
    Failed(Status),
    /// It waits, for the store or for those before it.
    Later(Outcome),
}

impl Held {
    pub(super) fn new(line: Arc<Line>) -> Self {
        Self {
            queue: Mutex::default(),
            changed: Notify::new(),
            line,
        }
    }

    /// What a WRITE with this outcome is answered. Without a receipt its handle is closed by now,
    /// which said more.
    pub(super) fn answer(&self, outcome: Result<Option<Receipt>, Status>) -> Answer {
        let outcome = match outcome {
            Ok(None) => return Answer::Ok,
            Ok(Some(receipt)) => Ok(receipt),
            Err(status) => Err(status),
        };
        let queue = self.lock();
        if !queue.entries.is_empty() || queue.waiting {
            return Answer::Later(outcome);
        }
        match outcome {
            Err(status) => Answer::Failed(status),
            Ok(receipt) => match receipt.answer() {
                Some(Ok(())) => Answer::Ok,
                Some(Err(error)) => Answer::Failed(status::of(&error)),
                None => Answer::Later(Ok(receipt)),
            },
        }
    }

    /// Answers later, behind those that wait.
    pub(super) fn add(&self, id: RequestId, outcome: Outcome) {
        let mut queue = self.lock();
        queue.entries.push_back(Entry { id, outcome });
        if queue.entries.len() >= MOST && !queue.full {
            queue.full = true;
            self.line.owe();
        }
        drop(queue);
        self.changed.notify_one();
    }

    /// Answers as the store gets on, until nothing more comes.
    pub(super) async fn release(&self, shared: &Shared) {
        while let Some(entry) = self.next().await {
            let status = match entry.outcome {
                Ok(receipt) => {
                    // The client waits for us: it is not idle.
                    let _running = self.line.run();
                    let due = receipt.due().await;
                    due.map_or_else(|error| status::of(&error), |()| StatusCode::Ok.into())
                }
                Err(status) => status,
            };
            shared.outbox.add(entry.id, &status.into());
        }
    }

    /// Nothing more comes.
    pub(super) fn finish(&self) {
        self.lock().finished = true;
        self.changed.notify_one();
    }

    async fn next(&self) -> Option<Entry> {
        loop {
            {
                let mut queue = self.lock();
                let entry = queue.entries.pop_front();
                queue.waiting = entry.is_some();
                if queue.entries.len() < MOST && queue.full {
                    queue.full = false;
                    self.line.pay();
                }
                if entry.is_some() || queue.finished {
                    return entry;
                }
            }
            self.changed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
