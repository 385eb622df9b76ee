//! The buckets of one store connection, each opened and probed once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use model::BucketName;
use tokio::sync::OnceCell;

use crate::memory::MemoryStore;
use crate::{ObjectStore, Result};

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

/// Hands out the buckets of a connection. Buckets that were opened stay open.
#[derive(Debug)]
pub struct Stores {
    backend: Backend,
    open: Mutex<HashMap<BucketName, Arc<Opening>>>,
}

/// A bucket that is open, or that somebody is opening.
type Opening = OnceCell<Arc<dyn ObjectStore>>;

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
        Self::of(match connection {
            Connection::Local { root } => Backend::Local(root),
            Connection::Memory => {
                let first = BucketName::parse("memory").expect("it is a valid name");
                Backend::Memory(MemoryStore::new(first))
            }
            #[cfg(feature = "s3")]
            Connection::S3(settings) => Backend::S3(crate::s3::S3Client::new(*settings)),
        })
    }

    /// The buckets beside `store`, which tests hold on to for its counters and faults.
    pub fn in_memory(store: MemoryStore) -> Self {
        Self::of(Backend::Memory(store))
    }

    fn of(backend: Backend) -> Self {
        Self {
            backend,
            open: Mutex::default(),
        }
    }

    /// The bucket `name`, opened and probed by whoever asks first.
    ///
    /// # Errors
    /// What the store says to the first look at the bucket: `NotFound`, `Denied`, `Unavailable`.
    /// The next call tries again.
    pub async fn bucket(&self, name: &BucketName) -> Result<Arc<dyn ObjectStore>> {
        let cell = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(open.entry(name.clone()).or_default())
        };
        let store = cell.get_or_try_init(|| self.open(name)).await;
        match store {
            Ok(store) => Ok(Arc::clone(store)),
            Err(error) => {
                self.forget(name, &cell);
                Err(error)
            }
        }
    }

    async fn open(&self, name: &BucketName) -> Result<Arc<dyn ObjectStore>> {
        match &self.backend {
            Backend::Local(root) => Ok(Arc::new(
                crate::local::LocalStore::open(root, name.clone()).await?,
            )),
            Backend::Memory(store) => Ok(Arc::new(store.sibling(name.clone()))),
            #[cfg(feature = "s3")]
            Backend::S3(client) => {
                let store = crate::s3::S3Store::open(client, name.clone()).await?;
                Ok(Arc::new(store))
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

#[cfg(test)]
mod tests {
    use super::*;

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
