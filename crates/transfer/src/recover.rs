//! What a crash left: uploads of this node whose rows have no end.

use database::{
    AuditEntry, CompletedUpload, NewTransfer, Outcome, PrivateFile, TransferFailure, TransferState,
    UploadCommit,
};
use futures::TryStreamExt;
use model::{ErrorKind, Event, EventKind, ObjectKey, Timestamp};
use serde_json::json;
use storage::{Entry, ListRequest, ObjectHead, ObjectStore, ObjectStoreExt, Stores};

use crate::{Attributes, Left, Transfers, beginning, record, transfer_of};

/// Rows looked at in one query.
const PAGE: u32 = 100;

/// What was found and settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Objects that stood already; their commits are made up for, events included.
    pub completed: usize,
    /// Uploads that were given up, and whose parts are gone.
    pub aborted: usize,
    /// Uploads that are kept for their owners to continue, and temporary files.
    pub kept: usize,
    /// Those left as they are, since their store did not answer; the log says why.
    pub left: usize,
}

/// What became of one row.
enum Settled {
    Completed,
    Aborted,
    Kept,
}

impl Transfers {
    /// Ends what an earlier run of this node began: an object that stands gets its commit and its
    /// event, everything else is aborted. Call it before the first session is opened, and never
    /// while another process runs under the same node name.
    ///
    /// # Errors
    /// What the database fails with; what a store fails with is logged and left for next time.
    pub async fn recover(&self, stores: &Stores) -> Result<Recovered, database::Error> {
        let core = self.core();
        let mut found = Recovered::default();
        loop {
            let table = core.database.transfers();
            let now = core.clock.now();
            let rows = table
                .unattended(now, Timestamp::from_micros(0), None, PAGE)
                .await?;
            let before = found;
            found.left = 0;
            for row in rows {
                match self.settle_row(&row, stores).await {
                    Ok(Settled::Completed) => found.completed += 1,
                    Ok(Settled::Aborted) => found.aborted += 1,
                    Ok(Settled::Kept) => found.kept += 1,
                    Err(error) => {
                        let (transfer, location) = (row.id(), &row.transfer.intent.location);
                        tracing::warn!(%transfer, %location, %error, "cannot end an upload that a crash left");
                        found.left += 1;
                    }
                }
            }
            let settled = |counts: Recovered| counts.completed + counts.aborted + counts.kept;
            if settled(found) == settled(before) {
                return Ok(found);
            }
        }
    }

    async fn settle_row(
        &self,
        row: &PrivateFile,
        stores: &Stores,
    ) -> Result<Settled, Box<dyn std::error::Error + Send + Sync>> {
        if row.target.is_some() {
            self.settle_name(row, stores).await?;
            return Ok(Settled::Completed);
        }
        let is_written = row.transfer.state == TransferState::Intended;
        if row.staged.is_some() || (is_written && row.progress.is_some()) {
            return Ok(match self.set_aside(row, stores).await? {
                Left::Unfinished { .. } => Settled::Kept,
                Left::Nothing => Settled::Aborted,
            });
        }
        self.settle(&row.transfer.intent, stores).await
    }

    async fn settle(
        &self,
        intent: &NewTransfer,
        stores: &Stores,
    ) -> Result<Settled, Box<dyn std::error::Error + Send + Sync>> {
        let store = stores.bucket(&intent.location.bucket).await?;
        match store.head(&intent.location.key).await {
            Ok(head) if transfer_of(&head.metadata) == Some(intent.id) => {
                self.commit_late(intent, &head).await?;
                return Ok(Settled::Completed);
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        self.abort_parts(intent, &*store).await?;
        self.clear_staging(intent, &*store).await?;
        self.abort_late(intent).await?;
        Ok(Settled::Aborted)
    }

    /// Aborts the multipart uploads at the key that began after the intent. Where somebody else
    /// is at the same key, his might be among them: then they are left to the sweeper.
    async fn abort_parts(
        &self,
        intent: &NewTransfer,
        store: &dyn ObjectStore,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let core = self.core();
        let table = core.database.transfers();
        let others = table.to_object(&intent.location, PAGE).await?;
        let elsewhere =
            |row: &database::Transfer| row.ended.is_none() && row.intent.node != core.settings.node;
        if others.iter().any(elsewhere) {
            return Ok(());
        }
        let key = intent.location.key.as_str();
        for pending in store.list_uploads(key).await? {
            // Stores tell the time in seconds.
            let ours = pending.initiated.as_seconds() >= intent.started.as_seconds();
            if pending.upload.key.as_str() == key && ours {
                store.abort_upload(&pending.upload).await?;
            }
        }
        Ok(())
    }

    async fn clear_staging(
        &self,
        intent: &NewTransfer,
        store: &dyn ObjectStore,
    ) -> storage::Result<()> {
        let prefix = beginning::staging_prefix(intent.id);
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

    async fn commit_late(
        &self,
        intent: &NewTransfer,
        head: &ObjectHead,
    ) -> Result<(), database::Error> {
        let now = self.core().clock.now();
        let set = Attributes::of_metadata(&head.metadata);
        let commit = UploadCommit {
            transfer: intent.id,
            epoch: 0,
            location: intent.location.clone(),
            publication: None,
            completed: CompletedUpload {
                size: head.size,
                etag: head.etag.clone(),
                version: head.version.clone(),
                crc64nvme: None,
                finished: now,
            },
            attributes: record::attributes_row(
                intent.id,
                &intent.location,
                &set,
                &head.etag,
                head.version.as_ref(),
            ),
            audit: self.audit(intent, Outcome::Success, "committed after a crash"),
            event: Event {
                user_id: Some(intent.owner),
                session: Some(intent.session),
                path: Some(intent.path.clone()),
                bucket: Some(intent.location.bucket.to_string()),
                key: Some(intent.location.key.to_string()),
                version: head.version.clone(),
                etag: Some(head.etag.clone()),
                size: Some(head.size),
                mtime: set.mtime,
                transfer: Some(intent.id),
                ..Event::new(EventKind::Upload, now, intent.server.clone())
            },
        };
        let writer = self.core().database.writer();
        writer.commit_upload(commit).await.map(drop)
    }

    async fn abort_late(&self, intent: &NewTransfer) -> Result<(), database::Error> {
        let reason = "the node ended before the file was closed";
        let failure = TransferFailure {
            transfer: intent.id,
            epoch: 0,
            aborted: true,
            error: reason.to_owned(),
            finished: self.core().clock.now(),
            publication: None,
            audit: Some(self.audit(intent, Outcome::Failed, reason)),
            event: None,
        };
        self.core().database.writer().fail_transfer(failure).await
    }

    fn audit(&self, intent: &NewTransfer, outcome: Outcome, what: &str) -> AuditEntry {
        AuditEntry {
            server: Some(intent.server.clone()),
            user_id: Some(intent.owner),
            session: Some(intent.session),
            path: Some(intent.path.clone()),
            detail: json!({ "transfer": intent.id.to_string(), "recovery": what }),
            ..AuditEntry::new("upload", outcome, self.core().clock.now())
        }
    }
}
