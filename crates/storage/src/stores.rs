//! The buckets of all store connections, each reached through one of them, opened and probed once.

mod acting;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use model::{BucketName, Clock};
use tokio::sync::OnceCell;

use crate::memory::MemoryStore;
use crate::{Encryption, ObjectStore, Result, RoleSession};
use acting::Acting;

/// Which store there is and how to reach it.
#[derive(Debug, Clone)]
pub enum Connection {
    /// Folders of plain files below `root`, one for each bucket.
    Local {
        /// The folder that holds the buckets; made where it is missing.
        root: PathBuf,
    },
    /// Memory: gone with the process.
    Memory,
    /// S3 or a store that speaks like it.
    #[cfg(feature = "s3")]
    S3(Box<crate::s3::S3Settings>),
}

/// The name of the connection that reaches every bucket which no other one names.
pub const DEFAULT_STORE: &str = "default";

/// What the keys begin with on which a bucket is probed when it is opened. Nothing below it is of
/// use once its probe has ended, which takes seconds.
pub const PROBES: &str = ".pierhead/probe/";

/// Hands out buckets. Each is reached through exactly one connection: the one that names it, else
/// the default one. Buckets that were opened stay open.
#[derive(Debug)]
pub struct Stores {
    connections: Arc<Connections>,
    /// Whose requests those of users are, where not the gateway's own.
    acting: Option<Acting>,
}

#[derive(Debug)]
struct Connections {
    default: Arc<Backend>,
    staging: Option<BucketName>,
    named: Vec<Named>,
    open: Mutex<HashMap<BucketName, Arc<Opening>>>,
}

/// A connection beside the default one.
#[derive(Debug, Clone)]
struct Named {
    name: String,
    buckets: Vec<String>,
    staging: Option<BucketName>,
    backend: Arc<Backend>,
}

/// Why a connection cannot stand beside the others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreConflict {
    /// There is one of this name.
    #[error("there is a store named {0} already")]
    Name(String),
    /// Another one names this bucket.
    #[error("the bucket {0} is reached through the store {1} already")]
    Bucket(String, String),
    /// It is no bucket's name, nor the beginning of one with `*` behind it.
    #[error("{0:?} is neither a bucket's name nor the beginning of one with `*` behind it")]
    Pattern(String),
    /// There is no connection of this name.
    #[error("there is no store named {0}")]
    Unknown(String),
}

/// A bucket that is open, or that somebody is opening.
type Opening = OnceCell<Opened>;

#[derive(Debug, Clone)]
enum Opened {
    Plain(Arc<dyn ObjectStore>),
    #[cfg(feature = "s3")]
    S3(Arc<crate::s3::S3Store>),
}

#[derive(Debug)]
enum Backend {
    Local(PathBuf),
    Memory(MemoryStore),
    #[cfg(feature = "s3")]
    S3(crate::s3::S3Client),
}

impl Stores {
    /// The buckets of `connection`; nothing is reached yet.
    pub fn new(connection: Connection) -> Self {
        Self::of(Backend::new(connection))
    }

    /// The same and the buckets of another connection: those of these names, or whose names begin
    /// as those that end in `*`. The longest that fits a bucket's name counts.
    ///
    /// # Errors
    /// Where the name, or one of the buckets, is another connection's already.
    pub fn with_store(
        self,
        name: &str,
        buckets: &[String],
        connection: Connection,
    ) -> Result<Self, StoreConflict> {
        let mut connections = self.connections.anew();
        let named = &connections.named;
        if name == DEFAULT_STORE || named.iter().any(|other| other.name == name) {
            return Err(StoreConflict::Name(name.to_owned()));
        }
        for (position, bucket) in buckets.iter().enumerate() {
            check_pattern(bucket)?;
            let other = named.iter().find(|other| other.buckets.contains(bucket));
            let twice = buckets.iter().take(position).any(|before| before == bucket);
            let holder = other.map(|other| other.name.as_str());
            if let Some(holder) = holder.or(twice.then_some(name)) {
                return Err(StoreConflict::Bucket(bucket.clone(), holder.to_owned()));
            }
        }
        connections.named.push(Named {
            name: name.to_owned(),
            buckets: buckets.to_vec(),
            staging: None,
            backend: Arc::new(Backend::new(connection)),
        });
        Ok(Self::own(connections))
    }

