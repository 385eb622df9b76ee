//! SETSTAT and FSETSTAT.

use database::Attributes as AttributesRow;
use model::{ErrorKind, Location, VirtualPath};
use policy::Operation;
use serde_json::json;
use storage::{Base, ObjectHead, ObjectStore};
use transfer::{Attributes, Beginning, Condition, Original, Publication, transfer_of};

use super::stat::not_found;
use crate::audit::{unclaimed, unrecorded};
use crate::handles::FileHandle;
use crate::look::Standing;
use crate::open_file::OpenFile;
use crate::place::Place;
use crate::{AttributeChanges, Error, HandleId, OwnerChanges, Result, Session};

const OPERATION: &str = "set attributes of";

impl Session {
    /// Changes attributes of a path. A size truncates or extends the file, which rewrites it in
    /// the store. Owner and group are not kept.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, and `Invalid` for the size of a directory.
    pub async fn set_attributes(
        &self,
        path: &VirtualPath,
        changes: &AttributeChanges,
    ) -> Result<()> {
        let place = self.place(OPERATION, path, Operation::SetAttributes)?;
        self.check_owner(path, changes)?;
        if let Some(file) = self.open_files.get(path) {
            return self.set_unfinished(&file, changes);
        }
        if place.is_fixed_directory() {
            return no_size(path, changes);
        }
        let changes = *changes;
        self.to_the_end(OPERATION, path, |session| async move {
            session.set_stored(place, &changes).await
        })
        .await
    }

    /// Changes attributes of what is open under a handle; a size truncates or extends it.
    ///
    /// # Errors
    /// As [`Self::set_attributes`].
    pub async fn set_handle_attributes(
        &self,
        handle: HandleId,
        changes: &AttributeChanges,
    ) -> Result<()> {
        let handle = self.handle(OPERATION, handle)?;
        match &handle.file {
            FileHandle::Writing(writing) | FileHandle::ReadingWriting(writing) => {
                self.check_owner(&writing.file.path(), changes)?;
                self.set_unfinished(&writing.file, changes)
            }
            FileHandle::Reading(_) if changes.size.is_some() => {
                Err(handle.file.cannot("set size of"))
            }
            FileHandle::Reading(reading) => self.set_attributes(reading.path(), changes).await,
            FileHandle::Listing(listing) => self.set_attributes(listing.path(), changes).await,
        }
    }

    /// What is set of a file that is being written takes effect with its publication.
    fn set_unfinished(&self, file: &OpenFile, changes: &AttributeChanges) -> Result<()> {
        if let Some(size) = changes.size {
            file.truncate(size)?;
        }
        file.set_attributes(Attributes::from(changes));
        Ok(())
    }

    async fn set_stored(&self, place: Place, changes: &AttributeChanges) -> Result<()> {
        let path = &place.path;
        self.await_renames(OPERATION, &place, self.rename_deadline())
            .await?;
        if let Some(overlaid) = self.overlay(OPERATION, &place).await?.here {
            return self
                .set_private(OPERATION, &place, &overlaid, changes)
                .await;
        }
        let store = self.store(OPERATION, path, place.bucket()).await?;
        let head = match self.look(OPERATION, &place, &*store).await? {
            Standing::File(head) => head,
            Standing::Directory => return self.set_directory(&place, changes).await,
            Standing::Nothing => return Err(not_found(OPERATION, path)),
        };
        let location = place.location(OPERATION)?;
        let kept = self
            .attributes_of(OPERATION, &place, &location, &head)
            .await?;
        let set = Attributes::from(changes).or(kept);
        match changes.size {
            Some(size) if size != head.size => {
                self.resize(&place, &location, &head, size, changes, set, store)
                    .await
            }
            _ if changes.sets_nothing() || set == kept => Ok(()),
            _ if self.shared.settings.rewrite_metadata => {
                let original = Original {
                    store,
                    key: location.key.clone(),
                    head,
                };
                self.rewrite(&place, location, original, set).await
            }
            _ => self.keep(path, location, &head, set).await,
        }
    }

    /// Refuses what would not be kept, where that is wanted. Clients that repeat what STAT said
    /// change nothing.
    fn check_owner(&self, path: &VirtualPath, changes: &AttributeChanges) -> Result<()> {
        let refuses = self.shared.settings.owner_changes == OwnerChanges::Refuse;
        match changes.owner {
            Some(owner) if refuses && !self.is_shown(owner) => Err(Error::new(
                ErrorKind::Denied,
                format!("change owner of {path}: everything here belongs to you, and stays so"),
            )),
            _ => Ok(()),
        }
    }

