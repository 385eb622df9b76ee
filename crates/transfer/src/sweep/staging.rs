//! Objects in staging whose uploads are over, or that are not ours.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::TryStreamExt;
use model::{Location, ObjectKey, TransferId};
use storage::{Entry as Listed, ListRequest, ObjectStore, ObjectStoreExt};

use super::uploads::is_over;
use super::{Deed, Entry, Failure, Outcome, Pass, SweepError};

/// Where all staging is, in every bucket.
const STAGING: &str = ".pierhead/staging/";
/// Objects that are looked at together.
const PAGE: usize = 500;

impl Pass<'_> {
    /// Looks through every bucket that anything was ever uploaded to, and those for staging.
    pub(super) async fn clear_buckets(&mut self) -> Result<(), SweepError> {
        let used = self.transfers.core().database.transfers().buckets().await?;
        let mut buckets = BTreeSet::from_iter(used);
        buckets.extend(self.stores.staging_buckets().cloned());
        for bucket in buckets {
            let store = match self.stores.bucket(&bucket).await {
                Ok(store) => store,
                Err(error) => {
                    let location = Location { bucket, key: top() };
                    let outcome = self.outcome(Err(error.into()));
                    self.note(Entry {
                        deed: Deed::Clear,
                        location,
                        transfer: None,
                        outcome,
                    });
                    continue;
                }
            };
            self.abort_orphans(&store).await?;
            self.clear_staging(&store).await?;
            self.clear_probes(&store).await;
        }
        Ok(())
    }

    /// Deletes objects in staging whose upload is over: a request that took effect late. Those
    /// whose upload has no row stay: the database was restored from a backup perhaps, or another
    /// installation uses the bucket.
    async fn clear_staging(&mut self, store: &Arc<dyn ObjectStore>) -> Result<(), SweepError> {
        let request = ListRequest {
            prefix: STAGING.to_owned(),
            ..ListRequest::default()
        };
        let mut pages = store.entries(request).try_chunks(PAGE);
        loop {
            match pages.try_next().await {
                Ok(Some(page)) => self.clear_page(page, store).await?,
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.unlisted(Deed::DeleteStaged, store, error.1.into());
                    return Ok(());
                }
            }
        }
    }

    async fn clear_page(
        &mut self,
        page: Vec<Listed>,
        store: &Arc<dyn ObjectStore>,
    ) -> Result<(), SweepError> {
        let keys: Vec<(ObjectKey, TransferId)> = page.into_iter().filter_map(staged).collect();
        let ids: Vec<_> = keys.iter().map(|(_, id)| *id).collect();
        let rows = self
            .transfers
            .core()
            .database
            .transfers()
            .of_ids(&ids)
            .await?;
        // From the end: of several objects of one temporary file, the latest counts.
        for (key, id) in keys.into_iter().rev() {
            let location = Location {
                bucket: store.bucket().clone(),
                key,
            };
            match rows.get(&id) {
                None => self.adopt_or_leave(location, id, store).await?,
                Some(row) if is_over(row) => self.delete_staged(location, id, store).await,
                Some(_) => {}
            }
        }
        Ok(())
    }

    async fn delete_staged(
        &mut self,
        location: Location,
        id: TransferId,
        store: &Arc<dyn ObjectStore>,
    ) {
        let done = match self.dry_run {
            true => Ok(()),
            false => store.delete(&location.key, None).await,
        };
        let outcome = self.outcome(done.map_err(Failure::from));
        self.note(Entry {
            deed: Deed::DeleteStaged,
            location,
            transfer: Some(id),
            outcome,
        });
    }

    /// Something in staging that no row of ours accounts for.
    pub(super) fn foreign(&mut self, location: Location, id: TransferId) {
        let reason = "no upload of this id is known here: another installation's, or newer than \
                      the backup that this database was restored from";
        self.note(Entry {
            deed: Deed::LeaveForeign,
            location,
            transfer: Some(id),
            outcome: Outcome::Left(reason.to_owned()),
        });
    }
}

/// The place that stands for all staging of a bucket, in reports.
pub(super) fn top() -> ObjectKey {
    ObjectKey::parse(STAGING.to_owned()).expect("a short key of plain characters")
}

/// The upload that a key in staging belongs to.
pub(super) fn owner(key: &ObjectKey) -> Option<TransferId> {
    let (id, _) = key.as_str().strip_prefix(STAGING)?.split_once('/')?;
    id.parse().ok()
}

fn staged(entry: Listed) -> Option<(ObjectKey, TransferId)> {
    let Listed::Object { key, .. } = entry else {
        return None;
    };
    let key = ObjectKey::parse(key).ok()?;
    let id = owner(&key)?;
    Some((key, id))
}