    /// The same, with a bucket for what the uploads into the buckets of one connection stage; it is
    /// reached through that connection, and nobody else may use it. Without one they stage in the
    /// bucket that they go to. Call it behind all [`Self::with_store`].
    ///
    /// # Errors
    /// Where there is no such connection, or another one names the bucket.
    pub fn with_staging(self, name: &str, bucket: BucketName) -> Result<Self, StoreConflict> {
        let mut connections = self.connections.anew();
        let holder = self.name_of(&bucket).to_owned();
        let whole = |named: &Named| named.buckets.iter().any(|one| one == bucket.as_str());
        let is_anothers = connections.named(&bucket).is_some_and(whole);
        if holder != name && (name == DEFAULT_STORE || is_anothers) {
            return Err(StoreConflict::Bucket(bucket.to_string(), holder));
        }
        if name == DEFAULT_STORE {
            connections.staging = Some(bucket);
            return Ok(Self::own(connections));
        }
        let mut all = connections.named.iter_mut();
        let named = all.find(|named| named.name == name);
        let named = named.ok_or_else(|| StoreConflict::Unknown(name.to_owned()))?;
        if holder != name {
            named.buckets.push(bucket.to_string());
        }
        named.staging = Some(bucket);
        Ok(Self::own(connections))
    }

    /// Where uploads into a bucket stage: a bucket of its own, or that bucket.
    pub fn staging_of<'a>(&'a self, bucket: &'a BucketName) -> &'a BucketName {
        let staging = match self.connections.named(bucket) {
            Some(named) => &named.staging,
            None => &self.connections.staging,
        };
        staging.as_ref().unwrap_or(bucket)
    }

    /// The buckets that are for staging alone, which no client may reach.
    pub fn staging_buckets(&self) -> impl Iterator<Item = &BucketName> {
        let connections = &self.connections;
        let named = connections.named.iter();
        let named = named.filter_map(|named| named.staging.as_ref());
        connections.staging.iter().chain(named)
    }

    /// [`Self::staging_of`] a bucket, opened.
    ///
    /// # Errors
    /// As [`Self::bucket`].
    pub async fn staging(&self, bucket: &BucketName) -> Result<Arc<dyn ObjectStore>> {
        self.bucket(self.staging_of(bucket)).await
    }

    /// The name of the connection that a bucket is reached through.
    pub fn name_of(&self, bucket: &BucketName) -> &str {
        self.connections
            .named(bucket)
            .map_or(DEFAULT_STORE, |named| &named.name)
    }

    /// Whether a store can copy from one bucket to the other by itself.
    pub fn are_together(&self, one: &BucketName, other: &BucketName) -> bool {
        self.name_of(one) == self.name_of(other)
    }

    /// How the store of a bucket is told to encrypt what is written there.
    pub fn encryption_of(&self, bucket: &BucketName) -> &Encryption {
        static NOT_TOLD: Encryption = Encryption::BucketDefault;
        match self.connections.backend(bucket) {
            #[cfg(feature = "s3")]
            Backend::S3(client) => &client.settings().encryption,
            Backend::Local(_) | Backend::Memory(_) => &NOT_TOLD,
        }
    }

    /// The same buckets as the session of an IAM role sees them: what it does to keys of users is
    /// signed by the role, at each connection that these buckets are reached through. Everything
    /// else stays the gateway's own: its reserved prefix, looks, what cleans up, and what buckets
    /// can do, which is not found out again. Equal sessions share their keys, which are renewed
    /// as long as anybody holds on to a store of this.
    ///
    /// # Errors
    /// `Unsupported` where a bucket's store has no roles; what STS says else: `Denied`, `Invalid`,
    /// `Unavailable`. There is nothing then: the gateway's own credentials never stand in.
    pub async fn acting_as<'b>(
        &self,
        session: &RoleSession,
        buckets: impl IntoIterator<Item = &'b BucketName> + Send,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self> {
        let mut names: Vec<&BucketName> = Vec::new();
        for bucket in buckets {
            if !names.iter().any(|known| self.are_together(known, bucket)) {
                names.push(bucket);
            }
        }
        let mut acting = Acting::default();
        for bucket in names {
            let backend = self.connections.backend(bucket);
            let name = self.name_of(bucket);
            acting.assume(name, backend, session, clock).await?;
        }
        Ok(Self {
            connections: Arc::clone(&self.connections),
            acting: Some(acting),
        })
    }

    /// The buckets beside `store`, which tests hold on to for its counters and faults.
    pub fn in_memory(store: MemoryStore) -> Self {
        Self::of(Backend::Memory(store))
    }

    fn of(backend: Backend) -> Self {
        Self::own(Connections {
            default: Arc::new(backend),
            staging: None,
            named: Vec::new(),
            open: Mutex::default(),
        })
    }

    fn own(connections: Connections) -> Self {
        Self {
            connections: Arc::new(connections),
            acting: None,
        }
    }

    /// The bucket `name`, opened and probed by whoever asks first.
    ///
    /// # Errors
    /// What the store says to the first look at the bucket: `NotFound`, `Denied`, `Unavailable`.
    /// The next call tries again.
    pub async fn bucket(&self, name: &BucketName) -> Result<Arc<dyn ObjectStore>> {
        let opened = self.connections.bucket(name).await?;
        match &self.acting {
            None => Ok(opened.store()),
            Some(acting) => acting.bucket(name, self.name_of(name), &opened),
        }
    }
}

