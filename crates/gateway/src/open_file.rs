//! A file that is being written in a session, whatever number of its handles write it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use model::{ErrorKind, Timestamp, VirtualPath};
use storage::Copied;
use transfer::{Attributes, Condition, Transfer};

use crate::place::Place;
use crate::quota::{Most, full};
use crate::{Error, Overwrite, Result};

/// The upload that all write handles on a path share; the last CLOSE publishes it.
#[derive(Debug)]
pub(crate) struct OpenFile {
    /// Where it will be published.
    pub(crate) place: Place,
    pub(crate) transfer: Transfer,
    pub(crate) condition: Condition,
    pub(crate) opened: Timestamp,
    most: Most,
    /// Why bytes of it were refused: it is not published then.
    refused: OnceLock<String>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    handles: usize,
    attributes: Attributes,
    /// Whether the client set any of them since OPEN.
    changed: bool,
    fate: Fate,
}

/// What becomes of it at the last CLOSE.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    /// It is published.
    Publish,
    /// It is published and then renamed, as it was while it was open.
    Rename(Place, Overwrite),
    /// It was removed while it was open.
    Discard,
}

impl OpenFile {
    /// A file with one handle.
    pub(crate) fn new(
        place: Place,
        transfer: Transfer,
        condition: Condition,
        attributes: Attributes,
        opened: Timestamp,
    ) -> Self {
        Self {
            place,
            transfer,
            condition,
            opened,
            most: Most::default(),
            refused: OnceLock::new(),
            state: Mutex::new(State {
                handles: 1,
                attributes,
                changed: false,
                fate: Fate::Publish,
            }),
        }
    }

    /// One that may not get longer than this.
    pub(crate) fn bounded(self, most: Most) -> Self {
        Self { most, ..self }
    }

    /// Why bytes of it were refused, if any were: it lacks them, and is not to be published.
    pub(crate) fn refused(&self) -> Option<&str> {
        self.refused.get().map(String::as_str)
    }

    fn check_len(&self, operation: &str, len: u64) -> Result<()> {
        let Some(why) = self.most.objection(len) else {
            return Ok(());
        };
        let refused = full(operation, &self.path(), &why);
        // The first reason stays.
        let _ = self.refused.set(why);
        Err(refused)
    }

    /// Its path as the user sees it now.
    pub(crate) fn path(&self) -> VirtualPath {
        match &self.state().fate {
            Fate::Rename(to, _) => to.path.clone(),
            Fate::Publish | Fate::Discard => self.place.path.clone(),
        }
    }

    /// Takes bytes at an offset, or at the end.
    pub(crate) fn write(&self, offset: Option<u64>, piece: &[u8]) -> Result<()> {
        let offset = offset.unwrap_or_else(|| self.transfer.len());
        self.check_len("write", offset.saturating_add(piece.len() as u64))?;
        let taken = self.transfer.write(offset, piece);
        taken.map_err(|error| Error::transfer("write", &self.path(), error))
    }

    /// Takes a range of another file, `len` bytes, from `offset` on. Returns where the store copies
    /// it; elsewhere its bytes have to be written instead.
    pub(crate) fn copy(&self, copied: &Copied, offset: u64, len: u64) -> Result<Range<u64>> {
        self.check_len("copy data to", offset.saturating_add(len))?;
        Ok(self.transfer.copy(copied, offset))
    }

    pub(crate) fn truncate(&self, len: u64) -> Result<()> {
        self.check_len("set size of", len)?;
        let truncated = self.transfer.truncate(len);
        truncated.map_err(|error| Error::transfer("set size of", &self.path(), error))
    }

    /// What the client set so far.
    pub(crate) fn attributes(&self) -> Attributes {
        self.state().attributes
    }

    /// Sets more of them, over those that are set.
    pub(crate) fn set_attributes(&self, set: Attributes) {
        let mut state = self.state();
        state.attributes = set.or(state.attributes);
        state.changed |= !set.is_empty();
    }

