//! `Recorder`: what workers did on its way into the journal, many entries in one transaction.

use std::sync::Arc;

use database::{ImportEntry, ImportJournal};
use model::ErrorKind;
use tokio::sync::mpsc;

use crate::{Error, Result};

/// Entries that may wait; workers wait beyond that.
const QUEUE: usize = 512;

/// Where workers leave entries. Those of the last moment before a crash may be lost: then the next
/// pass finds the objects themselves, which say whose they are.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    entries: mpsc::Sender<ImportEntry>,
}

/// The other end.
#[derive(Debug)]
pub(crate) struct Recording {
    entries: mpsc::Receiver<ImportEntry>,
    journal: Arc<ImportJournal>,
}

impl Recorder {
    pub(crate) fn new(journal: &Arc<ImportJournal>) -> (Self, Recording) {
        let (sender, entries) = mpsc::channel(QUEUE);
        let recording = Recording {
            entries,
            journal: Arc::clone(journal),
        };
        (Self { entries: sender }, recording)
    }

    pub(crate) async fn note(&self, entry: ImportEntry) -> Result<()> {
        let gone = |_| {
            let reason = "the journal is not written any more";
            Error::new(ErrorKind::Unavailable, "note", "a file", reason)
        };
        self.entries.send(entry).await.map_err(gone)
    }
}

impl Recording {
    /// Writes what comes until all workers have ended.
    pub(crate) async fn run(mut self) -> Result<()> {
        let mut batch = Vec::with_capacity(QUEUE);
        while self.entries.recv_many(&mut batch, QUEUE).await > 0 {
            let written = self.journal.write(&batch).await;
            written.map_err(|error| {
                let reason = "it cannot be written; free space there and run the same again";
                Error::new(error.kind(), "note", "the journal", reason).caused_by(error)
            })?;
            batch.clear();
        }
        Ok(())
    }
}
