//! The rows of a name that is given: the commit of the upload, in time or late, and the way back.

use database::{AuditEntry, Detachment, Outcome, PrivateFile, PrivateId, Target, UploadCommit};
use serde_json::json;
use storage::ObjectHead;

use super::Given;
use crate::late::Late;
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
            completed: published.completed(),
            attributes: record::attributes_row(
                self.file.id(),
                &intent.location,
                &set,
                &written.etag,
                written.version.as_ref(),
            ),
            audit: self.audit(published),
            event: record::upload_event(
                (self.file.id(), self.file.transfer.intent.started),
                intent,
                &set,
                published,
            ),
            silent: false,
        }
    }

    fn audit(&self, published: &Published) -> AuditEntry {
        let intent = &self.naming.intent;
        AuditEntry {
            detail: json!({
                "transfer": self.file.id().to_string(),
                "bucket": intent.location.bucket.as_str(),
                "key": intent.location.key.as_str(),
                "size": published.size,
                "etag": published.written.etag,
                "temporary": self.file.transfer.intent.path,
            }),
            ..intent.audit(Outcome::Success, published.time)
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
        target: None,
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
    let staged = file.staged.as_ref();
    let late = Late {
        file,
        place: target,
        head,
        set: Attributes::from(file.transfer.intent.opening.set),
        crc64nvme: staged.and_then(|staged| staged.object.crc64nvme.clone()),
        publication: None,
    };
    late.commit(core.clock.now())
}
