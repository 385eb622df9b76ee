//! What stands at a place for its owner besides what the store shows to everybody.

use std::collections::BTreeMap;

use database::{PrivateFile, PrivateFilesTable};
use model::{ErrorKind, VirtualPath};
use transfer::Attributes;

use crate::place::Place;
use crate::{Error, FileAttributes, Result, Session};

/// The group that long names show of a file that is not finished.
const UNFINISHED: &str = "unfinished";

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

impl Overlaid {
    fn of(file: PrivateFile) -> Self {
        // While a session rewrites a temporary file, the others see it as it was.
        match file.staged.is_some() && file.progress.is_none() {
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

#[expect(dead_code, reason = "listings and OPEN come next")]
impl Session {
    /// What stands at a place besides the store: one query.
    pub(crate) async fn overlay(&self, operation: &str, place: &Place) -> Result<Overlay> {
        if place.is_fixed_directory() {
            return Ok(Overlay::default());
        }
        let location = place.location(operation)?;
        let table: PrivateFilesTable<'_> = self.shared.database.private_files();
        let files = table
            .at(self.user_id, &location, self.shared.clock.now())
            .await;
        let files = files.map_err(|error| Error::database(operation, &place.path, error))?;
        let mut overlay = Overlay::default();
        for file in files {
            if file.transfer.intent.location != location {
                overlay.is_directory = true;
            } else if overlay.here.is_none() {
                overlay.here = Some(Overlaid::of(file));
            }
        }
        Ok(overlay)
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
        let table = self.shared.database.private_files();
        let (now, limit) = (self.shared.clock.now(), PrivateFilesTable::PAGE);
        let files = table
            .between(
                self.user_id,
                place.bucket(),
                &from,
                to.as_deref(),
                now,
                limit,
            )
            .await
            .map_err(|error| Error::database(operation, &place.path, error))?;
        let full = files.len() == limit as usize;
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

    /// A private file as STAT and listings show it.
    pub(crate) fn overlaid(&self, overlaid: &Overlaid) -> FileAttributes {
        let file = overlaid.file();
        let set = set_of(file);
        match overlaid {
            Overlaid::Unfinished(_) => FileAttributes {
                group: UNFINISHED.to_owned(),
                ..self.file(
                    file.safe.unwrap_or(0),
                    file.changed,
                    Attributes { mtime: None, ..set },
                )
            },
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
