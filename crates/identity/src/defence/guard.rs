//! A server's defence, shared with the other nodes: what is earned on one holds on all.

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use database::{Ban, Database, Sightings, Telling};
use futures::future::join_all;
use model::{Clock, NodeId, ServerId, Timestamp};
use tokio::sync::{Semaphore, watch};
use tracing::warn;

use super::chronicle::{Case, Chronicle, Sort};
use super::{Decision, Defence, DefenceSettings, Refusal, Source, Visit};
use crate::{Result, metrics};

/// How far back each look at the other nodes reaches: their clocks may differ, and what they wrote
/// may have been committed later than it says.
const OVERLAP: Duration = Duration::from_secs(60);
/// How much of each kind one round tells, and takes over, at most.
const ROUND: usize = 500;
/// How often what says nothing any more is removed from the tables.
const TIDY_EVERY: Duration = Duration::from_secs(10 * 60);
/// Audit rows that are written at the same time.
const ROWS_AT_ONCE: usize = 64;

/// How a server is guarded.
#[derive(Debug, Clone)]
pub struct GuardSettings {
    /// Lists, scores and rates.
    pub defence: DefenceSettings,
    /// How many refusals are held back at the same time; beyond that they are answered at once.
    pub held: usize,
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self {
            defence: DefenceSettings::default(),
            held: 256,
        }
    }
}

/// Guards one server. Clones share everything.
#[derive(Debug, Clone)]
pub struct Guard(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    server: ServerId,
    defence: Defence,
    database: Database,
    clock: Arc<dyn Clock>,
    chronicle: Mutex<Chronicle>,
    /// This run, among those who tell what they saw.
    teller: String,
    tellings: AtomicU64,
    /// What was told, and nobody said whether it was heard.
    unsure: Mutex<Option<(u64, Sightings)>>,
    /// In microseconds: when the other nodes were asked last, and the tables tidied.
    asked: AtomicI64,
    tidied: AtomicI64,
    held: Arc<Semaphore>,
    /// Changes with the bans that end what is open.
    kept_out: watch::Sender<u64>,
}

impl Guard {
    /// A guard who knows nothing yet: [`Self::remember`] tells him.
    pub fn new(
        server: ServerId,
        settings: GuardSettings,
        database: Database,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let now = clock.now();
        Self(Arc::new(Shared {
            chronicle: Mutex::new(Chronicle::new(server.clone(), now)),
            server,
            teller: NodeId::generate().to_string(),
            tellings: AtomicU64::new(0),
            unsure: Mutex::default(),
            defence: Defence::new(settings.defence, Arc::clone(&clock)),
            database,
            clock,
            asked: AtomicI64::new(now.as_micros()),
            tidied: AtomicI64::new(now.as_micros()),
            held: Arc::new(Semaphore::new(settings.held)),
            kept_out: watch::Sender::new(0),
        }))
    }

