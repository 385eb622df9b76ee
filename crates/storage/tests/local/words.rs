//! Short words for the tests of this folder.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::TryStreamExt as _;
use model::{BucketName, ErrorKind, ObjectKey};
use storage::local::LocalStore;
use storage::{
    Entry, ListRequest, MultipartUpload, ObjectStore as _, ObjectStoreExt as _, Part, PartNumber,
    PutOptions,
};
use tempfile::TempDir;

/// A folder for a store, in memory where the machine has such a file system.
pub(crate) fn root() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

pub(crate) fn bucket(name: &str) -> BucketName {
    BucketName::parse(name).unwrap()
}

/// Opens `inbox` below `root`, as after a start.
pub(crate) async fn open(root: &Path) -> LocalStore {
    LocalStore::open(root, bucket("inbox")).await.unwrap()
}

pub(crate) fn key(key: &str) -> ObjectKey {
    ObjectKey::parse(key).unwrap()
}

pub(crate) async fn put(store: &LocalStore, at: &str, text: &str) -> Result<(), ErrorKind> {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    let put = store.put_bytes(&key(at), bytes).await;
    put.map(|_| ()).map_err(|error| error.kind())
}

pub(crate) async fn read(store: &LocalStore, at: &str) -> Result<String, ErrorKind> {
    let bytes = store.read_whole(&key(at), 1 << 20).await;
    let bytes = bytes.map_err(|error| error.kind())?;
    Ok(String::from_utf8(bytes.into()).unwrap())
}

pub(crate) async fn all(store: &LocalStore) -> Vec<String> {
    let entries: Vec<Entry> = store
        .entries(ListRequest::default())
        .try_collect()
        .await
        .unwrap();
    entries
        .iter()
        .map(|entry| entry.name().to_owned())
        .collect()
}

pub(crate) async fn begin(store: &LocalStore, at: &str) -> MultipartUpload {
    store
        .create_upload(&key(at), &PutOptions::default())
        .await
        .unwrap()
}

pub(crate) async fn part(store: &LocalStore, at: u16, text: &str, to: &MultipartUpload) -> Part {
    let body = Bytes::copy_from_slice(text.as_bytes()).into();
    store
        .put_part(PartNumber::new(at).unwrap(), body, to)
        .await
        .unwrap()
}

/// Files in the folders for what is unfinished.
pub(crate) fn unfinished(root: &Path) -> Vec<PathBuf> {
    let mut folders = vec![root.join(".pierhead")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let list = if entry.file_type().unwrap().is_dir() {
                &mut folders
            } else {
                &mut files
            };
            list.push(entry.path());
        }
    }
    files
}

pub(crate) fn inode(path: impl AsRef<Path>) -> u64 {
    std::fs::metadata(path).unwrap().ino()
}
