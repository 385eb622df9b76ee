//! A bucket of an object store, or what begins with a prefix in it, as a source.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use model::{ErrorKind, ObjectKey, Timestamp};
use storage::{
    Buffers, Download, DownloadSettings, Entry, ListRequest, ObjectHead, ObjectStore,
    ObjectStoreExt as _,
};
use tokio::sync::mpsc;
use transfer::Attributes;

use super::content::Content;
use super::item::{Found, Item, printed};
use super::place::is_reserved;
use super::source::{Source, tell};
use crate::{Error, Result};

/// Bytes that are read at once.
const PIECE: usize = 1 << 20;

/// Objects of a bucket. Keys that end in a slash are directories.
#[derive(Debug)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    /// Ends in a slash, or is empty.
    prefix: String,
    /// The target cannot hold `a` beside `a/b`.
    exclusive: bool,
    buffers: Buffers,
}

impl Bucket {
    /// What stands below `prefix` in a bucket, the slash behind it left out. `target` is the store
    /// that the objects go to.
    pub fn new(
        store: Arc<dyn ObjectStore>,
        prefix: &str,
        target: &dyn ObjectStore,
        buffers: Buffers,
    ) -> Self {
        let prefix = match prefix.trim_end_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        Self {
            store,
            prefix,
            exclusive: !target.capabilities().file_beside_directory,
            buffers,
        }
    }

    fn look(&self, files: &mut Vec<String>, entry: Entry) -> Option<Found> {
        let Entry::Object {
            key,
            size,
            etag,
            last_modified,
        } = entry
        else {
            return None;
        };
        let name = key
            .get(self.prefix.len()..)
            .filter(|name| !name.is_empty())?;
        let refused = |why: &str| {
            Some(Found::Refused {
                name: name.as_bytes().to_vec(),
                why: why.to_owned(),
            })
        };
        if is_reserved(&key) {
            return refused("it belongs to the gateway that keeps it");
        }
        let (path, is_directory) = match name.strip_suffix('/') {
            Some(path) => (path, true),
            None => (name, false),
        };
        if self.exclusive && is_below(files, name) {
            return refused(
                "a file has the name of its directory, and the target cannot hold both",
            );
        }
        if is_directory && size > 0 {
            return refused("its key ends in a slash, and it is no directory: it has content");
        }
        if !is_directory {
            files.push(name.to_owned());
        }
        Some(Found::Item(Item {
            name: path.as_bytes().to_vec(),
            is_directory,
            size,
            mtime: last_modified,
            mode: None,
            version: Some(etag),
        }))
    }
}

/// Keeps of the files so far those whose names the next ones may begin with: in byte order, `a`
/// comes before `a-b`, and that before `a/b`. Says whether one is a directory of `name`.
fn is_below(files: &mut Vec<String>, name: &str) -> bool {
    while files
        .last()
        .is_some_and(|file| !name.starts_with(file.as_str()))
    {
        files.pop();
    }
    let is_directory = |file: &String| name.as_bytes().get(file.len()) == Some(&b'/');
    files.iter().any(is_directory)
}

#[async_trait]
impl Source for Bucket {
    async fn walk(&self, found: mpsc::Sender<Found>) -> Result<()> {
        let request = ListRequest {
            prefix: self.prefix.clone(),
            ..ListRequest::default()
        };
        let mut entries = self.store.entries(request);
        let mut files = Vec::new();
        while let Some(entry) = entries.next().await {
            let entry = entry.map_err(|error| failed("list", &self.prefix, error))?;
            if let Some(what) = self.look(&mut files, entry)
                && !tell(&found, what).await
            {
                break;
            }
        }
        Ok(())
    }

    async fn open(&self, item: &Item) -> Result<Box<dyn Content>> {
        let name = printed(&item.name);
        let invalid = |why: String| Error::new(ErrorKind::Invalid, "read", &name, why);
        let text = std::str::from_utf8(&item.name).map_err(|error| invalid(error.to_string()))?;
        let key = format!("{}{text}", self.prefix);
        let key = ObjectKey::parse(key).map_err(|error| invalid(error.to_string()))?;
        let settings = DownloadSettings::new(&self.buffers);
        let opened = Download::open(Arc::clone(&self.store), key, None, settings).await;
        let download = opened.map_err(|error| failed("read", &name, error))?;
        let etag = &download.head().etag;
        if item.version.as_ref().is_some_and(|version| version != etag) {
            let reason = "it was replaced since it was listed";
            return Err(Error::new(ErrorKind::Conflict, "read", name, reason));
        }
        Ok(Box::new(OpenObject {
            attributes: attributes(download.head(), item.mtime),
            download,
            name,
            at: 0,
        }))
    }
}

struct OpenObject {
    download: Download,
    attributes: Attributes,
    name: String,
    at: u64,
}

#[async_trait]
impl Content for OpenObject {
    async fn next(&mut self) -> Result<Option<Vec<Bytes>>> {
        let read = self.download.read(self.at, PIECE).await;
        let read = read.map_err(|error| failed("read", &self.name, error))?;
        self.at += read.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
        Ok((!read.is_empty()).then_some(read))
    }

    /// All of it is of one state: it is pinned.
    async fn is_unchanged(&mut self) -> Result<bool> {
        Ok(true)
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(self.attributes)
    }

    fn head(&self) -> Option<&ObjectHead> {
        Some(self.download.head())
    }
}

/// As it says itself, else when its store took it.
fn attributes(head: &ObjectHead, listed: Timestamp) -> Attributes {
    Attributes::of_metadata(&head.metadata).or(Attributes {
        mtime: Some(listed),
        ..Attributes::default()
    })
}

fn failed(operation: &'static str, name: &str, error: storage::Error) -> Error {
    let reason = error.reason().to_owned();
    Error::new(error.kind(), operation, name, reason).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_a_file_is_found_in_byte_order() {
        let mut files = Vec::new();
        for (name, below) in [
            ("a", false),
            ("a-b", false),
            ("a-b/c", true),
            ("a.d", false),
            ("a/b", true),
            ("a/b/c", true),
            ("a0", false),
            ("b/c", false),
        ] {
            assert_eq!(is_below(&mut files, name), below, "{name}");
            if !below {
                files.push(name.to_owned());
            }
        }
        assert_eq!(files, ["b/c"]);
    }
}
