//! Temporary files that stand whole in staging and have lost their rows, as after a restore of the
//! database from an older backup: CLOSE was answered, so they are not to be lost.

use std::sync::Arc;

use database::{
    AuditEntry, CompletedUpload, NewTransfer, Opening, Outcome as Audited, PrivateId, Staging, User,
};
use model::{ErrorKind, Location, NodeId, SessionId, TransferId};
use serde_json::json;
use storage::{ObjectHead, ObjectStore};

use super::{Deed, Entry, Failure, Pass, SweepError};
use crate::beginning::{staging_prefix, temporary_key};
use crate::metadata::StagedFor;
use crate::{Attributes, transfer_of};

/// What is needed for a row.
struct Orphan {
    file: PrivateId,
    staged: Location,
    head: ObjectHead,
    owner: StagedFor,
    user: User,
}

impl Pass<'_> {
    /// Gives a temporary file of this installation its row back; everything else stays as it is.
    pub(super) async fn adopt_or_leave(
        &mut self,
        staged: Location,
        id: TransferId,
        store: &Arc<dyn ObjectStore>,
    ) -> Result<(), SweepError> {
        let Some(orphan) = self.orphan(&staged, id, store).await? else {
            self.foreign(staged, id);
            return Ok(());
        };
        let adopted = match self.dry_run {
            true => Ok(()),
            false => self.adopt(&orphan).await,
        };
        let outcome = self.outcome(adopted.map_err(Failure::from));
        self.note(Entry {
            deed: Deed::Adopt,
            location: staged,
            transfer: Some(id),
            outcome,
        });
        Ok(())
    }

    async fn orphan(
        &self,
        staged: &Location,
        id: TransferId,
        store: &Arc<dyn ObjectStore>,
    ) -> Result<Option<Orphan>, SweepError> {
        let database = &self.transfers.core().database;
        let Some(file) = named(staged, id) else {
            return Ok(None);
        };
        let head = match store.head(&staged.key).await {
            Ok(head) => head,
            Err(error) => {
                if error.kind() != ErrorKind::NotFound {
                    tracing::warn!(location = %staged, %error, "cannot look at a staged object");
                }
                return Ok(None);
            }
        };
        let owner = StagedFor::of(&head.metadata);
        let is_ours = |owner: &StagedFor| {
            owner.installation == database.installation() && transfer_of(&head.metadata) == Some(id)
        };
        let Some(owner) = owner.filter(is_ours) else {
            return Ok(None);
        };
        let Some(user) = database.users().by_id(owner.owner).await? else {
            return Ok(None);
        };
        let now = self.transfers.core().clock.now();
        let taken = database
            .private_files()
            .at(user.id, &owner.location, now)
            .await?;
        // A later file of his at the same place counts.
        Ok(taken.is_empty().then(|| Orphan {
            file,
            staged: staged.clone(),
            head,
            owner,
            user,
        }))
    }

    async fn adopt(&self, orphan: &Orphan) -> Result<(), database::Error> {
        let (new, staging) = (
            orphan.intent(),
            orphan.staging(self.transfers.core().clock.now()),
        );
        let writer = self.transfers.core().database.writer();
        writer.adopt(new, staging).await
    }
}

impl Orphan {
    fn intent(&self) -> NewTransfer {
        NewTransfer {
            id: self.file.transfer,
            location: self.owner.location.clone(),
            path: self.owner.path.to_string(),
            owner: self.user.id,
            server: self.user.server.clone(),
            session: SessionId::generate(),
            node: NodeId::NOBODY,
            base_etag: None,
            started: self.head.last_modified,
            opening: Opening {
                staging: Some(self.staged.clone()),
                ..Opening::default()
            },
        }
    }

    fn staging(&self, now: model::Timestamp) -> Staging {
        let id = self.file.transfer.to_string();
        Staging {
            file: self.file,
            key: self.staged.key.clone(),
            object: CompletedUpload {
                size: self.head.size,
                etag: self.head.etag.clone(),
                version: self.head.version.clone(),
                crc64nvme: None,
                finished: self.head.last_modified,
            },
            set: Attributes::of_metadata(&self.head.metadata).into(),
            audit: AuditEntry {
                server: Some(self.user.server.clone()),
                user_id: Some(self.user.id),
                path: Some(self.owner.path.to_string()),
                detail: json!({ "transfer": id, "recovery": "adopted from staging" }),
                ..AuditEntry::new("stage", Audited::Success, now)
            },
        }
    }
}

/// The temporary file whose object has this key, in the epoch that the key names.
fn named(staged: &Location, id: TransferId) -> Option<PrivateId> {
    let name = staged.key.as_str().strip_prefix(&staging_prefix(id))?;
    let epoch = name.strip_prefix("file-")?.parse().ok()?;
    let file = PrivateId {
        transfer: id,
        epoch,
    };
    (temporary_key(id, epoch) == staged.key).then_some(file)
}