    /// Whether any were set since it was opened.
    pub(crate) fn is_changed(&self) -> bool {
        self.state().changed
    }

    pub(crate) fn fate(&self) -> Fate {
        self.state().fate.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The files that are being written in a session, by the path that the user sees them at.
#[derive(Debug, Default)]
pub(crate) struct OpenFiles(Mutex<HashMap<VirtualPath, Arc<OpenFile>>>);

impl OpenFiles {
    pub(crate) fn get(&self, path: &VirtualPath) -> Option<Arc<OpenFile>> {
        self.files().get(path).cloned()
    }

    /// One more handle on a file that is open already.
    pub(crate) fn join(&self, path: &VirtualPath) -> Option<Arc<OpenFile>> {
        let files = self.files();
        let file = files.get(path)?;
        file.state().handles += 1;
        Some(Arc::clone(file))
    }

    pub(crate) fn insert(&self, file: Arc<OpenFile>) {
        self.files().insert(file.place.path.clone(), file);
    }

    /// One handle less. True for the last one: the file is the caller's to end then.
    pub(crate) fn leave(&self, file: &Arc<OpenFile>) -> bool {
        let mut files = self.files();
        let (path, last) = {
            let mut state = file.state();
            state.handles = state.handles.saturating_sub(1);
            let path = match &state.fate {
                Fate::Rename(to, _) => to.path.clone(),
                Fate::Publish | Fate::Discard => file.place.path.clone(),
            };
            (path, state.handles == 0)
        };
        if last
            && files
                .get(&path)
                .is_some_and(|found| Arc::ptr_eq(found, file))
        {
            files.remove(&path);
        }
        last
    }

    /// Shows a file at another path, where it goes at its last CLOSE.
    pub(crate) fn rename(&self, file: &Arc<OpenFile>, to: Place, overwrite: Overwrite) {
        let mut files = self.files();
        files.remove(&file.path());
        if to.path == file.place.path {
            files.insert(to.path, Arc::clone(file));
            file.state().fate = Fate::Publish;
            return;
        }
        files.insert(to.path.clone(), Arc::clone(file));
        file.state().fate = Fate::Rename(to, overwrite);
    }

    /// Forgets a file that was removed; its last CLOSE gives it up.
    pub(crate) fn discard(&self, file: &Arc<OpenFile>) {
        let mut files = self.files();
        files.remove(&file.path());
        file.state().fate = Fate::Discard;
    }

    /// Fails where a file that is shown under another name by now will still be published here
    /// first, on its way there.
    pub(crate) fn check_free(&self, operation: &str, path: &VirtualPath) -> Result<()> {
        let files = self.files();
        let passes = |file: &&Arc<OpenFile>| file.place.path == *path && file.path() != *path;
        match files.values().find(passes) {
            None => Ok(()),
            Some(file) => Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "{operation} {path}: its last content is still being written as {}",
                    file.path()
                ),
            )),
        }
    }

    /// The files directly in a directory.
    pub(crate) fn directly_in(&self, directory: &VirtualPath) -> Vec<Arc<OpenFile>> {
        let files = self.files();
        let inside = |path: &&VirtualPath| path.parent().as_ref() == Some(directory);
        let mut found: Vec<_> = files.keys().filter(inside).collect();
        found.sort();
        found
            .into_iter()
            .filter_map(|path| files.get(path).cloned())
            .collect()
    }

    /// Whether a file is open at this path or below it.
    pub(crate) fn any_at_or_below(&self, path: &VirtualPath) -> bool {
        self.files().keys().any(|open| open.starts_with(path))
    }

    /// Takes all of them away.
    pub(crate) fn clear(&self) -> Vec<Arc<OpenFile>> {
        self.files().drain().map(|(_, file)| file).collect()
    }

    fn files(&self) -> MutexGuard<'_, HashMap<VirtualPath, Arc<OpenFile>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
