//! What time takes away: unfinished uploads that nobody continued, and what ended uploads left in
//! their stores.

use std::sync::Arc;

use database::{AuditEntry, Outcome, PrivateFile, PrivateId};
use futures::TryStreamExt;
use model::{ErrorKind, Event, EventKind, ObjectKey, Timestamp};
use serde_json::json;
use storage::{
    Entry, ListRequest, MultipartUpload, ObjectStore, ObjectStoreExt, Progress, Staging, Stores,
    UploadId,
};

use crate::Transfers;
use crate::beginning::{pieces_prefix, staging_prefix};

/// Rows looked at in one query.
const PAGE: u32 = 100;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What was taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cleared {
    /// Uploads of which the store holds nothing any more.
    pub cleared: usize,
    /// Those whose store did not answer; the log says why, and the next call tries again.
    pub left: usize,
}

impl Transfers {
    /// Ends the unfinished uploads whose time is over: their rows say so, and an `expired` event
    /// of each is sent. Returns how many; what the store has of them is for
    /// [`Self::clear_leftovers`]. Fine on several nodes at once.
    ///
    /// # Errors
    /// What the database fails with.
    pub async fn expire(&self) -> Result<usize, database::Error> {
        let core = self.core();
        let mut count = 0;
        loop {
            let now = core.clock.now();
            let files = core.database.private_files().expired(now, PAGE).await?;
            if files.is_empty() {
                return Ok(count);
            }
            for file in &files {
                let id = PrivateId {
                    transfer: file.id(),
                    epoch: file.transfer.epoch,
                };
                let (audit, event) = (audit(file, now), event(file, now));
                match core.database.writer().expire(id, now, audit, event).await {
                    Ok(()) => count += 1,
                    // Its owner continued it at the last moment.
                    Err(error) if error.kind() == ErrorKind::Conflict => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// Takes away what the stores still hold of uploads that have ended. Fine on several nodes at
    /// once.
    ///
    /// # Errors
    /// What the database fails with; what a store fails with is logged and left for next time.
    pub async fn clear_leftovers(&self, stores: &Stores) -> Result<Cleared, database::Error> {
        let core = self.core();
        let mut found = Cleared::default();
        loop {
            let files = core.database.private_files().leftovers(PAGE).await?;
            let before = found.cleared;
            found.left = 0;
            for file in &files {
                match self.clear(file, stores).await {
                    Ok(()) => found.cleared += 1,
                    Err(error) => {
                        let transfer = file.id();
                        tracing::warn!(%transfer, %error, "cannot clear what an upload left");
                        found.left += 1;
                    }
                }
            }
            if found.cleared == before {
                return Ok(found);
            }
        }
    }

    /// The same in the background, for the files that a session has just given up.
    pub fn clear_soon(&self, stores: &Arc<Stores>) {
        let (transfers, stores) = (self.clone(), Arc::clone(stores));
        self.core().tasks.spawn(async move {
            if let Err(error) = transfers.clear_leftovers(&stores).await {
                tracing::warn!(%error, "the sweeper clears what was given up");
            }
        });
    }

    async fn clear(&self, file: &PrivateFile, stores: &Stores) -> Result<(), Failure> {
        let row = &file.transfer.intent;
        let place = row.opening.staging.as_ref().unwrap_or(&row.location);
        let store = stores.bucket(&place.bucket).await?;
        let staging = match &row.opening.staging {
            Some(_) => Arc::clone(&store),
            None => stores.staging(&place.bucket).await?,
        };
        match progress(file) {
            Some(progress) => {
                let staging = Staging {
                    store: Arc::clone(&staging),
                    prefix: pieces_prefix(row.id),
                };
                progress.discard(&*store, Some(&staging)).await?;
            }
            None => abort(file, &place.key, &*store).await?,
        }
        clear_staging(file, &*staging).await?;
        self.core().database.writer().cleaned(row.id).await?;
        Ok(())
    }
}

fn progress(file: &PrivateFile) -> Option<Progress> {
    Progress::from_json(file.progress.as_deref()?).ok()
}

/// The multipart upload that its row names.
async fn abort(
    file: &PrivateFile,
    key: &ObjectKey,
    store: &dyn ObjectStore,
) -> storage::Result<()> {
    let Some(id) = &file.transfer.upload_id else {
        return Ok(());
    };
    let upload = MultipartUpload {
        key: key.clone(),
        id: UploadId(id.clone()),
    };
    store.abort_upload(&upload).await
}

/// Everything that belongs to the transfer and that no client sees.
async fn clear_staging(file: &PrivateFile, store: &dyn ObjectStore) -> storage::Result<()> {
    let prefix = staging_prefix(file.id());
    for pending in store.list_uploads(&prefix).await? {
        store.abort_upload(&pending.upload).await?;
    }
    let request = ListRequest {
        prefix,
        ..ListRequest::default()
    };
    let entries: Vec<Entry> = store.entries(request).try_collect().await?;
    for entry in entries {
        if let Entry::Object { key, .. } = entry
            && let Ok(key) = ObjectKey::parse(key)
        {
            store.delete(&key, None).await?;
        }
    }
    Ok(())
}

fn audit(file: &PrivateFile, now: Timestamp) -> AuditEntry {
    let row = &file.transfer.intent;
    AuditEntry {
        server: Some(row.server.clone()),
        user_id: Some(row.owner),
        session: Some(row.session),
        path: Some(row.path.clone()),
        detail: json!({ "transfer": row.id.to_string(), "unfinished": file.safe }),
        ..AuditEntry::new("expire", Outcome::Success, now)
    }
}

fn event(file: &PrivateFile, now: Timestamp) -> Event {
    let row = &file.transfer.intent;
    Event {
        user_id: Some(row.owner),
        session: Some(row.session),
        path: Some(row.path.clone()),
        bucket: Some(row.location.bucket.to_string()),
        key: Some(row.location.key.to_string()),
        size: file.safe,
        transfer: Some(row.id),
        ..Event::new(EventKind::Expired, now, row.server.clone())
    }
}
