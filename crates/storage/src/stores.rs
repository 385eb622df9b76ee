//! The buckets of all store connections, each reached through one of them, opened and probed once.

mod acting;
mod conflict;
mod connections;
mod staging;

use std::path::PathBuf;
use std::sync::Arc;

use model::{BucketName, Clock};

use crate::memory::MemoryStore;
use crate::{Encryption, ObjectStore, Result, RoleSession};
use acting::Acting;
pub use conflict::StoreConflict;
use conflict::check_pattern;
use connections::{Backend, Connections, Named};

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
        Self::own(Connections::new(backend))
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
