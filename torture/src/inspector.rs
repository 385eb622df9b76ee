//! After each death: does everything stand that was acknowledged, and nothing else?

mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use database::Database;
use futures::TryStreamExt as _;
use model::{BucketName, EventKind, Location, ObjectKey, Timestamp};
use storage::{Entry, ListRequest, ObjectStore, ObjectStoreExt as _};

use crate::content::{self, Hash};
use crate::ledger::{Ledger, Outcome, Tree};
use crate::others::FOREIGN;
use crate::setting::{BUCKET, Setting};

/// Looks into the bucket and the database, past the gateway.
pub(crate) struct Inspector {
    store: Arc<dyn ObjectStore>,
    database: Database,
    bucket: BucketName,
    /// What is known of objects that were read: by key and ETag.
    known: BTreeMap<(String, String), Read>,
}

/// What an object holds.
#[derive(Debug, Clone)]
pub(crate) struct Read {
    pub(crate) hash: Hash,
    /// CRC64NVME in base64, as stores and rows have it.
    crc64nvme: String,
}

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) size: u64,
    pub(crate) etag: String,
}

/// How often an event of this kind and key was sent.
type Events = BTreeMap<(&'static str, String), u32>;

/// The most events of one round.
const EVENTS: u32 = 100_000;

impl Inspector {
    pub(crate) async fn new(setting: &Setting) -> Result<Self> {
        Ok(Self {
            store: setting.store().await?,
            database: setting.database().await?,
            bucket: BucketName::parse(BUCKET).context("the bucket's name")?,
            known: BTreeMap::new(),
        })
    }

    pub(crate) fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Every object of the bucket, markers of directories left out.
    pub(crate) async fn objects(&self, prefix: &str) -> Result<BTreeMap<String, Found>> {
        let request = ListRequest {
            prefix: prefix.to_owned(),
            ..ListRequest::default()
        };
        let entries: Vec<Entry> = self.store.entries(request).try_collect().await?;
        let object = |entry| match entry {
            Entry::Object {
                key, size, etag, ..
            } if !key.ends_with('/') => Some((key, Found { size, etag })),
            _ => None,
        };
        Ok(entries.into_iter().filter_map(object).collect())
    }

    /// Finds out which of the possible outcomes it was, and fails where it was none of them.
    pub(crate) async fn settle(
        &mut self,
        prefix: &str,
        ledger: &mut Ledger,
        since: Timestamp,
    ) -> Result<()> {
        let found = self.objects(prefix).await?;
        let mut hashes = BTreeMap::new();
        for (key, object) in &found {
            let read = self.known(key, object).await?;
            self.check_rows(key, object, &read).await?;
            hashes.insert(key.clone(), read.hash);
        }
        let staged = self.staged(prefix).await?;
        let sent = self.events(prefix, since).await?;
        let outcomes = ledger.outcomes();
        let outcome = outcomes.iter().find(|outcome| {
            stands(&outcome.tree, &hashes)
                && stands(&outcome.staged, &staged)
                && events_of(ledger, outcome) == sent
        });
        let Some(outcome) = outcome else {
            let staged: Vec<_> = staged.keys().collect();
            bail!("{}", told(ledger, &outcomes, &found, &staged, &sent));
        };
        let outcome = outcome.clone();
        ledger.settle(outcome);
        Ok(())
    }

    /// Nothing unfinished may be left that no row accounts for.
    pub(crate) async fn check_leftovers(&self, setting: &Setting) -> Result<()> {
        for pending in self.store.list_uploads("").await.context("list uploads")? {
            let (key, id) = (&pending.upload.key, &pending.upload.id.0);
            ensure!(
                key.as_str().starts_with(FOREIGN) || self.accounts_for(key, id).await?,
                "a multipart upload to {key} is left ({id}), and no row accounts for it"
            );
        }
        for key in self.objects(".pierhead/").await?.into_keys() {
            ensure!(
                self.is_accounted_for(&key).await?,
                "{key} is left, and no row accounts for it"
            );
        }
        let staged = setting.staged_files()?;
        ensure!(staged.is_empty(), "half written files are left: {staged:?}");
        Ok(())
    }

    /// How often each upload and rename below a prefix was told.
    async fn events(&self, prefix: &str, since: Timestamp) -> Result<Events> {
        let mut events = Events::new();
        for stored in self.database.events().since(since, EVENTS).await? {
            let event = stored.event;
            let key = event.key.unwrap_or_default();
            let counts = matches!(event.kind, EventKind::Upload | EventKind::Rename);
            if counts && key.starts_with(prefix) {
                *events.entry((event.kind.as_str(), key)).or_default() += 1;
            }
        }
        Ok(events)
    }

    /// What is at a key in this state; read once.
    async fn known(&mut self, key: &str, object: &Found) -> Result<Read> {
        let state = (key.to_owned(), object.etag.clone());
        if let Some(known) = self.known.get(&state) {
            return Ok(known.clone());
        }
        let read = self.read(key).await?;
        self.check_maker(key).await?;
        self.known.insert(state, read.clone());
        Ok(read)
    }

    /// What is at a key now.
    pub(crate) async fn read(&self, key: &str) -> Result<Read> {
        let parsed = ObjectKey::parse(key).with_context(|| format!("read {key}"))?;
        let bytes = self.store.read_whole(&parsed, 1 << 30).await;
        let bytes = bytes.with_context(|| format!("read {key}"))?;
        let read = tokio::task::spawn_blocking(move || {
            let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, &bytes);
            Read {
                crc64nvme: STANDARD.encode(crc.to_be_bytes()),
                hash: content::hash(&[bytes]),
            }
        });
        Ok(read.await?)
    }

    fn location(&self, key: &str) -> Result<Location> {
        Ok(Location {
            bucket: self.bucket.clone(),
            key: ObjectKey::parse(key).with_context(|| format!("the key {key}"))?,
        })
    }
}

fn stands(tree: &Tree, hashes: &BTreeMap<String, Hash>) -> bool {
    tree.len() == hashes.len()
        && tree
            .iter()
            .all(|(key, content)| hashes.get(key) == Some(&content.hash()))
}

/// Exactly one event for each upload and rename, acknowledged or found to stand.
fn events_of(ledger: &Ledger, outcome: &Outcome) -> Events {
    let mut events = Events::new();
    for event in ledger.events.iter().chain(&outcome.events) {
        *events.entry(event.clone()).or_default() += 1;
    }
    events
}

fn told(
    ledger: &Ledger,
    outcomes: &[Outcome],
    found: &BTreeMap<String, Found>,
    staged: &[&String],
    sent: &Events,
) -> String {
    let mut text = String::from("things are as they must not be; the bucket holds\n");
    for (key, object) in found {
        text += &format!("    {key}: {} bytes, ETag {}\n", object.size, object.etag);
    }
    text += &format!("    closed temporary files are {staged:?}, and the events {sent:?}\n");
    for outcome in outcomes {
        text += &format!("  where {}, it must hold\n", outcome.name);
        for (key, content) in &outcome.tree {
            text += &format!("    {key}: {} bytes\n", content.size());
        }
        let (staged, events) = (outcome.staged.keys(), events_of(ledger, outcome));
        text += &format!("    closed temporary files be {staged:?}, and the events {events:?}\n");
    }
    text
}
