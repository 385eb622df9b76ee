//! `Job`: one move of files from one place to another, over all its passes, and its journal.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use database::{Database, ImportJob, ImportJournal};
use model::{ErrorKind, NodeId, Timestamp, UserId};
use rustix::fs::{FlockOperation, flock};

use super::map::FileMap;
use super::sha256::Digest;
use crate::{Error, Result};

/// Says which job it is: the same three make the same job.
#[derive(Debug, Clone)]
pub struct JobName {
    /// Where files come from, as the operator says it.
    pub source: String,
    /// Where they go.
    pub target: String,
    /// What goes where.
    pub map: FileMap,
}

/// A job whose journal this process holds.
#[derive(Debug)]
pub struct Job {
    pub(crate) name: JobName,
    /// What earlier passes did.
    pub(crate) known: Arc<ImportJournal>,
    /// What this one does: the same, but in a dry run.
    pub(crate) journal: Arc<ImportJournal>,
    pub(crate) row: ImportJob,
    pub(crate) started: Timestamp,
    scratch: Option<PathBuf>,
    _lock: File,
}

impl JobName {
    /// The name of its files.
    fn id(&self) -> String {
        let mut digest = Digest::default();
        for text in [&self.source, &self.target, &self.map.text()] {
            digest.add(text.as_bytes());
            digest.add(b"\0\0");
        }
        digest.end().chars().take(16).collect()
    }
}

impl Job {
    /// Begins a pass, whose journal lies in `folder`, as the run `node`. What an earlier run left
    /// behind that was killed is free from here on: it is known to be dead, since it would hold the
    /// journal else.
    ///
    /// # Errors
    /// `Conflict` where another process is at the same job, and where the journal cannot be used.
    pub async fn begin(
        name: JobName,
        folder: &Path,
        database: &Database,
        node: NodeId,
        now: Timestamp,
    ) -> Result<Self> {
        let (path, lock) = open(&name, folder)?;
        let journal = Arc::new(ImportJournal::open(&path).await.map_err(unusable)?);
        let begun = journal
            .begin_pass(&name.source, &name.target, node, now)
            .await;
        let row = begun.map_err(unusable)?;
        if let Some(earlier) = row.earlier {
            let left = database.nodes().leave(earlier).await;
            left.map_err(|error| {
                let reason = "an earlier run of it cannot be ended in the database";
                Error::new(error.kind(), "begin", "the import", reason).caused_by(error)
            })?;
        }
        Ok(Self {
            known: Arc::clone(&journal),
            journal,
            name,
            row,
            started: now,
            scratch: None,
            _lock: lock,
        })
    }

    /// The same for a pass that changes nothing: what it would do is written into a journal that
    /// goes with it.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn rehearse(name: JobName, folder: &Path, now: Timestamp) -> Result<Self> {
        let (path, lock) = open(&name, folder)?;
        let known = ImportJournal::open(&path).await.map_err(unusable)?;
        let scratch = path.with_extension("rehearsal");
        remove(&scratch)?;
        let journal = ImportJournal::open(&scratch).await.map_err(unusable)?;
        let row = match known.job().await.map_err(unusable)? {
            Some(row) => row,
            None => ImportJob {
                owner: UserId::generate(),
                earlier: None,
                pass: 1,
                host_key: None,
            },
        };
        Ok(Self {
            known: Arc::new(known),
            journal: Arc::new(journal),
            name,
            row,
            started: now,
            scratch: Some(scratch),
            _lock: lock,
        })
    }

    /// Whether nothing is to be changed.
    pub fn is_rehearsal(&self) -> bool {
        self.scratch.is_some()
    }

    /// The number of this pass.
    pub fn pass(&self) -> u64 {
        self.row.pass
    }

    /// The fingerprint that the source showed in an earlier pass.
    pub fn host_key(&self) -> Option<&str> {
        self.row.host_key.as_deref()
    }

    /// Remembers the fingerprint that the source shows.
    ///
    /// # Errors
    /// Where the journal cannot be written.
    pub async fn remember_host_key(&self, fingerprint: &str) -> Result<()> {
        match self.is_rehearsal() {
            true => Ok(()),
            false => self
                .journal
                .set_host_key(fingerprint)
                .await
                .map_err(unusable),
        }
    }

    /// Notes that the pass ended by itself, and closes the journal.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub async fn end(self) -> Result<()> {
        if let Some(scratch) = self.scratch {
            self.journal.close().await;
            self.known.close().await;
            return remove(&scratch);
        }
        let ended = self.journal.end_pass().await.map_err(unusable);
        self.journal.close().await;
        ended
    }
}

fn open(name: &JobName, folder: &Path) -> Result<(PathBuf, File)> {
    let path = folder.join(name.id());
    let failed = |error: std::io::Error| {
        let reason = error.to_string();
        let object = folder.display().to_string();
        Error::new(ErrorKind::Unavailable, "open journal in", object, reason).caused_by(error)
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut options = File::options();
    options.create(true).append(true);
    let lock = options.open(path.with_extension("lock")).map_err(failed)?;
    if let Err(error) = flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        let reason = "another process is at this job; wait for it, or end it";
        let object = format!("the import from {}", name.source);
        return Err(Error::new(ErrorKind::Conflict, "begin", object, reason).caused_by(error));
    }
    Ok((path.with_extension("db"), lock))
}

/// Removes a journal with what SQLite keeps beside it.
fn remove(path: &Path) -> Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        match std::fs::remove_file(Path::new(&file)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let object = path.display().to_string();
                let reason = error.to_string();
                let failed = Error::new(ErrorKind::Unavailable, "remove", object, reason);
                return Err(failed.caused_by(error));
            }
            _ => {}
        }
    }
    Ok(())
}

pub(crate) fn unusable(error: database::Error) -> Error {
    let reason = "the journal of the import cannot be used";
    Error::new(error.kind(), "keep", "what was done", reason).caused_by(error)
}
