//! REMOVE.

use std::sync::Arc;

use database::ObjectRemoval;
use model::{ErrorKind, Event, EventKind, VirtualPath};
use policy::Operation;
use serde_json::json;
use storage::{ObjectHead, ObjectStore};
use transfer::Removed;

use super::stat::not_found;
use crate::audit::{unclaimed, unrecorded};
use crate::look::Standing;
use crate::place::Place;
use crate::{Error, Result, Session};

const OPERATION: &str = "remove";
/// How often an object may be replaced behind our back while it is being removed.
const ATTEMPTS: usize = 5;

impl Session {
    /// Removes a file. One that this session is writing is gone at once, and its upload is given
    /// up with its last CLOSE.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `Invalid` for a directory.
    pub async fn remove(&self, path: &VirtualPath) -> Result<()> {
        let place = self.place(OPERATION, path, Operation::Remove)?;
        if place.is_fixed_directory() {
            return Err(is_directory(path));
        }
        self.to_the_end(OPERATION, path, |session| async move {
            session.remove_stored(place).await
        })
        .await
    }

    async fn remove_stored(&self, place: Place) -> Result<()> {
        let path = &place.path;
        let store = self.store(OPERATION, path, place.bucket()).await?;
        let open = self.open_files.get(path);
        if let Some(file) = &open {
            self.open_files.discard(file);
        }
        if self.overlay(OPERATION, &place).await?.here.is_some()
            && self.remove_private(OPERATION, &place).await?
        {
            return Ok(());
        }
        let location = place.location(OPERATION)?;
        self.await_renames(OPERATION, &place, self.rename_deadline())
            .await?;
        let claimed = self.shared.transfers.claim(&location).await;
        let claimed = claimed.map_err(|error| unclaimed(OPERATION, path, error))?;
        let head = match self.delete_standing(&place, &store, open.is_some()).await {
            Ok(Some(head)) => head,
            Ok(None) if open.is_some() => return Ok(()),
            Ok(None) => return Err(not_found(OPERATION, path)),
            Err(error) => {
                if error.outcome_unknown() {
                    claimed.keep();
                }
                return Err(error);
            }
        };
        let removal = ObjectRemoval {
            attributes: None,
            publication: Some(claimed.publication().clone()),
            audit: database::AuditEntry {
                detail: json!({ "bucket": location.bucket.as_str(), "key": location.key.as_str(), "size": head.size }),
                ..self.audit(OPERATION, path)
            },
            event: Some(self.removed(path, &location, &head)),
            location,
        };
        let committed = self.shared.database.writer().remove_object(removal).await;
        if let Err(error) = committed {
            // The object is gone. Whoever comes next finds the key as it is.
            return Err(unrecorded(OPERATION, path, error));
        }
        claimed.committed();
        tracing::info!(session = %self.id, user = %self.user, %path, "file removed");
        Ok(())
    }

    /// Removes what stands there, whoever put it there since it was looked at. None where nothing
    /// does.
    async fn delete_standing(
        &self,
        place: &Place,
        store: &Arc<dyn ObjectStore>,
        is_open: bool,
    ) -> Result<Option<ObjectHead>> {
        let (path, key) = (&place.path, place.location(OPERATION)?.key);
        for _ in 0..ATTEMPTS {
            let head = match self.look(OPERATION, place, &**store).await? {
                Standing::File(head) => head,
                Standing::Directory if !is_open => return Err(is_directory(path)),
                Standing::Directory | Standing::Nothing => return Ok(None),
            };
            let deleted = self.shared.transfers.delete(&key, &head.etag, store).await;
            match deleted {
                Ok(Removed::Gone) => return Ok(Some(head)),
                Ok(Removed::Changed) => {}
                Err(error) => return Err(Error::store(OPERATION, path, error)),
            }
        }
        Err(Error::new(
            ErrorKind::Conflict,
            format!("{OPERATION} {path}: others keep changing it; try again"),
        ))
    }

    fn removed(&self, path: &VirtualPath, location: &model::Location, head: &ObjectHead) -> Event {
        Event {
            size: Some(head.size),
            etag: Some(head.etag.clone()),
            version: head.version.clone(),
            ..self.event(EventKind::Delete, path, Some(location))
        }
    }
}

fn is_directory(path: &VirtualPath) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!("remove {path}: it is a directory; use rmdir"),
    )
}
