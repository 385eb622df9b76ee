//! The task that writes: batches, retries, and the way out of a bad batch.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Counters;
use super::queue::{Job, Receivers};
use super::write::{Write, Written};
use crate::engine::{Engine, Transaction};
use crate::holdings::Ledger;
use crate::{Result, metrics as names, usage};

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Task {
    pub(super) engine: Arc<Engine>,
    /// Shared with the other writers, where there are more.
    pub(super) receivers: Arc<Mutex<Receivers>>,
    pub(super) closing: CancellationToken,
    pub(super) counters: Arc<Counters>,
    pub(super) batch: usize,
}

impl Task {
    pub(super) async fn run(self) {
        while let Some(batch) = self.next_batch().await {
            self.write(batch).await;
        }
    }

    /// One writer waits for work at a time; the others have a batch each, or wait for their turn.
    async fn next_batch(&self) -> Option<Vec<Job>> {
        let mut receivers = self.receivers.lock().await;
        let mut batch = receivers.next_batch(self.batch, &self.closing).await?;
        // Rows are locked in the order of their keys, so that two batches do not lock each other
        // out. Writes to one key keep their order.
        batch.sort_by(|one, other| one.write.key().cmp(&other.write.key()));
        Some(batch)
    }

    /// Writes a batch in one transaction. Where one of its writes makes that fail, each gets a
    /// transaction of its own.
    async fn write(&self, batch: Vec<Job>) {
        let writes: Vec<&Write> = batch.iter().map(|job| &job.write).collect();
        let Some(deadline) = batch.iter().map(|job| job.deadline).min() else {
            return;
        };
        match self.persist(&writes, deadline).await {
            Ok(answers) => {
                for (job, answer) in batch.into_iter().zip(answers) {
                    reply(job, Ok(answer));
                }
            }
            Err(error) if batch.len() == 1 || error.is_transient() => {
                for job in batch {
                    reply(job, Err(error.clone()));
                }
            }
            Err(_) => self.write_one_by_one(batch).await,
        }
    }

    async fn write_one_by_one(&self, batch: Vec<Job>) {
        metrics::counter!(names::RETRIES).increment(1);
        for job in batch {
            let answer = self.persist(&[&job.write], job.deadline).await;
            let answer = answer.and_then(|answers| only(answers, &job.write));
            reply(job, answer);
        }
    }

    /// Commits these writes, trying again until the deadline while the database does not answer.
    /// A COMMIT whose answer was lost may have taken effect; that is why every write can be
    /// repeated.
    async fn persist(&self, writes: &[&Write], deadline: Instant) -> Result<Vec<Written>> {
        let mut unknown = false;
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.attempt(writes).await {
                Ok(answers) => return Ok(answers),
                Err(error) => error,
            };
            if !error.is_transient() {
                return Err(error);
            }
            unknown |= error.outcome_unknown();
            if Instant::now() + pause >= deadline {
                return Err(match unknown {
                    true => error.with_unknown_outcome(),
                    false => error,
                });
            }
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            warn!(%error, cause, writes = writes.len(), "database write is tried again");
            metrics::counter!(names::RETRIES).increment(1);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn attempt(&self, writes: &[&Write]) -> Result<Vec<Written>> {
        let begun = Instant::now();
        let mut transaction = self.engine.begin().await?;
        let answers = match apply(writes, &mut transaction).await {
            Ok(answers) => answers,
            Err(error) => {
                // A connection that does not answer is not asked for more.
                if !error.is_transient() {
                    transaction.roll_back().await;
                }
                return Err(error);
            }
        };
        transaction.commit().await?;
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        let count = writes.len() as u64;
        self.counters.writes.fetch_add(count, Ordering::Relaxed);
        metrics::counter!(names::COMMITS).increment(1);
        metrics::histogram!(names::WRITES_PER_COMMIT).record(count as f64);
        metrics::histogram!(names::COMMIT_SECONDS).record(begun.elapsed().as_secs_f64());
        Ok(answers)
    }
}

async fn apply(writes: &[&Write], transaction: &mut Transaction) -> Result<Vec<Written>> {
    let mut answers = Vec::with_capacity(writes.len());
    let mut ledger = Ledger::default();
    usage::lock(&counted_first(writes), transaction).await?;
    for write in writes {
        answers.push(write.apply(&mut ledger, transaction).await?);
    }
    ledger.settle(transaction).await?;
    Ok(answers)
}

/// Whose sums are locked before anything else: those of everybody in a batch where something must
/// fit into a quota, in order. Else sums are locked last, when they are written, in that order.
fn counted_first(writes: &[&Write]) -> Vec<String> {
    if !writes.iter().any(|write| write.is_bounded()) {
        return Vec::new();
    }
    let owners = writes.iter().filter_map(|write| write.owner());
    let owners: BTreeSet<String> = owners.map(|owner| owner.to_string()).collect();
    owners.into_iter().collect()
}

/// Who asked may be gone; what he asked for is done all the same.
fn reply(job: Job, answer: Result<Written>) {
    let _ = job.reply.send(answer);
}

fn only(answers: Vec<Written>, write: &Write) -> Result<Written> {
    let answer = answers.into_iter().next();
    answer.ok_or_else(|| super::confused("write", write.object()))
}
