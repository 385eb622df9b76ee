//! A bucket on disk: its folders, its locks, and the threads that block on them.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{BucketName, ErrorKind};
use rustix::fs::{FlockOperation, flock};
use tokio::sync::Semaphore;

use super::attributes;
use super::failure::On;
use super::folder::Folder;
use super::multipart::Uploads;
use super::walk_cache::WalkCache;
use crate::{Error, Result};

/// The folder beside the buckets that holds what is unfinished. No bucket may be named so.
const RESERVED: &str = ".pierhead";

/// How many calls may block on the disk at once, for each bucket.
const MAX_BLOCKING: usize = 32;

/// How many locks the keys of a bucket share.
const LOCKS: usize = 64;

/// What the calls of one bucket share.
#[derive(Debug)]
pub(super) struct Disk {
    /// The folder of the buckets.
    pub(super) root: Folder,
    /// The folder of this one.
    pub(super) bucket: Folder,
    /// Files on their way to a key.
    pub(super) staged: Folder,
    /// A folder for each multipart upload.
    pub(super) uploads: Folder,
    /// The multipart uploads that were used.
    pub(super) open_uploads: Uploads,
    /// Listings that may go on.
    pub(super) walks: WalkCache,
    keys: [Mutex<()>; LOCKS],
    folders: Mutex<()>,
}

impl Disk {
    /// Opens the bucket, making the folders that are missing, and removes what a crash left
    /// staged.
    pub(super) fn open(root: &Path, name: &BucketName) -> Result<Self> {
        let on = On {
            operation: "open bucket",
            key: name.as_str(),
        };
        if name.as_str() == RESERVED {
            return Err(on.invalid("the name is reserved for what is unfinished"));
        }
        let disk = Self::open_folders(root, name).map_err(|error| on.io(error))?;
        disk.check_file_system(on)?;
        if let Err(error) = disk.sweep_staged() {
            // On a read-only file system, say: what is there can still be read.
            tracing::warn!(%error, bucket = on.key, "staged leftovers could not be removed");
        }
        Ok(disk)
    }

    fn open_folders(root: &Path, name: &BucketName) -> io::Result<Self> {
        std::fs::create_dir_all(root)?;
        let root = Folder::open(root)?;
        let bucket = root.ensure_folder(name.as_str())?;
        let unfinished = root
            .ensure_private_folder(RESERVED)?
            .ensure_private_folder(name.as_str())?;
        Ok(Self {
            root,
            bucket,
            staged: unfinished.ensure_folder("staged")?,
            uploads: unfinished.ensure_folder("uploads")?,
            open_uploads: Uploads::default(),
            walks: WalkCache::default(),
            keys: [const { Mutex::new(()) }; LOCKS],
            folders: Mutex::new(()),
        })
    }

    fn check_file_system(&self, on: On<'_>) -> Result<()> {
        let device = |folder: &Folder| folder.own_stat().map(|stat| stat.st_dev);
        let bucket = device(&self.bucket).map_err(|error| on.io(error))?;
        if bucket != device(&self.staged).map_err(|error| on.io(error))? {
            let reason = "it is on another file system than the folder for unfinished files \
                          beside it; mount the root as one";
            return Err(on.invalid(reason));
        }
        if !attributes::are_kept(self.staged.as_file()) {
            tracing::warn!(
                bucket = on.key,
                "the file system keeps no extended attributes: object metadata is dropped, and \
                 folders stay when their last file goes"
            );
        }
        Ok(())
    }

    /// Removes staged files that no process holds locked.
    fn sweep_staged(&self) -> io::Result<()> {
        self.staged.for_each(|name, _| {
            let Ok((file, _)) = self.staged.file(name) else {
                return Ok(());
            };
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                self.staged.remove(name)?;
            }
            Ok(())
        })
    }

    /// The folder of another bucket of the same root.
    pub(super) fn other_bucket(&self, name: &BucketName, on: On<'_>) -> Result<Folder> {
        if name.as_str() == RESERVED {
            return Err(on.missing());
        }
        self.root
            .folder(name.as_str())
            .map_err(|error| on.look(error))
    }

    /// Waits for other publications and deletions of `key` in this process.
    pub(super) fn lock_key(&self, key: &str) -> MutexGuard<'_, ()> {
        self.lock(lock_of(key))
    }

    /// The same for two keys; always in one order, so that nobody waits in a circle.
    pub(super) fn lock_keys(
        &self,
        one: &str,
        other: &str,
    ) -> (MutexGuard<'_, ()>, Option<MutexGuard<'_, ()>>) {
        let (one, other) = (lock_of(one), lock_of(other));
        let first = self.lock(one.min(other));
        let second = (one != other).then(|| self.lock(one.max(other)));
        (first, second)
    }

    fn lock(&self, index: usize) -> MutexGuard<'_, ()> {
        self.keys[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for other changes to what folders are (markers, emptied ones) in this process.
    pub(super) fn lock_folders(&self) -> MutexGuard<'_, ()> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lock that a key shares with others.
fn lock_of(key: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    usize::try_from(hasher.finish() % LOCKS as u64).unwrap_or(0)
}

/// A bucket and the permits to block on it.
#[derive(Debug, Clone)]
pub(super) struct Blocking {
    disk: Arc<Disk>,
    permits: Arc<Semaphore>,
}

impl Blocking {
    pub(super) fn new(disk: Disk) -> Self {
        Self {
            disk: Arc::new(disk),
            permits: Arc::new(Semaphore::new(MAX_BLOCKING)),
        }
    }

    /// Runs `call` on a thread that may block. Once begun it runs to its end, even if nobody
    /// waits for it any more.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Disk) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let disk = Arc::clone(&self.disk);
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            call(&disk)
        });
        done.await.unwrap_or_else(|error| {
            let stopped = Error::new(ErrorKind::Internal, "run", "disk call", "it was cut off");
            Err(stopped.caused_by(error).with_unknown_outcome())
        })
    }
}
