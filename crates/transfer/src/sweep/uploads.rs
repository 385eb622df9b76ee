//! Multipart uploads that no row accounts for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use database::{Move, Transfer, TransferState};
use model::{Location, Timestamp, TransferId};
use storage::{ObjectStore, PendingUpload};

use super::staging::owner;
use super::{Deed, Entry, Failure, Pass, SweepError};

/// Transfers to one key that are looked at, the newest ones.
const NEWEST: u32 = 100;

impl Pass<'_> {
    /// Aborts the multipart uploads of a bucket that are provably ours and that nobody needs.
    /// Everybody else's stay.
    pub(super) async fn abort_orphans(
        &mut self,
        store: &Arc<dyn ObjectStore>,
    ) -> Result<(), SweepError> {
        let pending = match store.list_uploads("").await {
            Ok(pending) => pending,
            Err(error) => {
                self.unlisted(Deed::AbortUpload, store, error.into());
                return Ok(());
            }
        };
        let owners: Vec<_> = pending
            .iter()
            .filter_map(|one| owner(&one.upload.key))
            .collect();
        let table = self.transfers.core().database.transfers();
        let owners = table.of_ids(&owners).await?;
        for pending in &pending {
            let location = Location {
                bucket: store.bucket().clone(),
                key: pending.upload.key.clone(),
            };
            let orphan = match owner(&location.key) {
                Some(id) => self.staged_orphan(id, &location, &owners),
                None => self.orphan_at_key(pending, &location).await?,
            };
            if orphan.is_some() || self.is_old_probe(pending) {
                let done = match self.dry_run {
                    true => Ok(()),
                    false => store.abort_upload(&pending.upload).await,
                };
                let outcome = self.outcome(done.map_err(Failure::from));
                self.note(Entry {
                    deed: Deed::AbortUpload,
                    location,
                    transfer: orphan,
                    outcome,
                });
            }
        }
        Ok(())
    }

    /// In staging the key names its upload. One that we do not know stays. A closed temporary
    /// file is whole: who goes on with it begins anew.
    fn staged_orphan(
        &mut self,
        id: TransferId,
        location: &Location,
        owners: &HashMap<TransferId, Transfer>,
    ) -> Option<TransferId> {
        match owners.get(&id) {
            Some(row) => (is_over(row) || row.state == TransferState::Staged).then_some(id),
            None => {
                self.foreign(location.clone(), id);
                None
            }
        }
    }

    /// At a final key, an upload is ours if a row names it. One that no row names, as after an
    /// answer that was lost, is ours if it was begun while an upload, a naming or a rename of ours
    /// was at the key, and none is now.
    async fn orphan_at_key(
        &self,
        pending: &PendingUpload,
        location: &Location,
    ) -> Result<Option<TransferId>, SweepError> {
        let table = self.transfers.core().database.transfers();
        let rows = table.to_object(location, NEWEST).await?;
        let names = |row: &&Transfer| row.upload_id.as_ref() == Some(&pending.upload.id.0);
        if let Some(row) = rows.iter().find(names) {
            return Ok(is_over(row).then_some(row.intent.id));
        }
        // A rename may copy to the key in parts.
        let now = self.transfers.core().clock.now();
        // Nobody but the living node that began it can use an upload that no row names.
        let live = self.transfers.core().database.nodes().not_dead(now).await?;
        let lives = |row: &Transfer| live.contains(&row.intent.node);
        let is_busy = rows.iter().any(|row| is_at_work(row) && lives(row))
            || table.is_changing(location, now).await?;
        if is_busy {
            return Ok(None);
        }
        let late = self.transfers.core().settings.stale_claim;
        let began_it = |row: &&Transfer| began(row, pending, late);
        if let Some(row) = rows.iter().find(began_it) {
            return Ok(Some(row.intent.id));
        }
        let named = table.named(location, NEWEST).await?;
        if let Some(row) = named.iter().find(|row| was_named(row, pending)) {
            return Ok(Some(row.intent.id));
        }
        let moves = self.transfers.core().database.moves();
        let moves = moves.to_object(location, NEWEST).await?;
        let copied_it = moves.iter().find(|one| copied(one, pending));
        Ok(copied_it.map(|one| one.begun.id))
    }

    /// The bucket could not be looked through.
    pub(super) fn unlisted(&mut self, deed: Deed, store: &Arc<dyn ObjectStore>, error: Failure) {
        let outcome = self.outcome(Err(error));
        self.note(Entry {
            deed,
            location: Location {
                bucket: store.bucket().clone(),
                key: super::staging::top(),
            },
            transfer: None,
            outcome,
        });
    }
}

/// Whether nothing of an upload is needed any more.
pub(super) fn is_over(row: &Transfer) -> bool {
    use TransferState::{Aborted, Completed, Discarded, Expired, Failed};
    matches!(
        row.state,
        Completed | Failed | Aborted | Expired | Discarded
    )
}

/// Whether somebody may still send parts of it.
fn is_at_work(row: &Transfer) -> bool {
    matches!(
        row.state,
        TransferState::Intended | TransferState::Publishing
    )
}

/// Whether a multipart upload was begun to copy a temporary file to its final name, by a node that
/// is not at it any more.
fn was_named(row: &Transfer, pending: &PendingUpload) -> bool {
    let at = pending.initiated.as_seconds();
    row.state != TransferState::Publishing
        && row.publishing.is_some_and(|time| time.as_seconds() <= at)
        && row.ended.is_none_or(|ended| at <= ended.as_seconds())
}

/// Whether a multipart upload was begun while a rename of ours to its key went on that has ended.
/// Whoever finished the rename in the place of a node that died may not have known of it.
fn copied(one: &Move, pending: &PendingUpload) -> bool {
    is_between(one.begun.started, pending.initiated, one.finished)
}

/// Whether a multipart upload was begun between the start of an upload of ours and its end, or
/// the time when it was left unfinished; or `late` after one was given up that had begun none: the
/// last request of a node that died may take effect when that is settled. Stores tell the time in
/// seconds.
fn began(row: &Transfer, pending: &PendingUpload, late: Duration) -> bool {
    let until = match row.state {
        TransferState::Detached => row.changed,
        TransferState::Aborted | TransferState::Failed if row.upload_id.is_none() => {
            row.ended.map(|ended| ended.plus(late))
        }
        _ => row.ended,
    };
    is_between(row.intent.started, pending.initiated, until)
}

fn is_between(started: Timestamp, at: Timestamp, ended: Option<Timestamp>) -> bool {
    let at = at.as_seconds();
    started.as_seconds() <= at && ended.is_some_and(|ended| at <= ended.as_seconds())
}
