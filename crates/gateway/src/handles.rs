//! The open handles of a session: one table, one look.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use model::{ErrorKind, VirtualPath};

use crate::listing::Listing;
use crate::open_file::{Fate, OpenFile};
use crate::reading::Reading;
use crate::rights::Grant;
use crate::{Error, HandleId, Result};

/// What is open under a handle.
#[derive(Debug)]
pub(crate) enum FileHandle {
    /// A file for reading.
    Reading(Box<Reading>),
    /// A file for writing.
    Writing(Writing),
    /// A file for both: reads see what is there so far.
    ReadingWriting(Writing),
    /// A directory.
    Listing(Box<Listing>),
}

/// A handle and what was granted when it was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: FileHandle,
    pub(crate) grant: Grant,
}

/// One handle on a file that is being written; others may share the file.
#[derive(Debug)]
pub(crate) struct Writing {
    pub(crate) file: Arc<OpenFile>,
    /// Every write goes to the end.
    pub(crate) append: bool,
}

type Table = HashMap<HandleId, Arc<Opened>>;

/// The table.
#[derive(Debug)]
pub(crate) struct Handles {
    /// None once the session has ended.
    table: RwLock<Option<Table>>,
    next: AtomicU32,
    limit: usize,
}

impl Handles {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            table: RwLock::new(Some(HashMap::new())),
            next: AtomicU32::new(1),
            limit,
        }
    }

    /// Fails early where there is no room for one more, before the store is asked anything.
    pub(crate) fn check_room(&self, path: &VirtualPath) -> Result<()> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        self.check(path, table.as_ref()).map(drop)
    }

    pub(crate) fn insert(
        &self,
        path: &VirtualPath,
        file: FileHandle,
        grant: Grant,
    ) -> Result<HandleId> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let table = self.check(path, table.as_mut())?;
        let id = HandleId(self.next.fetch_add(1, Ordering::Relaxed));
        table.insert(id, Arc::new(Opened { file, grant }));
        Ok(id)
    }

    pub(crate) fn get(&self, id: HandleId) -> Result<Arc<Opened>> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let handle = table.as_ref().and_then(|table| table.get(&id));
        handle.cloned().ok_or_else(|| not_open(id))
    }

    pub(crate) fn remove(&self, id: HandleId) -> Result<Arc<Opened>> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let handle = table.as_mut().and_then(|table| table.remove(&id));
        handle.ok_or_else(|| not_open(id))
    }

    /// Takes all of them away; no more can be opened.
    pub(crate) fn end(&self) -> Vec<Arc<Opened>> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table
            .take()
            .into_iter()
            .flat_map(HashMap::into_values)
            .collect()
    }

    /// The table, if it takes one more.
    fn check<T: Deref<Target = Table>>(&self, path: &VirtualPath, table: Option<T>) -> Result<T> {
        let refused = |kind, why: &str| Err(Error::new(kind, format!("open {path}: {why}")));
        match table {
            Some(table) if table.len() < self.limit => Ok(table),
            Some(_) => {
                let limit = self.limit;
                let why = format!("{limit} handles are open already; close one and try again");
                refused(ErrorKind::Exhausted, &why)
            }
            None => refused(ErrorKind::Unavailable, "the session has ended"),
        }
    }
}
impl FileHandle {
    pub(crate) fn path(&self) -> VirtualPath {
        match self {
            Self::Reading(reading) => reading.path().clone(),
            Self::Writing(writing) | Self::ReadingWriting(writing) => writing.file.path(),
            Self::Listing(listing) => listing.path().clone(),
        }
    }

    /// The file behind it, if that was removed while it was open and is in no other table.
    pub(crate) fn removed_file(&self) -> Option<Arc<OpenFile>> {
        match self {
            Self::Writing(writing) | Self::ReadingWriting(writing) => {
                let removed = matches!(writing.file.fate(), Fate::Discard);
                removed.then(|| Arc::clone(&writing.file))
            }
            Self::Reading(_) | Self::Listing(_) => None,
        }
    }

    /// Fails with what this handle cannot be used for.
    pub(crate) fn cannot(&self, operation: &str) -> Error {
        let what = match self {
            Self::Reading(_) => "it is open for reading",
            Self::Writing(_) => "it is open for writing",
            Self::ReadingWriting(_) => "it is open for reading and writing",
            Self::Listing(_) => "it is a directory",
        };
        Error::new(
            ErrorKind::Invalid,
            format!("{operation} {}: {what}", self.path()),
        )
    }
}

impl Writing {
    /// Takes bytes: at `offset`, or at the end.
    pub(crate) fn write(&self, offset: u64, piece: &[u8]) -> Result<()> {
        self.file
            .write(if self.append { None } else { Some(offset) }, piece)
    }
}

fn not_open(handle: HandleId) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!("handle {handle} is not open in this session"),
    )
}