impl Connections {
    /// The same, with nothing open.
    fn anew(&self) -> Self {
        Self {
            default: Arc::clone(&self.default),
            staging: self.staging.clone(),
            named: self.named.clone(),
            open: Mutex::default(),
        }
    }

    fn named(&self, bucket: &BucketName) -> Option<&Named> {
        let fits = |named: &Named| named.buckets.iter().filter_map(|p| fit(p, bucket)).max();
        let fitting = self
            .named
            .iter()
            .filter_map(|named| Some((fits(named)?, named)));
        fitting
            .max_by_key(|(length, _)| *length)
            .map(|(_, named)| named)
    }

    fn backend(&self, bucket: &BucketName) -> &Backend {
        self.named(bucket)
            .map_or(&self.default, |named| &named.backend)
    }

    async fn bucket(&self, name: &BucketName) -> Result<Opened> {
        let cell = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(open.entry(name.clone()).or_default())
        };
        match cell.get_or_try_init(|| self.open(name)).await {
            Ok(opened) => Ok(opened.clone()),
            Err(error) => {
                self.forget(name, &cell);
                Err(error)
            }
        }
    }

    async fn open(&self, name: &BucketName) -> Result<Opened> {
        match self.backend(name) {
            Backend::Local(root) => Ok(Opened::Plain(Arc::new(
                crate::local::LocalStore::open(root, name.clone()).await?,
            ))),
            Backend::Memory(store) => Ok(Opened::Plain(Arc::new(store.sibling(name.clone())))),
            #[cfg(feature = "s3")]
            Backend::S3(client) => {
                let store = crate::s3::S3Store::open(client, name.clone()).await?;
                Ok(Opened::S3(Arc::new(store)))
            }
        }
    }

    /// Names of buckets that do not exist leave nothing behind.
    fn forget(&self, name: &BucketName, cell: &Arc<Opening>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open
            .get(name)
            .is_some_and(|found| Arc::ptr_eq(found, cell) && !found.initialized())
        {
            open.remove(name);
        }
    }
}

impl Opened {
    fn store(self) -> Arc<dyn ObjectStore> {
        match self {
            Self::Plain(store) => store,
            #[cfg(feature = "s3")]
            Self::S3(store) => store,
        }
    }
}

impl Backend {
    fn new(connection: Connection) -> Self {
        match connection {
            Connection::Local { root } => Self::Local(root),
            Connection::Memory => {
                let first = BucketName::parse("memory").expect("it is a valid name");
                Self::Memory(MemoryStore::new(first))
            }
            #[cfg(feature = "s3")]
            Connection::S3(settings) => Self::S3(crate::s3::S3Client::new(*settings)),
        }
    }
}

fn check_pattern(pattern: &str) -> Result<(), StoreConflict> {
    let name = pattern.strip_suffix('*').unwrap_or(pattern);
    match name.is_empty() || BucketName::parse(name).is_err() {
        true => Err(StoreConflict::Pattern(pattern.to_owned())),
        false => Ok(()),
    }
}

