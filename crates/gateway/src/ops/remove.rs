//! REMOVE.

use database::ObjectRemoval;
use model::{ErrorKind, Event, EventKind, VirtualPath};
use policy::Action;
use serde_json::json;
use storage::ObjectHead;

use super::stat::not_found;
use crate::audit::unrecorded;
use crate::look::Standing;
use crate::place::Place;
use crate::{Error, Result, Session};

const OPERATION: &str = "remove";

impl Session {
    /// Removes a file. One that this session is writing is gone at once, and its upload is given
    /// up with its last CLOSE.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `Invalid` for a directory.
    pub async fn remove(&self, path: &VirtualPath) -> Result<()> {
        let place = self.place(OPERATION, path, Action::Delete)?;
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
        let location = place.location(OPERATION)?;
        let _fence = self.shared.transfers.fences().raise(&location).await;
        let head = match self.look(OPERATION, &place, &*store).await? {
            Standing::File(head) => head,
            _ if open.is_some() => return Ok(()),
            Standing::Directory => return Err(is_directory(path)),
            Standing::Nothing => return Err(not_found(OPERATION, path)),
        };
        // What is removed is what stands there, whoever put it there since: no condition. Sending
        // it twice does no harm, so a lost answer is asked for again.
        let mut deleted = store.delete(&location.key, None).await;
        if deleted.as_ref().is_err_and(storage::Error::outcome_unknown) {
            deleted = store.delete(&location.key, None).await;
        }
        deleted.map_err(|error| Error::store(OPERATION, path, error))?;
        let removal = ObjectRemoval {
            publication: None,
            audit: database::AuditEntry {
                detail: json!({ "bucket": location.bucket.as_str(), "key": location.key.as_str(), "size": head.size }),
                ..self.audit(OPERATION, path)
            },
            event: Some(self.removed(path, &location, &head)),
            location,
        };
        let committed = self.shared.database.writer().remove_object(removal).await;
        committed.map_err(|error| unrecorded(OPERATION, path, error))?;
        tracing::info!(session = %self.id, user = %self.user, %path, "file removed");
        Ok(())
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
