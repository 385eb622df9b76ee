//! After each death: does everything stand that was acknowledged, and nothing else?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use database::{Database, MoveState, PrivateFilesTable, TransferState};
use futures::TryStreamExt as _;
use model::{
    BucketName, Clock as _, EventKind, Location, ObjectKey, SystemClock, Timestamp, TransferId,
    UserId,
};
use storage::{Entry, ListRequest, ObjectStore, ObjectStoreExt as _};
use transfer::transfer_of;

use crate::content::{self, Hash};
use crate::ledger::{Ledger, Outcome, Tree};
use crate::others::FOREIGN;
use crate::setting::{BUCKET, Setting};
use crate::sweep::Left;

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

/// How long renames may go on after a death, and the time between two looks.
const MOVED: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

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

    /// What a sweep has left to be looked at again has a row that says that it is not over.
    pub(crate) async fn check_explained(&self, left: &[Left]) -> Result<()> {
        for entry in left {
            let id: TransferId = entry.id.parse().with_context(|| entry.text.clone())?;
            let upload = self.database.transfers().by_id(id).await?;
            let rename = self.database.moves().by_id(id).await?;
            let goes_on = upload.is_some_and(|row| is_unfinished(row.state))
                || rename.is_some_and(|row| row.state == MoveState::Moving);
            ensure!(
                goes_on,
                "a sweep left `{}` and no row explains it: {}",
                entry.what,
                entry.text
            );
        }
        Ok(())
    }

    /// Waits until the renames that a living node has taken up have come to their ends.
    pub(crate) async fn until_moved(&self) -> Result<()> {
        let mut looks = tokio::time::interval(LOOK);
        let look = async {
            for owner in self.owners().await? {
                while !self
                    .database
                    .moves()
                    .in_progress_of(owner)
                    .await?
                    .is_empty()
                {
                    looks.tick().await;
                }
            }
            anyhow::Ok(())
        };
        let ended = tokio::time::timeout(MOVED, look).await;
        ended.context("a rename does not come to its end")?
    }

    /// The closed temporary files below a prefix, which their owners alone see.
    async fn staged(&mut self, prefix: &str) -> Result<BTreeMap<String, Hash>> {
        let end = format!("{}0", prefix.trim_end_matches('/'));
        let (now, limit) = (SystemClock.now(), PrivateFilesTable::PAGE);
        let mut staged = BTreeMap::new();
        for owner in self.owners().await? {
            let files = self.database.private_files();
            let found = files.between(owner, &self.bucket, prefix, Some(&end), now, limit);
            for file in found.await? {
                let Some(object) = file.staged.as_ref().filter(|_| file.is_staged()) else {
                    continue;
                };
                let key = object.location.key.to_string();
                let found = Found {
                    size: object.object.size,
                    etag: object.object.etag.clone(),
                };
                let read = self.known(&key, &found).await?;
                let name = file.transfer.intent.location.key.to_string();
                staged.insert(name, read.hash);
            }
        }
        Ok(staged)
    }

    async fn owners(&self) -> Result<Vec<UserId>> {
        let mut owners = Vec::new();
        for server in self.database.servers().list().await? {
            let users = self.database.users().list(&server.id).await?;
            owners.extend(users.into_iter().map(|user| user.id));
        }
        Ok(owners)
    }

    /// The completed transfers to a key say what stands there, where they made it.
    async fn check_rows(&self, key: &str, object: &Found, read: &Read) -> Result<()> {
        let location = self.location(key)?;
        let transfers = self.database.transfers().to_object(&location, 50).await?;
        let completed = transfers.iter().filter_map(|row| row.completed.as_ref());
        for row in completed.filter(|row| row.etag == object.etag) {
            let (size, crc) = (object.size, &read.crc64nvme);
            ensure!(
                row.size == size && row.crc64nvme.as_ref().is_none_or(|said| said == crc),
                "{key} has {size} bytes with CRC64NVME {crc}, and its row says {row:?}"
            );
        }
        Ok(())
    }

    /// Who made an object is on record, and has come to his end.
    async fn check_maker(&self, key: &str) -> Result<()> {
        let head = self.store.head(&ObjectKey::parse(key)?).await;
        let head = head.with_context(|| format!("look at {key}"))?;
        let maker = transfer_of(&head.metadata);
        let maker = maker.with_context(|| format!("{key} does not say who made it"))?;
        let upload = self.database.transfers().by_id(maker).await?;
        let rename = self.database.moves().by_id(maker).await?;
        let is_known = upload.as_ref().is_some_and(|row| {
            matches!(row.state, TransferState::Completed | TransferState::Staged)
        }) || rename
            .as_ref()
            .is_some_and(|row| row.state == MoveState::Moved);
        ensure!(
            is_known,
            "{key} was made by {maker}, of which rows say {upload:?}, {rename:?}"
        );
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
