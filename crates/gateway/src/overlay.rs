//! What stands at a place for its owner besides what the store shows to everybody.

use std::collections::BTreeMap;

use database::{Move, PrivateFile, PrivateFilesTable, TransferState};
use model::{ErrorKind, Location, VirtualPath};
use transfer::Attributes;

use crate::place::Place;
use crate::{Error, FileAttributes, Result, Session};

/// What the owner sees at a place instead of what the store has there.
#[derive(Debug, Clone)]
pub(crate) enum Overlaid {
    /// An upload that was cut off; it can be continued, and is not read.
    Unfinished(Box<PrivateFile>),
    /// A temporary file, whole, in staging until it is renamed.
    Temporary(Box<PrivateFile>),
}

/// What a place has for its owner besides the store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overlay {
    /// At the place itself.
    pub(crate) here: Option<Overlaid>,
    /// Whether something stands below it, so that it is a directory for him.
    pub(crate) is_directory: bool,
}

/// What a directory has for its owner besides the store, up to some name.
#[derive(Debug, Default)]
pub(crate) struct OverlayPage {
    /// By name; directories, which are there because something stands below them, end in a slash.
    pub(crate) entries: BTreeMap<String, Option<Overlaid>>,
    /// The page ends behind this name: what comes later was not asked for yet.
    pub(crate) end: Option<String>,
}

/// Which private files are looked for.
#[derive(Debug, Clone, Copy)]
enum Look<'a> {
    At(&'a Location),
    /// Keys from the first to before the second.
    Between(&'a str, Option<&'a str>),
}

impl Overlay {
    fn of(files: Vec<PrivateFile>, location: &Location) -> Self {
        let mut overlay = Self::default();
        for file in files {
            if file.transfer.intent.location != *location {
                overlay.is_directory = true;
            } else if overlay.here.is_none() {
                overlay.here = Some(Overlaid::of(file));
            }
        }
        overlay
    }
}

impl Overlaid {
    fn of(file: PrivateFile) -> Self {
        // While a session rewrites a temporary file, the others see it as it was.
        match file.staged.is_some() && file.transfer.state != TransferState::Detached {
            true => Self::Temporary(Box::new(file)),
            false => Self::Unfinished(Box::new(file)),
        }
    }

    /// Its row.
    pub(crate) fn file(&self) -> &PrivateFile {
        match self {
            Self::Unfinished(file) | Self::Temporary(file) => file,
        }
    }
}

impl Session {
    /// What stands at a place besides the store: one query.
    pub(crate) async fn overlay(&self, operation: &str, place: &Place) -> Result<Overlay> {
        if place.is_fixed_directory() {
            return Ok(Overlay::default());
        }
        let location = place.location(operation)?;
        let look = Look::At(&location);
        let files = self.settled(operation, place, look).await?;
        Ok(Overlay::of(files, &location))
    }

    /// The same where a file is to be written: one query as well, unless a file that is being
    /// renamed to there is waited for, or the node of one died.
    pub(crate) async fn overlay_after_arrivals(
        &self,
        operation: &str,
        place: &Place,
    ) -> Result<Overlay> {
        let location = place.location(operation)?;
        let (owner, now) = (self.user_id, self.shared.clock.now());
        let table = self.shared.database.private_files();
        let found = Box::pin(table.at_with_arrivals(owner, &location, now)).await;
        let found = found.map_err(|error| Error::database(operation, &place.path, error))?;
        if found.arrives {
            // It comes before what is written now.
            let arrives = |found: &Move| found.begun.to == location;
            self.await_renames_of(operation, &place.path, self.rename_deadline(), arrives)
                .await?;
        }
        match found.arrives || found.files.iter().any(|file| file.is_left) {
            true => self.overlay(operation, place).await,
            false => Ok(Overlay::of(found.files, &location)),
        }
    }

