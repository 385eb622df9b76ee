//! What is committed in the place of a node that died, and what is said of it.

use database::{
    AuditEntry, CompletedUpload, Outcome, PrivateFile, Publication, Target, UploadCommit,
};
use model::{Event, EventKind, Timestamp};
use serde_json::json;
use storage::ObjectHead;

use crate::{Attributes, record};

/// An upload whose object stands, and whose node did not come to its commit any more.
pub(crate) struct Late<'a> {
    pub(crate) file: &'a PrivateFile,
    /// Where it stands.
    pub(crate) place: &'a Target,
    /// As it stands.
    pub(crate) head: &'a ObjectHead,
    pub(crate) set: Attributes,
    pub(crate) crc64nvme: Option<String>,
    pub(crate) publication: Option<Publication>,
}

impl Late<'_> {
    pub(crate) fn commit(self, now: Timestamp) -> UploadCommit {
        let (row, location, head) = (&self.file.transfer.intent, &self.place.location, self.head);
        let attributes = record::attributes_row(
            row.id,
            location,
            &self.set,
            &head.etag,
            head.version.as_ref(),
        );
        let imported = record::imported(&self.place.path);
        UploadCommit {
            transfer: row.id,
            epoch: self.file.transfer.epoch,
            location: location.clone(),
            silent: imported.is_some(),
            event: Event {
                user_id: imported.is_none().then_some(row.owner),
                session: Some(row.session),
                path: Some(imported.unwrap_or(&self.place.path).to_owned()),
                bucket: Some(location.bucket.to_string()),
                key: Some(location.key.to_string()),
                version: head.version.clone(),
                etag: Some(head.etag.clone()),
                size: Some(head.size),
                mtime: self.set.mtime,
                transfer: Some(row.id),
                ..Event::new(EventKind::Upload, now, row.server.clone())
            },
            audit: AuditEntry {
                path: Some(self.place.path.clone()),
                ..audit(self.file, Outcome::Success, "committed after a crash", now)
            },
            completed: CompletedUpload {
                size: head.size,
                etag: head.etag.clone(),
                version: head.version.clone(),
                crc64nvme: self.crc64nvme,
                finished: now,
            },
            attributes,
            publication: self.publication,
        }
    }
}

/// What the audit log says of an upload whose node died.
pub(crate) fn audit(
    file: &PrivateFile,
    outcome: Outcome,
    what: &str,
    now: Timestamp,
) -> AuditEntry {
    let row = &file.transfer.intent;
    AuditEntry {
        server: Some(row.server.clone()),
        user_id: Some(row.owner),
        session: Some(row.session),
        path: Some(row.path.clone()),
        detail: json!({ "transfer": row.id.to_string(), "recovery": what }),
        ..AuditEntry::new("upload", outcome, now)
    }
}
