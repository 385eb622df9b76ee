//! After each death: does everything stand that was acknowledged, and nothing else?

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use database::{Database, TransferState};
use futures::TryStreamExt as _;
use model::{BucketName, EventKind, Location, ObjectKey, Timestamp, TransferId};
use storage::{Entry, ListRequest, ObjectStore, ObjectStoreExt as _};

use crate::content::{self, Hash};
use crate::ledger::{Ledger, Outcome, Tree};
use crate::setting::{BUCKET, Setting};

/// Looks into the bucket and the database, past the gateway.
pub(crate) struct Inspector {
    store: Arc<dyn ObjectStore>,
    database: Database,
    bucket: BucketName,
    /// What is known of objects that were read: key and ETag, hash.
    read: BTreeMap<(String, String), Hash>,
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
            read: BTreeMap::new(),
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
            hashes.insert(key.clone(), self.hash(key, object).await?);
        }
        let sent = self.events(prefix, since).await?;
        let outcomes = ledger.outcomes();
        let outcome = outcomes
            .iter()
            .find(|outcome| stands(&outcome.tree, &hashes) && events_of(ledger, outcome) == sent);
        let Some(outcome) = outcome else {
            bail!("{}", told(ledger, &outcomes, &found, &sent));
        };
        for (key, object) in &found {
            self.check_rows(key, object).await?;
        }
        let outcome = outcome.clone();
        ledger.settle(outcome);
        Ok(())
    }

    /// Nothing unfinished may be left that no row accounts for.
    pub(crate) async fn check_leftovers(&self, setting: &Setting) -> Result<()> {
        for pending in self.store.list_uploads("").await.context("list uploads")? {
            let (key, id) = (&pending.upload.key, &pending.upload.id.0);
            ensure!(
                key.as_str().starts_with("foreign/") || self.accounts_for(key, id).await?,
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

    /// The newest completed transfer to a key, where it made the object, says what stands there.
    async fn check_rows(&self, key: &str, object: &Found) -> Result<()> {
        let location = self.location(key)?;
        let transfers = self.database.transfers().to_object(&location, 50).await?;
        let completed = transfers.iter().filter_map(|row| row.completed.as_ref());
        for row in completed {
            if row.etag == object.etag {
                ensure!(
                    row.size == object.size,
                    "{key} has {} bytes, and its row says {}",
                    object.size,
                    row.size
                );
            }
        }
        Ok(())
    }

    async fn accounts_for(&self, key: &ObjectKey, id: &str) -> Result<bool> {
        if self.is_accounted_for(key.as_str()).await? {
            return Ok(true);
        }
        let location = self.location(key.as_str())?;
        let rows = self.database.transfers().to_object(&location, 50).await?;
        let theirs = |row: &database::Transfer| {
            is_unfinished(row.state) && row.upload_id.as_deref() == Some(id)
        };
        Ok(rows.iter().any(theirs))
    }

    /// Whether an unfinished transfer is named by a key in staging.
    async fn is_accounted_for(&self, key: &str) -> Result<bool> {
        let Some(rest) = key.strip_prefix(".pierhead/staging/") else {
            // Left by the probe of the store, which aborts and removes when it begins anew.
            return Ok(key.starts_with(".pierhead/probe/"));
        };
        let id = rest.split('/').next().unwrap_or_default();
        let Ok(id) = id.parse::<TransferId>() else {
            return Ok(false);
        };
        let row = self.database.transfers().by_id(id).await?;
        Ok(row.is_some_and(|row| is_unfinished(row.state)))
    }

    async fn hash(&mut self, key: &str, object: &Found) -> Result<Hash> {
        let state = (key.to_owned(), object.etag.clone());
        if let Some(known) = self.read.get(&state) {
            return Ok(*known);
        }
        let parsed = ObjectKey::parse(key).with_context(|| format!("read {key}"))?;
        let bytes = self.store.read_whole(&parsed, 1 << 30).await;
        let bytes = bytes.with_context(|| format!("read {key}"))?;
        let hash = tokio::task::spawn_blocking(move || content::hash(&[bytes])).await?;
        self.read.insert(state, hash);
        Ok(hash)
    }

    fn location(&self, key: &str) -> Result<Location> {
        Ok(Location {
            bucket: self.bucket.clone(),
            key: ObjectKey::parse(key).with_context(|| format!("the key {key}"))?,
        })
    }
}

fn is_unfinished(state: TransferState) -> bool {
    !matches!(
        state,
        TransferState::Completed | TransferState::Failed | TransferState::Aborted
    )
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
    sent: &Events,
) -> String {
    let mut text = String::from("things are as they must not be; the bucket holds\n");
    for (key, object) in found {
        text += &format!("    {key}: {} bytes, ETag {}\n", object.size, object.etag);
    }
    text += &format!("    and the events are {sent:?}\n");
    for outcome in outcomes {
        text += &format!("  where {}, it must hold\n", outcome.name);
        for (key, content) in &outcome.tree {
            text += &format!("    {key}: {} bytes\n", content.size());
        }
        text += &format!("    and the events be {:?}\n", events_of(ledger, outcome));
    }
    text
}
