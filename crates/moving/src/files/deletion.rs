//! What has gone from the source: told, or removed from its target as well.

use database::{ImportEntry, ImportKind, ImportState};
use model::{ErrorKind, EventKind, Location};
use storage::{Entry, ListRequest};
use transfer::Removed;

use super::copy::Trouble;
use super::import::Shared;
use super::job::unusable;
use crate::Result;

const GONE: &str = "it has gone from the source";
const CHANGED: &str = "it has gone from the source; others changed it here since, so it stays";
const NOT_EMPTY: &str = "it has gone from the source; something is in it here, so it stays";

impl Shared {
    /// Goes through everything that earlier passes saw and this one did not; what is in a directory
    /// comes before it.
    pub(crate) async fn settle_vanished(&self) -> Result<()> {
        let (known, pass) = (&self.job.known, self.job.row.pass);
        let mut before: Option<String> = None;
        loop {
            let page = known
                .vanished(pass, before.as_deref())
                .await
                .map_err(unusable)?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            before = Some(last.name.clone());
            for entry in page {
                if self.is_stopped() {
                    return Ok(());
                }
                if !self.job.is_rehearsal() || !self.was_seen(&entry.name).await? {
                    self.settle_gone(entry).await?;
                }
            }
        }
    }

    /// In a rehearsal it is its own journal that knows what was seen.
    async fn was_seen(&self, name: &str) -> Result<bool> {
        let found = self.job.journal.entry(name).await.map_err(unusable)?;
        Ok(found.is_some())
    }

    async fn settle_gone(&self, entry: ImportEntry) -> Result<()> {
        let journal = &self.job.journal;
        // Of what was never here nothing is left to tell.
        let (Some(etag), Some(location)) = (entry.etag.clone(), entry.target.clone()) else {
            return journal.forget(&entry.name).await.map_err(unusable);
        };
        let (state, reason) = match self.parts.settings.delete {
            false => (ImportState::Gone, Some(GONE.to_owned())),
            true => self.removed(&entry, &location, &etag).await,
        };
        let changed = match state {
            ImportState::Deleted => self.job.row.pass,
            _ => entry.changed,
        };
        let entry = ImportEntry {
            state,
            reason,
            changed,
            ..entry
        };
        journal.write(&[entry]).await.map_err(unusable)
    }

    pub(crate) async fn removed(
        &self,
        entry: &ImportEntry,
        location: &Location,
        etag: &str,
    ) -> (ImportState, Option<String>) {
        let removed = match (entry.kind, self.job.is_rehearsal()) {
            (_, true) => Ok(None),
            (ImportKind::Directory, false) => self.remove_directory(location).await,
            (_, false) => self.remove_file(location, etag).await,
        };
        match removed {
            Ok(None) => (ImportState::Deleted, None),
            Ok(Some(why)) => (ImportState::Gone, Some(why.to_owned())),
            Err(trouble) => (ImportState::Gone, Some(format!("{GONE}; {trouble}"))),
        }
    }

    /// Why it stays, where it does.
    async fn remove_file(
        &self,
        location: &Location,
        etag: &str,
    ) -> Result<Option<&'static str>, Trouble> {
        let claimed = self.transfers.claim(location).await;
        let claimed = claimed.map_err(|error| Trouble::Failed {
            kind: error.kind(),
            reason: error.reason(),
        })?;
        match self.parts.store.head(&location.key).await {
            Ok(head) if head.etag != etag => return Ok(Some(CHANGED)),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Trouble::store(&error)),
        }
        match self
            .transfers
            .delete(&location.key, etag, &self.parts.store)
            .await
        {
            Ok(Removed::Gone) => {}
            Ok(Removed::Changed) => return Ok(Some(CHANGED)),
            Err(error) => {
                if error.outcome_unknown() {
                    claimed.keep();
                }
                return Err(Trouble::store(&error));
            }
        }
        let publication = Some(claimed.publication().clone());
        let what = ("remove", EventKind::Delete);
        self.tell(location, what, None, publication).await?;
        claimed.committed();
        Ok(None)
    }

    async fn remove_directory(&self, location: &Location) -> Result<Option<&'static str>, Trouble> {
        let request = ListRequest {
            prefix: location.key.to_string(),
            max_entries: Some(2),
            ..ListRequest::default()
        };
        let store = &self.parts.store;
        let listed = store
            .list(&request)
            .await
            .map_err(|error| Trouble::store(&error))?;
        let is_marker = |entry: &Entry| entry.name() == location.key.as_str();
        if !listed.entries.iter().all(is_marker) {
            return Ok(Some(NOT_EMPTY));
        }
        let deleted = store.delete(&location.key, None).await;
        deleted.map_err(|error| Trouble::store(&error))?;
        self.tell(location, ("rmdir", EventKind::Rmdir), None, None)
            .await?;
        Ok(None)
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failed { reason, .. } | Self::Kept(reason) => f.write_str(reason),
            _ => f.write_str("it could not be removed"),
        }
    }
}
