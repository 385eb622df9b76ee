//! What becomes of one thing that the walk found: the decision, and its entry in the journal.

use std::time::Duration;

use database::{ImportEntry, ImportKind, ImportState};
use model::{ErrorKind, Location, Timestamp};

use super::copy::Trouble;
use super::import::Shared;
use super::item::{Found, Item, printed};
use super::job::unusable;
use crate::Result;

/// How often a file is tried.
const ATTEMPTS: u32 = 3;
const BECAME: &str = "what was moved stands at its target; --delete removes it there";
/// The pause before the second attempt; before the third it is four times as long.
const PAUSE: Duration = Duration::from_millis(500);

impl Shared {
    /// Settles it. No entry where there is nothing to tell.
    ///
    /// # Errors
    /// Where the journal cannot be read: the import ends. Whatever else fails stands in the entry.
    pub(crate) async fn settle(&self, found: Found) -> Result<Option<ImportEntry>> {
        let entry = match found {
            Found::Refused { name, why } => Some(self.trouble(&name, ImportState::Refused, why)),
            Found::Unreadable { name, why } => Some(self.trouble(&name, ImportState::Failed, why)),
            Found::Item(item) => self.settle_item(item).await?,
        };
        if let Some(entry) = &entry {
            use ImportState::{Deleted, Moved, Same};
            let trouble = !matches!(entry.state, Moved | Same | Deleted);
            let moved = entry.state == Moved && entry.changed == self.job.row.pass;
            self.progress.note_settled(moved, trouble);
        }
        Ok(entry)
    }

    async fn settle_item(&self, item: Item) -> Result<Option<ImportEntry>> {
        let location = match self.location(&item) {
            Ok(Some(location)) => location,
            Ok(None) => return Ok(None),
            Err(why) => return Ok(Some(self.trouble(&item.name, ImportState::Refused, why))),
        };
        let name = printed(&item.name);
        let mut old = self.job.known.entry(&name).await.map_err(unusable)?;
        if let Some(other) = old.take_if(|old| is_of_another_kind(old, &item))
            && let Some(kept) = self.make_room(other).await
        {
            return Ok(Some(kept));
        }
        let new = self.entry(&item, location, old.as_ref());
        let mut attempt = 1;
        loop {
            let (before, entry) = (old.as_ref(), new.clone());
            let settled = match item.is_directory {
                true => Box::pin(self.settle_directory(&item, before, entry)).await,
                false => Box::pin(self.settle_file(&item, before, entry)).await,
            };
            let trouble = match settled {
                Ok(entry) => return Ok(Some(entry)),
                Err(trouble) => trouble,
            };
            if attempt == ATTEMPTS || !trouble.may_pass() || self.is_stopped() {
                return Ok(trouble.entry(new));
            }
            tracing::info!(
                name,
                trouble = trouble.reason(),
                attempt,
                "a file is tried once more"
            );
            tokio::time::sleep(PAUSE * 4_u32.pow(attempt - 1)).await;
            attempt += 1;
        }
    }

    /// Takes away what an earlier pass brought under a name that is a file now and was a directory, or
    /// the other way round. What cannot be taken away is told, and stays on record.
    async fn make_room(&self, other: ImportEntry) -> Option<ImportEntry> {
        let removed = match (&other.etag, &other.target) {
            (Some(etag), Some(location)) if self.parts.settings.delete => {
                self.removed(&other, location, etag).await
            }
            (Some(_), Some(_)) => (ImportState::Gone, Some(BECAME.to_owned())),
            _ => (ImportState::Deleted, None),
        };
        let (ImportState::Gone, why) = removed else {
            return None;
        };
        let seen = self.job.row.pass;
        Some(ImportEntry {
            state: ImportState::Kept,
            reason: why.map(|why| format!("it is of another kind than it was: {why}")),
            seen,
            ..other
        })
    }

