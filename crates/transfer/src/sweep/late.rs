//! What a sweep commits in the place of a node that died, and what it says of it.

use database::{AuditEntry, CompletedUpload, Outcome, PrivateFile, Publication, UploadCommit};
use model::{Event, EventKind};
use serde_json::json;
use storage::ObjectHead;

use super::Pass;
use crate::{Attributes, record};

impl Pass<'_> {
    /// The commit of an upload whose node did not come to it any more.
    pub(super) fn late(
        &self,
        file: &PrivateFile,
        head: &ObjectHead,
        publication: Publication,
    ) -> UploadCommit {
        let row = &file.transfer.intent;
        let now = self.transfers.core().clock.now();
        // What was set before CLOSE stands in the object's own metadata.
        let set = Attributes::of_metadata(&head.metadata).or(row.opening.set.into());
        let version = head.version.as_ref();
        let attributes = record::attributes_row(row.id, &row.location, &set, &head.etag, version);
        UploadCommit {
            transfer: row.id,
            epoch: file.transfer.epoch,
            location: row.location.clone(),
            publication: Some(publication),
            completed: CompletedUpload {
                size: head.size,
                etag: head.etag.clone(),
                version: head.version.clone(),
                crc64nvme: None,
                finished: now,
            },
            attributes,
            audit: self.audit(file, Outcome::Success, "committed after a crash"),
            event: Event {
                user_id: Some(row.owner),
                session: Some(row.session),
                path: Some(row.path.clone()),
                bucket: Some(row.location.bucket.to_string()),
                key: Some(row.location.key.to_string()),
                version: head.version.clone(),
                etag: Some(head.etag.clone()),
                size: Some(head.size),
                mtime: set.mtime,
                transfer: Some(row.id),
                ..Event::new(EventKind::Upload, now, row.server.clone())
            },
        }
    }

    pub(super) fn audit(&self, file: &PrivateFile, outcome: Outcome, what: &str) -> AuditEntry {
        let row = &file.transfer.intent;
        AuditEntry {
            server: Some(row.server.clone()),
            user_id: Some(row.owner),
            session: Some(row.session),
            path: Some(row.path.clone()),
            detail: json!({ "transfer": row.id.to_string(), "recovery": what }),
            ..AuditEntry::new("upload", outcome, self.transfers.core().clock.now())
        }
    }
}
