//! A source in memory that does what a test says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use model::{ErrorKind, Timestamp};
use moving::files::{Content, Found, Item, Source};
use moving::{Error, Result};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Files by name; directories are names that end in a slash.
#[derive(Debug, Clone, Default)]
pub(crate) struct Made {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, File>,
    /// Whether each reading finds that the file changed meanwhile.
    restless: bool,
    /// What cannot be looked at.
    unreadable: Vec<String>,
    /// Cancelled once so many bytes of one file have been read.
    stop: Option<(u64, CancellationToken)>,
    /// How many files were opened.
    opened: u64,
}

#[derive(Debug, Clone)]
struct File {
    bytes: Bytes,
    mtime: Timestamp,
}

impl Made {
    pub(crate) fn put(&self, name: &str, bytes: impl Into<Bytes>, mtime: i64) {
        let file = File {
            bytes: bytes.into(),
            mtime: Timestamp::from_seconds(mtime),
        };
        self.state
            .lock()
            .expect("unpoisoned")
            .files
            .insert(name.to_owned(), file);
    }

    pub(crate) fn remove(&self, name: &str) {
        self.state.lock().expect("unpoisoned").files.remove(name);
    }

    pub(crate) fn set_restless(&self, restless: bool) {
        self.state.lock().expect("unpoisoned").restless = restless;
    }

    pub(crate) fn set_unreadable(&self, name: &str) {
        self.state
            .lock()
            .expect("unpoisoned")
            .unreadable
            .push(name.to_owned());
    }

    pub(crate) fn stop_after(&self, bytes: u64, stop: &CancellationToken) {
        self.state.lock().expect("unpoisoned").stop = Some((bytes, stop.clone()));
    }

    /// How many files were opened since this was asked.
    pub(crate) fn opened(&self) -> u64 {
        std::mem::take(&mut self.state.lock().expect("unpoisoned").opened)
    }

    fn items(&self) -> Vec<Found> {
        let state = self.state.lock().expect("unpoisoned");
        let mut found: Vec<_> = state
            .files
            .iter()
            .map(|(name, file)| found(name, file))
            .collect();
        found.extend(state.unreadable.iter().map(|name| Found::Unreadable {
            name: name.as_bytes().to_vec(),
            why: "permission denied".to_owned(),
        }));
        found
    }
}

fn found(name: &str, file: &File) -> Found {
    let path = name.trim_end_matches('/');
    Found::Item(Item {
        name: path.as_bytes().to_vec(),
        is_directory: name.ends_with('/'),
        size: file.bytes.len() as u64,
        mtime: file.mtime,
        mode: Some(if name.ends_with('/') { 0o750 } else { 0o640 }),
        version: None,
    })
}

#[async_trait]
impl Source for Made {
    async fn walk(&self, found: mpsc::Sender<Found>) -> Result<()> {
        for item in self.items() {
            if found.send(item).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn open(&self, item: &Item) -> Result<Box<dyn Content>> {
        let name = String::from_utf8(item.name.clone()).expect("a plain name");
        let mut state = self.state.lock().expect("unpoisoned");
        let Some(file) = state.files.get(&name).cloned() else {
            return Err(Error::new(ErrorKind::NotFound, "read", name, "it is gone"));
        };
        state.opened += 1;
        Ok(Box::new(Reading {
            source: self.clone(),
            bytes: file.bytes,
            at: 0,
        }))
    }
}

struct Reading {
    source: Made,
    bytes: Bytes,
    at: usize,
}

#[async_trait]
impl Content for Reading {
    async fn next(&mut self) -> Result<Option<Vec<Bytes>>> {
        let end = (self.at + (1 << 20)).min(self.bytes.len());
        let piece = self.bytes.slice(self.at..end);
        self.at = end;
        if let Some((after, stop)) = &self.source.state.lock().expect("unpoisoned").stop
            && end as u64 > *after
        {
            stop.cancel();
        }
        Ok((!piece.is_empty()).then(|| vec![piece]))
    }

    async fn is_unchanged(&mut self) -> Result<bool> {
        Ok(!self.source.state.lock().expect("unpoisoned").restless)
    }
}
