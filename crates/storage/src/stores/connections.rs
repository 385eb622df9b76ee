//! The connections of a node: which one reaches a bucket, and what is open of them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use model::BucketName;
use tokio::sync::OnceCell;

use super::Connection;
use crate::memory::MemoryStore;
use crate::{ObjectStore, Result};

/// All connections, and the buckets that are open.
#[derive(Debug)]
pub(super) struct Connections {
    pub(super) default: Arc<Backend>,
    pub(super) staging: Option<BucketName>,
    pub(super) named: Vec<Named>,
    open: Mutex<HashMap<BucketName, Arc<Opening>>>,
}

/// A connection beside the default one.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) buckets: Vec<String>,
    pub(super) staging: Option<BucketName>,
    pub(super) backend: Arc<Backend>,
}

/// A bucket that is open, or that somebody is opening.
type Opening = OnceCell<Opened>;

/// A bucket that is open.
#[derive(Debug, Clone)]
pub(super) enum Opened {
    Plain(Arc<dyn ObjectStore>),
    #[cfg(feature = "s3")]
    S3(Arc<crate::s3::S3Store>),
}

/// What a connection leads to.
#[derive(Debug)]
pub(super) enum Backend {
    Local(PathBuf),
    Memory(MemoryStore),
    #[cfg(feature = "s3")]
    S3(crate::s3::S3Client),
}

impl Connections {
    /// One alone.
    pub(super) fn new(default: Backend) -> Self {
        Self {
            default: Arc::new(default),
            staging: None,
            named: Vec::new(),
            open: Mutex::default(),
        }
    }

    /// The same, with nothing open.
    pub(super) fn anew(&self) -> Self {
        Self {
            default: Arc::clone(&self.default),
            staging: self.staging.clone(),
            named: self.named.clone(),
            open: Mutex::default(),
        }
    }

    /// The connection that names a bucket, where the default one does not reach it.
    pub(super) fn named(&self, bucket: &BucketName) -> Option<&Named> {
        let fits = |named: &Named| named.buckets.iter().filter_map(|p| fit(p, bucket)).max();
        let fitting = self
            .named
            .iter()
            .filter_map(|named| Some((fits(named)?, named)));
        fitting
            .max_by_key(|(length, _)| *length)
            .map(|(_, named)| named)
    }

    pub(super) fn backend(&self, bucket: &BucketName) -> &Backend {
        self.named(bucket)
            .map_or(&self.default, |named| &named.backend)
    }

    pub(super) async fn bucket(&self, name: &BucketName) -> Result<Opened> {
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
    pub(super) fn store(self) -> Arc<dyn ObjectStore> {
        match self {
            Self::Plain(store) => store,
            #[cfg(feature = "s3")]
            Self::S3(store) => store,
        }
    }
}

impl Backend {
    pub(super) fn new(connection: Connection) -> Self {
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
