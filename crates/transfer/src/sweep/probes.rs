//! What a probe of a store leaves that was broken off: its node died, or had no time for it.

use std::sync::Arc;
use std::time::Duration;

use model::{Location, ObjectKey, Timestamp};
use storage::{Entry as Listed, ListRequest, ObjectStore, PROBES, PendingUpload};

use super::{Deed, Entry, Failure, Pass};

/// No probe takes longer; what it has made is of no use then.
const LONGEST: Duration = Duration::from_secs(3600);
/// Objects of one pass: there are two for each probe that broke off.
const MOST: u16 = 1000;

impl Pass<'_> {
    /// Deletes the objects of probes that ended long ago.
    pub(super) async fn clear_probes(&mut self, store: &Arc<dyn ObjectStore>) {
        let request = ListRequest {
            prefix: PROBES.to_owned(),
            max_entries: Some(MOST),
            ..ListRequest::default()
        };
        let entries = match store.list(&request).await {
            Ok(page) => page.entries,
            Err(error) => return self.unlisted(Deed::DeleteProbe, store, error.into()),
        };
        for entry in entries {
            let Listed::Object {
                key, last_modified, ..
            } = entry
            else {
                continue;
            };
            let Ok(key) = ObjectKey::parse(key) else {
                continue;
            };
            if self.is_old(last_modified) {
                self.delete_probe(key, store).await;
            }
        }
    }

    async fn delete_probe(&mut self, key: ObjectKey, store: &Arc<dyn ObjectStore>) {
        let done = match self.dry_run {
            true => Ok(()),
            false => store.delete(&key, None).await,
        };
        let outcome = self.outcome(done.map_err(Failure::from));
        let bucket = store.bucket().clone();
        self.note(Entry {
            deed: Deed::DeleteProbe,
            location: Location { bucket, key },
            transfer: None,
            outcome,
        });
    }

    /// Whether a multipart upload is of a probe that ended long ago.
    pub(super) fn is_old_probe(&self, pending: &PendingUpload) -> bool {
        pending.upload.key.as_str().starts_with(PROBES) && self.is_old(pending.initiated)
    }

    fn is_old(&self, made: Timestamp) -> bool {
        self.transfers.core().clock.now().since(made) > LONGEST
    }
}