    /// Writes the attribute row of a directory: it belongs to its key.
    async fn set_directory(&self, place: &Place, changes: &AttributeChanges) -> Result<()> {
        no_size(&place.path, changes)?;
        let kept = self.directory_attributes(OPERATION, place).await?;
        let set = Attributes::from(changes).or(kept);
        if set == kept {
            return Ok(());
        }
        let location = Location {
            bucket: place.bucket().clone(),
            key: place.marker(OPERATION)?,
        };
        let row = AttributesRow {
            mtime: set.mtime,
            atime: set.atime,
            mode: set.mode,
            ..AttributesRow::new(location, "")
        };
        self.write_row(&place.path, row).await
    }

    /// Writes what was set into the object's metadata as well, by a copy onto itself.
    async fn rewrite(
        &self,
        place: &Place,
        location: Location,
        original: Original,
        set: Attributes,
    ) -> Result<()> {
        let (path, intent) = (&place.path, self.intent(place)?);
        let transfers = &self.shared.transfers;
        let claimed = transfers.claim(&location).await;
        let claimed = claimed.map_err(|error| unclaimed(OPERATION, path, error))?;
        let rewritten = transfers.rewrite(&original, &intent, &set).await;
        let (transfer, written) = match rewritten {
            Ok(rewritten) => rewritten,
            Err(error) => {
                if error.outcome_unknown() {
                    claimed.keep();
                }
                return Err(Error::transfer(OPERATION, path, error));
            }
        };
        let row = AttributesRow {
            version: written.version,
            transfer: Some(transfer),
            mtime: set.mtime,
            atime: set.atime,
            mode: set.mode,
            ..AttributesRow::new(location, written.etag)
        };
        self.write_row(path, row).await
    }

    /// Writes the attribute row of an object as it stands.
    async fn keep(
        &self,
        path: &VirtualPath,
        location: Location,
        head: &ObjectHead,
        set: Attributes,
    ) -> Result<()> {
        let row = AttributesRow {
            last_modified: Some(head.last_modified),
            version: head.version.clone(),
            transfer: transfer_of(&head.metadata),
            mtime: set.mtime,
            atime: set.atime,
            mode: set.mode,
            ..AttributesRow::new(location, head.etag.clone())
        };
        self.write_row(path, row).await
    }

    /// Row and audit entry, in one write.
    async fn write_row(&self, path: &VirtualPath, row: AttributesRow) -> Result<()> {
        let mut audit = self.audit("set_attributes", path);
        audit.detail = json!({
            "mtime": row.mtime.map(model::Timestamp::as_micros),
            "atime": row.atime.map(model::Timestamp::as_micros),
            "mode": row.mode.map(|mode| format!("{mode:04o}")),
        });
        let writer = self.shared.database.writer();
        let set = writer.set_attributes(row, Some(audit)).await;
        set.map_err(|error| unrecorded(OPERATION, path, error))
    }

    /// Publishes the object anew with another length.
    #[expect(clippy::too_many_arguments, reason = "all of one object")]
    async fn resize(
        &self,
        place: &Place,
        location: &Location,
        head: &ObjectHead,
        size: u64,
        changes: &AttributeChanges,
        set: Attributes,
        store: std::sync::Arc<dyn ObjectStore>,
    ) -> Result<()> {
        // Old bytes survive unless none do.
        let operation = match size {
            0 => Operation::Overwrite,
            _ => Operation::Change,
        };
        self.check(OPERATION, place, operation)?;
        self.check_size(OPERATION, &place.path, size)?;
        let base = Base::new(store.clone(), location.key.clone(), head);
        let transfers = &self.shared.transfers;
        let staging = self.staging(OPERATION, &place.path, store.bucket()).await?;
        let beginning = Beginning {
            base: Some(base),
            staging: Some(staging),
            ..Beginning::default()
        };
        let transfer = transfers.begin(self.intent(place)?, beginning, store);
        if let Err(error) = transfer.truncate(size) {
            transfer.abandon("its new size was refused").await;
            return Err(Error::transfer(OPERATION, &place.path, error));
        }
        let publication = Publication {
            condition: Condition::Unchanged {
                etag: head.etag.clone(),
            },
            attributes: Attributes {
                mtime: changes.mtime,
                ..set
            },
            path: place.path.clone(),
        };
        let finished = transfer.finish(publication).await;
        finished
            .map(drop)
            .map_err(|error| Error::transfer(OPERATION, &place.path, error))
    }
}

/// A directory has no size to be set.
fn no_size(path: &VirtualPath, changes: &AttributeChanges) -> Result<()> {
    match changes.size {
        None => Ok(()),
        Some(_) => Err(Error::new(
            ErrorKind::Invalid,
            format!("set size of {path}: it is a directory"),
        )),
    }
}