    /// Where it goes; none where nothing is to be done for it.
    fn location(&self, item: &Item) -> Result<Option<Location>, String> {
        let name = std::str::from_utf8(&item.name)
            .map_err(|_| "its name is not valid UTF-8; rename it at the source".to_owned())?;
        let Some(target) = self.job.name.map.target(name) else {
            let passed = item.is_directory && self.job.name.map.leads_through(name);
            return match passed {
                true => Ok(None),
                false => Err("the map says nothing of it".to_owned()),
            };
        };
        if target.is_empty() && item.is_directory {
            return Ok(None);
        }
        let capabilities = self.parts.store.capabilities();
        self.parts
            .target
            .of(&target, item.is_directory, capabilities)
            .map(Some)
    }

    /// The entry of a file or directory that is about to be settled; what is known of its target
    /// stays.
    fn entry(&self, item: &Item, location: Location, old: Option<&ImportEntry>) -> ImportEntry {
        ImportEntry {
            name: printed(&item.name),
            kind: match item.is_directory {
                true => ImportKind::Directory,
                false => ImportKind::File,
            },
            state: ImportState::Failed,
            size: item.size,
            mtime: item.mtime,
            mode: item.mode,
            version: item.version.clone(),
            target: Some(location),
            sha256: None,
            etag: old.and_then(|old| old.etag.clone()),
            transfer: old.and_then(|old| old.transfer),
            reason: None,
            seen: self.job.row.pass,
            changed: old.map_or(0, |old| old.changed),
        }
    }

    fn trouble(&self, name: &[u8], state: ImportState, why: String) -> ImportEntry {
        ImportEntry {
            name: match name {
                [] => ".".to_owned(),
                name => printed(name),
            },
            kind: ImportKind::Other,
            state,
            size: 0,
            mtime: Timestamp::from_micros(0),
            mode: None,
            version: None,
            target: None,
            sha256: None,
            etag: None,
            transfer: None,
            reason: Some(why),
            seen: self.job.row.pass,
            changed: 0,
        }
    }
}

/// Whether an earlier pass brought a file of the name of a directory, or the other way round.
fn is_of_another_kind(old: &ImportEntry, item: &Item) -> bool {
    let kind = match item.is_directory {
        true => ImportKind::Directory,
        false => ImportKind::File,
    };
    let stands = old.etag.is_some() && old.state != ImportState::Deleted;
    old.kind != kind && old.kind != ImportKind::Other && stands
}

impl Trouble {
    /// Whether it may be another one the next time.
    fn may_pass(&self) -> bool {
        match self {
            Self::Changed => true,
            Self::Failed { kind, .. } => *kind == ErrorKind::Unavailable,
            Self::Gone | Self::Kept(_) | Self::Stopped | Self::Left(..) => false,
        }
    }

    fn reason(&self) -> String {
        match self {
            Self::Changed => "it changed while it was read; the next pass moves it".to_owned(),
            Self::Failed { reason, .. } | Self::Kept(reason) => reason.clone(),
            Self::Left(_, reason) => reason.clone(),
            Self::Gone | Self::Stopped => String::new(),
        }
    }

    /// What the journal says of it; nothing where it went while it was looked at, as though it had
    /// never been seen, or where the pass was stopped before it began.
    fn entry(self, new: ImportEntry) -> Option<ImportEntry> {
        let reason = Some(self.reason());
        let state = match self {
            Self::Gone | Self::Stopped => return None,
            Self::Changed => ImportState::Changing,
            Self::Failed { .. } => ImportState::Failed,
            Self::Kept(_) => ImportState::Kept,
            Self::Left(transfer, _) => {
                let transfer = Some(transfer);
                let state = ImportState::Begun;
                return Some(ImportEntry {
                    state,
                    transfer,
                    reason,
                    ..new
                });
            }
        };
        Some(ImportEntry {
            state,
            reason,
            ..new
        })
    }
}
