//! The rows of a name that is given: the commit of the upload, in time or late, and the way back.

use database::{
    AuditEntry, CompletedUpload, Detachment, Outcome, PrivateFile, PrivateId, Target, UploadCommit,
};
use model::{Event, EventKind};
use serde_json::json;
use storage::ObjectHead;

use super::Given;
use crate::transfers::Core;
use crate::{Attributes, Published, record};

impl Given<'_> {
    pub(super) fn row(&self, published: &Published) -> UploadCommit {
        let intent = &self.naming.intent;
        let written = &published.written;
        let set = self.file.transfer.intent.opening.set.into();
        UploadCommit {
            transfer: self.file.id(),
            epoch: self.id().epoch,
            location: intent.location.clone(),
            publication: None,
            completed: CompletedUpload {
                size: published.size,
                etag: written.etag.clone(),
                version: written.version.clone(),
                crc64nvme: written.crc64nvme.clone(),
                finished: published.time,
            },
            attributes: record::attributes_row(
                self.file.id(),
                &intent.location,
                &set,
                &written.etag,
                written.version.as_ref(),
            ),
            audit: self.audit(published),
            event: self.event(published, &set),
        }
    }

    fn audit(&self, published: &Published) -> AuditEntry {
        let intent = &self.naming.intent;
        AuditEntry {
            server: Some(intent.server.clone()),
            user_id: Some(intent.owner),
            user: Some(intent.user.to_string()),
            session: Some(intent.session),
            protocol: intent.protocol,
            address: intent.address,
            path: Some(intent.path.to_string()),
            detail: json!({
                "transfer": self.file.id().to_string(),
                "bucket": intent.location.bucket.as_str(),
                "key": intent.location.key.as_str(),
                "size": published.size,
                "etag": published.written.etag,
                "temporary": self.file.transfer.intent.path,
            }),
            ..AuditEntry::new("upload", Outcome::Success, published.time)
        }
    }

    fn event(&self, published: &Published, set: &Attributes) -> Event {
        let intent = &self.naming.intent;
        let duration = published.time.since(self.file.transfer.intent.started);
        Event {
            user_id: Some(intent.owner),
            user: Some(intent.user.clone()),
            session: Some(intent.session),
            protocol: intent.protocol,
            client_address: intent.address,
            path: Some(intent.path.to_string()),
            bucket: Some(intent.location.bucket.to_string()),
            key: Some(intent.location.key.to_string()),
            version: published.written.version.clone(),
            etag: Some(published.written.etag.clone()),
            size: Some(published.size),
            crc64nvme: published.written.crc64nvme.clone(),
            mtime: set.mtime,
            duration_micros: Some(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)),
            transfer: Some(self.file.id()),
            ..Event::new(EventKind::Upload, published.time, intent.server.clone())
        }
    }
}

/// The temporary file as it was.
pub(super) fn back(file: &PrivateFile, id: PrivateId, core: &Core) -> Detachment {
    let now = core.clock.now();
    Detachment {
        file: id,
        progress: None,
        safe: file.safe.unwrap_or(0),
        set: file.transfer.intent.opening.set,
        changed: file.changed,
        expires: now.plus(core.settings.retention),
        publication: None,
        audit: None,
        event: None,
    }
}

/// What the node that died did not commit any more.
pub(super) fn late(
    file: &PrivateFile,
    target: &Target,
    head: &ObjectHead,
    core: &Core,
) -> UploadCommit {
    let row = &file.transfer.intent;
    let now = core.clock.now();
    let set = Attributes::from(row.opening.set);
    UploadCommit {
        transfer: row.id,
        epoch: file.transfer.epoch,
        location: target.location.clone(),
        publication: None,
        completed: CompletedUpload {
            size: head.size,
            etag: head.etag.clone(),
            version: head.version.clone(),
            crc64nvme: file
                .staged
                .as_ref()
                .and_then(|staged| staged.object.crc64nvme.clone()),
            finished: now,
        },
        attributes: record::attributes_row(
            row.id,
            &target.location,
            &set,
            &head.etag,
            head.version.as_ref(),
        ),
        audit: AuditEntry {
            server: Some(row.server.clone()),
            user_id: Some(row.owner),
            session: Some(row.session),
            path: Some(target.path.clone()),
            detail: json!({ "transfer": row.id.to_string(), "recovery": "committed after a crash" }),
            ..AuditEntry::new("upload", Outcome::Success, now)
        },
        event: Event {
            user_id: Some(row.owner),
            session: Some(row.session),
            path: Some(target.path.clone()),
            bucket: Some(target.location.bucket.to_string()),
            key: Some(target.location.key.to_string()),
            version: head.version.clone(),
            etag: Some(head.etag.clone()),
            size: Some(head.size),
            mtime: set.mtime,
            transfer: Some(row.id),
            ..Event::new(EventKind::Upload, now, row.server.clone())
        },
    }
}