    /// What a directory has besides the store, behind the name `after`, in byte order: one query.
    pub(crate) async fn overlay_page(
        &self,
        operation: &str,
        place: &Place,
        after: Option<&str>,
    ) -> Result<OverlayPage> {
        let prefix = place.prefix();
        let from = after.map_or_else(|| prefix.clone(), |name| behind(&prefix, name));
        let to = (!prefix.is_empty()).then(|| format!("{}0", prefix.trim_end_matches('/')));
        let look = Look::Between(&from, to.as_deref());
        let files = self.settled(operation, place, look).await?;
        let full = files.len() == PrivateFilesTable::PAGE as usize;
        let mut page = OverlayPage::default();
        for file in files {
            let key = file.transfer.intent.location.key.as_str().to_owned();
            let Some(name) = key.strip_prefix(&prefix).filter(|name| !name.is_empty()) else {
                continue;
            };
            match name.split_once('/') {
                Some((directory, _)) => {
                    page.entries.insert(format!("{directory}/"), None);
                }
                None => {
                    let entry = page.entries.entry(name.to_owned());
                    entry.or_insert_with(|| Some(Overlaid::of(file)));
                }
            }
        }
        page.end = full
            .then(|| page.entries.keys().next_back().cloned())
            .flatten();
        Ok(page)
    }

    /// The private files below a directory from the key `from` on, as many as one query lists.
    pub(crate) async fn private_below(
        &self,
        operation: &str,
        place: &Place,
        from: Option<&str>,
    ) -> Result<Vec<PrivateFile>> {
        let prefix = place.prefix();
        let end = format!("{}0", prefix.trim_end_matches('/'));
        let look = Look::Between(from.unwrap_or(&prefix), Some(&end));
        self.settled(operation, place, look).await
    }

    /// The files that are there, looked at again where the nodes of some had died.
    async fn settled(
        &self,
        operation: &str,
        place: &Place,
        look: Look<'_>,
    ) -> Result<Vec<PrivateFile>> {
        let failed = |error| Error::database(operation, &place.path, error);
        let files = self.private_files(place, look).await.map_err(failed)?;
        if !files.iter().any(|file| file.is_left) {
            return Ok(files);
        }
        for file in files.iter().filter(|file| file.is_left) {
            self.settle(file).await;
        }
        self.private_files(place, look).await.map_err(failed)
    }

    async fn private_files(
        &self,
        place: &Place,
        look: Look<'_>,
    ) -> database::Result<Vec<PrivateFile>> {
        let (owner, now) = (self.user_id, self.shared.clock.now());
        let table = self.shared.database.private_files();
        match look {
            Look::At(location) => table.at(owner, location, now).await,
            Look::Between(from, to) => {
                let limit = PrivateFilesTable::PAGE;
                table
                    .between(owner, place.bucket(), from, to, now, limit)
                    .await
            }
        }
    }

    /// Finds out what became of a file whose node died.
    async fn settle(&self, file: &PrivateFile) {
        let (transfers, stores) = (&self.shared.transfers, &self.shared.stores);
        let settled = match file.target {
            Some(_) => transfers.settle_name(file, stores).await,
            None => {
                let left = transfers.set_aside(file, stores).await;
                left.map(drop).map_err(Into::into)
            }
        };
        if let Err(error) = settled {
            let transfer = file.id();
            tracing::warn!(%transfer, %error, "cannot find out yet what is safe of an upload");
        }
    }

    /// A private file as STAT and listings show it.
    pub(crate) fn overlaid(&self, overlaid: &Overlaid) -> FileAttributes {
        let file = overlaid.file();
        let set = set_of(file);
        match overlaid {
            Overlaid::Unfinished(_) => self.unfinished_file(
                file.safe.unwrap_or(0),
                file.changed,
                Attributes { mtime: None, ..set },
            ),
            Overlaid::Temporary(_) => {
                let size = file.staged.as_ref().map_or(0, |staged| staged.object.size);
                self.file(size, file.changed, set)
            }
        }
    }
}

/// What was set of a private file.
pub(crate) fn set_of(file: &PrivateFile) -> Attributes {
    let set = file.transfer.intent.opening.set;
    Attributes {
        mtime: set.mtime,
        atime: set.atime,
        mode: set.mode,
    }
}

/// The first key that can come behind an entry of this name; a directory's are all left out.
fn behind(prefix: &str, name: &str) -> String {
    match name.strip_suffix('/') {
        Some(directory) => format!("{prefix}{directory}0"),
        None => format!("{prefix}{name}\u{1}"),
    }
}

/// Refuses what cannot be done to a file that is not finished.
pub(crate) fn unfinished(operation: &str, path: &VirtualPath, file: &PrivateFile) -> Error {
    let safe = file.safe.unwrap_or(0);
    Error::new(
        ErrorKind::Conflict,
        format!(
            "{operation} {path}: its upload is unfinished, {safe} bytes of it are safe; continue it or remove it first"
        ),
    )
}
