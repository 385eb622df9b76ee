//! The sweeper: finishes, keeps or takes away what nodes that died left, on one node at a time.

mod adopt;
mod ended;
mod lease;
mod names;
mod probes;
mod report;
mod rows;
mod staging;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

use storage::Stores;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::claim::before;
use crate::{Transfers, metrics};
use lease::Lease;
pub use report::{Deed, Entry, Outcome, Report};

/// Renames that one pass names.
const PAGE: u32 = 1000;
/// How long a node that died is remembered.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// Why a sweep broke off.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// Another node sweeps right now.
    #[error("another node sweeps right now")]
    Taken,
    /// The database does not answer.
    #[error("the database does not answer")]
    Database(#[from] database::Error),
}

/// Looks after everything that nobody looks after any more. Clones share it.
#[derive(Debug, Clone)]
pub struct Sweeper {
    transfers: Transfers,
    stores: Arc<Stores>,
}

/// One pass.
struct Pass<'a> {
    transfers: &'a Transfers,
    stores: &'a Arc<Stores>,
    /// Only says what it would do.
    dry_run: bool,
    report: Report,
}

impl Sweeper {
    /// A sweeper of the uploads of `transfers` in `stores`.
    pub fn new(transfers: Transfers, stores: Arc<Stores>) -> Self {
        Self { transfers, stores }
    }

    /// Settles the transfers that nobody works on, and takes up the renames, without the lease:
    /// every step is fenced, so several nodes may do it. For the start of a node, whose earlier
    /// runs are dead.
    ///
    /// # Errors
    /// `Database` where that does not answer; what a store fails with is an entry of the report.
    pub async fn settle_transfers(&self) -> Result<Report, SweepError> {
        let mut pass = self.pass(false);
        Box::pin(pass.settle_rows()).await?;
        pass.finish_moves().await?;
        Ok(pass.report)
    }

    /// One whole pass, under the lease.
    ///
    /// # Errors
    /// `Taken` where another node sweeps, `Database` where that does not answer; what a store
    /// fails with is an entry of the report.
    pub async fn sweep(&self) -> Result<Report, SweepError> {
        let lease = Lease::take(self.transfers.core()).await?;
        let begun = Instant::now();
        let mut pass = self.pass(false);
        let swept = lease.during(Box::pin(pass.everything())).await;
        lease.release().await;
        swept?;
        metrics::swept(self.transfers.core().clock.now(), begun.elapsed());
        Ok(pass.report)
    }

    /// What [`Self::sweep`] would do now. Changes nothing, and needs no lease.
    ///
    /// # Errors
    /// `Database` where that does not answer.
    pub async fn dry_run(&self) -> Result<Report, SweepError> {
        let mut pass = self.pass(true);
        Box::pin(pass.everything()).await?;
        Ok(pass.report)
    }

    /// Sweeps every `interval` until `stop`, whenever no other node does.
    pub async fn run(self, interval: Duration, stop: CancellationToken) {
        let mut ticks = tokio::time::interval_at(Instant::now() + interval, interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let Some(swept) = stop.run_until_cancelled(Box::pin(self.sweep())).await else {
                return;
            };
            match swept {
                Ok(report) if report.is_empty() => tracing::debug!("swept, and found nothing"),
                Ok(report) => tracing::info!(summary = %report.summary(), "swept"),
                Err(SweepError::Taken) => tracing::debug!("another node sweeps"),
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(%error, cause, "a sweep broke off");
                }
            }
        }
    }

    fn pass(&self, dry_run: bool) -> Pass<'_> {
        Pass {
            transfers: &self.transfers,
            stores: &self.stores,
            dry_run,
            report: Report::default(),
        }
    }
}

impl Pass<'_> {
    async fn everything(&mut self) -> Result<(), SweepError> {
        self.settle_rows().await?;
        self.look_for_names().await?;
        self.expire().await?;
        self.clear_leftovers().await?;
        self.finish_moves().await?;
        self.clear_buckets().await?;
        if !self.dry_run {
            let core = self.transfers.core();
            let long_ago = before(core.clock.now(), REMEMBERED);
            core.database.nodes().forget(long_ago).await?;
        }
        Ok(())
    }

    /// Takes renames up that nobody is at; they are journaled and fenced by themselves.
    async fn finish_moves(&mut self) -> Result<(), SweepError> {
        let core = self.transfers.core();
        let (own, now) = (core.settings.node, core.clock.now());
        let found = core
            .database
            .moves()
            .unattended(own, now, None, PAGE)
            .await?;
        let mut left = 0;
        if !self.dry_run {
            left = self.transfers.finish_moves(self.stores).await?.left;
        }
        // Those of this node itself are going on already.
        for found in found.into_iter().filter(|one| one.begun.node != own) {
            let id = found.begun.id;
            let done = match left > 0 && !core.moves.contains(id) {
                true => Err("its store does not answer; the log says why".into()),
                false => Ok(()),
            };
            let outcome = self.outcome(done);
            self.note(Entry {
                deed: Deed::FinishRename,
                location: found.begun.to,
                transfer: Some(id),
                outcome,
            });
        }
        Ok(())
    }

    fn note(&mut self, entry: Entry) {
        if !self.dry_run {
            entry.log();
            metrics::sweep_did(entry.deed.as_str(), entry.outcome.as_str());
        }
        self.report.add(entry);
    }

    /// What came of doing `deed`, or what would.
    fn outcome(&self, done: Result<(), Failure>) -> Outcome {
        match done {
            Ok(()) if self.dry_run => Outcome::Planned,
            Ok(()) => Outcome::Done,
            Err(error) => Outcome::Left(chain(&*error)),
        }
    }
}

/// Why something was left for the next pass.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