    /// Reads what earlier runs and other nodes know. Before anybody is let in: a restart forgets no
    /// ban.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn remember(&self) -> Result<()> {
        let shared = &self.0;
        let now = shared.clock.now();
        // A ban that ended makes the next one longer for as long as the longest may be.
        let ended = before(now, Duration::from_secs(7 * 24 * 60 * 60));
        let bans = shared.database.bans();
        let rows = bans.ending_after(&shared.server, ended).await?;
        let (sightings, most) = (shared.database.sightings(), 50_000);
        let long_ago = Timestamp::from_micros(0);
        let scores = sightings.scores(&shared.server, long_ago, now, most);
        let familiar = sightings.familiar(&shared.server, long_ago, now, most);
        let (scores, familiar) = (scores.await?, familiar.await?);
        shared.defence.learn(rows, scores, familiar);
        shared.asked.store(now.as_micros(), Relaxed);
        self.count_bans();
        Ok(())
    }

    /// Other settings from now on. How many refusals are held back takes hold at the next start.
    pub fn set(&self, settings: DefenceSettings) {
        self.0.defence.set(settings);
        self.0.kept_out.send_modify(|count| *count += 1);
    }

    /// The server that is guarded.
    pub fn server(&self) -> &ServerId {
        &self.0.server
    }

    /// The state below.
    pub fn defence(&self) -> &Defence {
        &self.0.defence
    }

    /// Whether a connection from `address` may be served: asked before anything is said to it. None
    /// for one that is nobody's own, as a balancer's probes: it is not watched.
    ///
    /// # Errors
    /// [`Refusal`] says why not.
    pub fn visit(&self, address: Option<IpAddr>) -> Result<Visit, Refusal> {
        let decision = match address {
            Some(address) => self.0.defence.connection(address),
            None => Decision::AT_ONCE,
        };
        match decision {
            Decision::Proceed { .. } => {
                self.decided("connection", "proceed");
                Ok(Visit::new(self.clone(), address))
            }
            Decision::Refuse(refusal) => {
                self.decided("connection", refusal.reason());
                self.note(Case {
                    sort: Sort::Refused,
                    address,
                    name: None,
                    user: None,
                    subject: Some("connection".to_owned()),
                    reason: refusal.reason().to_owned(),
                });
                Err(refusal)
            }
        }
    }

    /// Tells the other nodes what was seen here, and hears what they saw. To be called every second
    /// or two; writes what the audit log is told as well. A ban, its audit row and its event are
    /// there together or not at all, whenever the node ends.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer; nothing is lost then but counts.
    pub async fn share(&self) -> Result<()> {
        let written = self.write_audit(false).await;
        self.tell().await?;
        self.hear().await?;
        self.tidy().await?;
        written
    }

    /// Writes what is left at the end.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn finish(&self) -> Result<()> {
        self.tell().await?;
        self.write_audit(true).await
    }

    async fn tell(&self) -> Result<()> {
        // What may be told already comes first, and as it was, so that nothing counts twice.
        let unsure = self.unsure().take();
        if let Some((number, seen)) = unsure {
            self.tell_as(number, seen).await?;
        }
        let seen = self.0.defence.take_untold(ROUND);
        let number = self.0.tellings.fetch_add(1, Relaxed);
        self.tell_as(number, seen).await
    }

    async fn tell_as(&self, number: u64, seen: Sightings) -> Result<()> {
        let shared = &self.0;
        if seen.is_empty() {
            return Ok(());
        }
        let telling = Telling {
            teller: &shared.teller,
            number,
        };
        let (sightings, now) = (shared.database.sightings(), shared.clock.now());
        let told = sightings
            .tell(&shared.server, telling, seen.clone(), now)
            .await;
        match &told {
            Ok(()) => {}
            Err(error) if error.outcome_unknown() => *self.unsure() = Some((number, seen)),
            Err(_) => shared.defence.put_back(seen),
        }
        Ok(told?)
    }

    fn unsure(&self) -> MutexGuard<'_, Option<(u64, Sightings)>> {
        let unsure = self.0.unsure.lock();
        unsure.unwrap_or_else(PoisonError::into_inner)
    }

    async fn hear(&self) -> Result<()> {
        let shared = &self.0;
        let now = shared.clock.now();
        let asked = Timestamp::from_micros(shared.asked.load(Relaxed));
        let since = before(asked, OVERLAP);
        let (bans, sightings) = (shared.database.bans(), shared.database.sightings());
        let limit = u32::try_from(4 * ROUND).unwrap_or(u32::MAX);
        let rows = bans.changed_since(&shared.server, since).await?;
        let scores = sightings.scores(&shared.server, since, now, limit).await?;
        let familiar = sightings
            .familiar(&shared.server, since, now, limit)
            .await?;
        let stated = rows.iter().any(|row| row.ban.by.is_some());
        shared.defence.learn(rows, scores, familiar);
        shared.asked.store(now.as_micros(), Relaxed);
        if stated {
            shared.kept_out.send_modify(|count| *count += 1);
        }
        self.count_bans();
        Ok(())
    }

    async fn tidy(&self) -> Result<()> {
        let shared = &self.0;
        let now = shared.clock.now();
        let tidied = Timestamp::from_micros(shared.tidied.load(Relaxed));
        if now.since(tidied) < TIDY_EVERY {
            return Ok(());
        }
        shared.tidied.store(now.as_micros(), Relaxed);
        let ended = before(now, Duration::from_secs(7 * 24 * 60 * 60));
        shared.database.bans().forget(&shared.server, ended).await?;
        shared
            .database
            .sightings()
            .forget(&shared.server, now)
            .await?;
        Ok(())
    }

    async fn write_audit(&self, everything: bool) -> Result<()> {
        let now = self.0.clock.now();
        let mut entries = self.chronicle().take(now, everything);
        while !entries.is_empty() {
            let rest = entries.split_off(entries.len().min(ROWS_AT_ONCE));
            let writer = self.0.database.writer();
            let writes = entries
                .iter()
                .map(|(audit, event)| writer.record(Some(audit.clone()), event.clone()));
            let written: database::Result<Vec<()>> = join_all(writes).await.into_iter().collect();
            if let Err(error) = written {
                // Rows have ids of their own, so that those that were written stay one.
                entries.extend(rest);
                self.chronicle().put_back(entries);
                return Err(error.into());
            }
            entries = rest;
        }
        Ok(())
    }

    pub(super) fn banned(&self, ban: &Ban, address: IpAddr) {
        let reason = ban.reason.clone();
        ::metrics::counter!(metrics::BANS_MADE, "reason" => reason).increment(1);
        let minutes = ban.until.since(ban.since).as_secs() / 60;
        // Its audit row and its event are written with it, when the other nodes are told.
        if self
            .chronicle()
            .has_room(Sort::Ban, Some(Source::of(address)))
        {
            warn!(network = %ban.network, reason = ban.reason, minutes, repeated = ban.repeated,
                "address banned");
        }
        self.count_bans();
    }

    /// For the audit log. True where it has a row of its own, so that a log line may have one too.
    pub(super) fn note(&self, case: Case) -> bool {
        let now = self.0.clock.now();
        let own = self.chronicle().note(&case, now);
        if !own {
            ::metrics::counter!(metrics::CASES_COUNTED_ONLY).increment(1);
        }
        own
    }

    pub(super) fn decided(&self, stage: &'static str, decision: &'static str) {
        ::metrics::counter!(metrics::DECISIONS, "stage" => stage, "decision" => decision)
            .increment(1);
    }

    pub(super) fn places(&self) -> &Arc<Semaphore> {
        &self.0.held
    }

    pub(super) fn kept_out(&self) -> watch::Receiver<u64> {
        self.0.kept_out.subscribe()
    }

    fn count_bans(&self) {
        let count = self.0.defence.bans().len();
        #[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^52")]
        ::metrics::gauge!(metrics::BANS).set(count as f64);
    }

    fn chronicle(&self) -> MutexGuard<'_, Chronicle> {
        // Every line leaves it whole.
        let chronicle = self.0.chronicle.lock();
        chronicle.unwrap_or_else(PoisonError::into_inner)
    }
}

fn before(time: Timestamp, duration: Duration) -> Timestamp {
    let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(time.as_micros().saturating_sub(micros))
}