/// How well a pattern fits a bucket's name: a whole name best, then the longest beginning.
fn fit(pattern: &str, bucket: &BucketName) -> Option<usize> {
    match pattern.strip_suffix('*') {
        None => (pattern == bucket.as_str()).then_some(usize::MAX),
        Some(beginning) => bucket
            .as_str()
            .starts_with(beginning)
            .then_some(beginning.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_bucket_is_reached_through_one_connection() {
        let folder = tempfile::tempdir().unwrap();
        let local = |name: &str| Connection::Local {
            root: folder.path().join(name),
        };
        let names = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let stores = Stores::new(local("default"))
            .with_store("archive", &names(&["cold", "archive-*"]), local("archive"))
            .unwrap()
            .with_store("special", &names(&["archive-2*"]), local("special"))
            .unwrap();
        for (name, store) in [
            ("inbox", "default"),
            ("cold", "archive"),
            ("colder", "default"),
            ("archive-1", "archive"),
            ("archive-20", "special"),
        ] {
            assert_eq!(stores.name_of(&bucket(name)), store, "{name}");
            stores.bucket(&bucket(name)).await.unwrap();
            let made = folder.path().join(store).join(name);
            assert!(made.is_dir(), "{name} is below {store}");
        }
        assert!(stores.are_together(&bucket("cold"), &bucket("archive-1")));
        assert!(!stores.are_together(&bucket("cold"), &bucket("inbox")));
    }

    #[test]
    fn a_bucket_is_one_connections_alone() {
        let with = |name: &str, buckets: &[&str]| {
            let stores = Stores::new(Connection::Memory)
                .with_store("archive", &["cold".to_owned()], Connection::Memory)
                .unwrap();
            let buckets: Vec<_> = buckets.iter().map(|name| (*name).to_owned()).collect();
            stores.with_store(name, &buckets, Connection::Memory).err()
        };
        let twice = StoreConflict::Bucket("cold".to_owned(), "archive".to_owned());
        assert_eq!(with("other", &["cold"]), Some(twice));
        assert_eq!(with("other", &["warm", "cold*"]), None);
        assert!(matches!(
            with("other", &["warm", "warm"]),
            Some(StoreConflict::Bucket(..))
        ));
        assert!(matches!(
            with("archive", &["warm"]),
            Some(StoreConflict::Name(_))
        ));
        assert!(matches!(
            with("default", &["warm"]),
            Some(StoreConflict::Name(_))
        ));
        for pattern in ["", "*", "a/b", "*x"] {
            let refused = with("other", &[pattern]);
            assert!(
                matches!(refused, Some(StoreConflict::Pattern(_))),
                "{pattern}"
            );
        }
    }

    fn bucket(name: &str) -> BucketName {
        BucketName::parse(name).unwrap()
    }

    #[test]
    fn each_connection_may_have_a_bucket_for_staging() {
        let stores = || {
            let names = ["cold".to_owned(), "archive-*".to_owned()];
            Stores::new(Connection::Memory)
                .with_store("archive", &names, Connection::Memory)
                .unwrap()
        };
        let none = stores();
        assert_eq!(none.staging_of(&bucket("inbox")).as_str(), "inbox");
        assert_eq!(none.staging_buckets().count(), 0);
        let both = stores()
            .with_staging("default", bucket("waiting"))
            .unwrap()
            .with_staging("archive", bucket("colder"))
            .unwrap();
        for (name, staging) in [
            ("inbox", "waiting"),
            ("cold", "colder"),
            ("archive-1", "colder"),
        ] {
            let name = bucket(name);
            let found = both.staging_of(&name);
            assert_eq!(found.as_str(), staging, "{name}");
            assert!(both.are_together(&name, found), "{name}");
        }
        let names: Vec<_> = both.staging_buckets().map(BucketName::as_str).collect();
        assert_eq!(names, ["waiting", "colder"]);
        let refused = |store: &str, name: &str| stores().with_staging(store, bucket(name)).err();
        let taken = |name: &str| StoreConflict::Bucket(name.to_owned(), "archive".to_owned());
        assert_eq!(refused("default", "cold"), Some(taken("cold")));
        assert_eq!(refused("default", "archive-9"), Some(taken("archive-9")));
        assert_eq!(refused("archive", "archive-9"), None);
        let unknown = StoreConflict::Unknown("other".to_owned());
        assert_eq!(refused("other", "waiting"), Some(unknown));
    }

    #[tokio::test]
    async fn a_bucket_is_opened_once() {
        let stores = Stores::new(Connection::Memory);
        let first = stores.bucket(&bucket("inbox")).await.unwrap();
        let second = stores.bucket(&bucket("inbox")).await.unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(first.bucket().as_str(), "inbox");
    }

    #[tokio::test]
    async fn a_bucket_that_cannot_be_opened_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("store");
        std::fs::write(&root, "a file, not a folder").unwrap();
        let stores = Stores::new(Connection::Local { root: root.clone() });
        stores.bucket(&bucket("inbox")).await.unwrap_err();
        std::fs::remove_file(&root).unwrap();
        stores.bucket(&bucket("inbox")).await.unwrap();
    }
}
