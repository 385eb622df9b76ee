//! One combination of store and database: start, work, kill, look; again and again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use model::{Clock as _, SystemClock};
use russh::keys::{Algorithm, PrivateKey};
use testkit::client::Credential;
use testkit::dice::Dice;
use testkit::node::Node;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::expected::Expected;
use crate::inspector::Inspector;
use crate::ledger::Ledger;
use crate::options::{DatabaseKind, Options, StoreKind};
use crate::others::{self, Things};
use crate::partner::Partner;
use crate::report::Counts;
use crate::setting::{BUCKET, Setting};
use crate::sweep;
use crate::watcher::{self, Sightings};

/// Sessions at the same time.
const PARTNERS: usize = 3;
/// How long it may take until everybody is in.
const ARRIVAL: Duration = Duration::from_secs(30);
/// A node dies so many deeds later at most, however slow the machine is, and a moment after that;
/// also where they do not come to their ends.
const DEEDS: u64 = 12;
const MOMENT: Duration = Duration::from_millis(400);
const LIFE: Duration = Duration::from_secs(20);
/// Everything of others is compared each so many kills, and at the end.
const OTHERS_EVERY: u32 = 20;

/// A torture in progress.
struct Rounds {
    setting: Setting,
    node: Node,
    inspector: Inspector,
    partners: Vec<Partner>,
    others: Things,
    arrived: Arc<Semaphore>,
    done: Arc<Semaphore>,
    dice: Dice,
}

/// Runs one combination with its share of the kills.
pub(crate) async fn run(
    options: &Options,
    folder: &Path,
    (store, database, kills): (StoreKind, DatabaseKind, u32),
) -> Result<Counts> {
    let begin = Instant::now();
    let setting = Setting::start(folder, store, database, options.moto.as_deref()).await?;
    let expected = Arc::new(Expected::default());
    let mut rounds = Rounds::prepare(options, folder, setting, &expected).await?;
    let sightings = Arc::new(Sightings::default());
    let store = Arc::clone(rounds.inspector.store());
    let mut watcher = JoinSet::new();
    watcher.spawn(watcher::watch(store, expected, Arc::clone(&sightings)));
    tokio::select! {
        ended = rounds.torture(kills) => ended?,
        Some(saw) = watcher.join_next() => {
            saw.context("watch the bucket")?.context("what the watcher saw")?;
        }
    }
    let mut counts = Counts {
        kills: kills.into(),
        looks: sightings.looks.load(Ordering::Relaxed),
        versions: sightings.versions.load(Ordering::Relaxed),
        seconds: begin.elapsed().as_secs(),
        ..Counts::default()
    };
    rounds
        .partners
        .iter()
        .for_each(|partner| counts.add(&partner.ledger));
    Ok(counts)
}

impl Rounds {
    /// Makes the users, starts the node, and leaves things of others in the bucket.
    async fn prepare(
        options: &Options,
        folder: &Path,
        setting: Setting,
        expected: &Arc<Expected>,
    ) -> Result<Self> {
        let mut node = Node::new(&options.binary, folder, &setting.configuration())?;
        let credential = add_users(&node, folder)?;
        node.start()?;
        let mut dice = Dice::seeded(options.seed);
        let numbers = Arc::new(AtomicU64::new(1));
        let arrived = Arc::new(Semaphore::new(0));
        let done = Arc::new(Semaphore::new(0));
        let mut partner = |user: &'static str, folder: String| Partner {
            user,
            credential: credential.clone(),
            folder,
            dice: dice.fork(),
            ledger: Ledger::default(),
            expected: Arc::clone(expected),
            numbers: Arc::clone(&numbers),
            arrived: Arc::clone(&arrived),
            done: Arc::clone(&done),
            without: options.without.clone(),
        };
        let partners = (0..PARTNERS).map(|number| partner("partner", format!("w{number}")));
        let partners = partners.collect();
        let inspector = Inspector::new(&setting).await?;
        let mut rounds = Self {
            setting,
            node,
            inspector,
            partners,
            others: Things::new(),
            arrived,
            done,
            dice,
        };
        let address = rounds.node.address();
        let made = others::leave(address, &credential, &rounds.inspector, expected).await;
        made.context("leave things of others")?;
        rounds.others = rounds.inspector.things_of_others().await?;
        Ok(rounds)
    }

    async fn torture(&mut self, kills: u32) -> Result<()> {
        for kill in 1..=kills {
            let round = Box::pin(self.round()).await;
            round.with_context(|| format!("kill {kill}"))?;
            if kill % OTHERS_EVERY == 0 || kill == kills {
                let now = self.inspector.things_of_others().await?;
                let before = &self.others;
                anyhow::ensure!(
                    now == *before,
                    "things of others were {before:?} and are {now:?}"
                );
            }
        }
        Ok(())
    }

    /// Lets everybody work, kills the node, starts it again, and looks.
    async fn round(&mut self) -> Result<()> {
        let since = SystemClock.now();
        let moment = MOMENT.mul_f64(self.dice.below(1000) as f64 / 1000.0);
        let deeds = self.dice.below(DEEDS) as u32;
        let address = self.node.address();
        let mut work = JoinSet::new();
        for mut partner in self.partners.drain(..) {
            work.spawn(async move {
                let worked = partner.work(address).await;
                (partner, worked)
            });
        }
        // Now and then it dies while they log in.
        if self.dice.below(8) != 0 {
            let everybody = self.arrived.acquire_many(PARTNERS as u32);
            let arrived = tokio::time::timeout(ARRIVAL, everybody).await;
            arrived
                .context("the partners do not get in")?
                .context("closed")?
                .forget();
            // Where they are slow, it dies in the middle of what they do.
            let _ = tokio::time::timeout(LIFE, self.done.acquire_many(deeds)).await;
        }
        tokio::time::sleep(moment).await;
        self.node.kill()?;
        let mut failed = None;
        while let Some(joined) = work.join_next().await {
            let (partner, worked) = joined.context("a partner broke off")?;
            failed = failed.or(worked.err());
            self.partners.push(partner);
        }
        if let Some(error) = failed {
            return Err(error);
        }
        self.arrived.forget_permits(Semaphore::MAX_PERMITS);
        self.done.forget_permits(Semaphore::MAX_PERMITS);
        self.partners.sort_by(|a, b| a.folder.cmp(&b.folder));
        self.node.start()?;
        let left = sweep::sweep(&self.node)?;
        self.inspector.check_explained(&left).await?;
        self.inspector.until_moved().await?;
        self.look(since).await
    }

    async fn look(&mut self, since: model::Timestamp) -> Result<()> {
        for partner in &mut self.partners {
            let prefix = partner.prefix();
            self.inspector
                .settle(&prefix, &mut partner.ledger, since)
                .await?;
        }
        self.inspector.check_leftovers(&self.setting).await
    }
}

/// Two users with one key, so that a login costs no password hash.
fn add_users(node: &Node, folder: &Path) -> Result<Credential> {
    let mut random = russh::keys::key::safe_rng();
    let key = PrivateKey::random(&mut random, Algorithm::Ed25519).context("make a key")?;
    let public = key.public_key().to_openssh().context("encode the key")?;
    let file = folder.join("key.pub");
    std::fs::write(&file, public).with_context(|| format!("write {}", file.display()))?;
    let file = file.to_str().context("a folder with a name in UTF-8")?;
    for user in ["partner", "neighbour"] {
        let home = format!("/{BUCKET}/{user}");
        node.command(&["user", "add", user, "--home", &home, "--key", file])?;
    }
    Ok(Credential::Key(Arc::new(key)))
}
