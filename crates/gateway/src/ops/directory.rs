//! MKDIR and RMDIR: the marker that stands for an empty directory.

use database::{Attributes as AttributesRow, ObjectRemoval};
use model::{ErrorKind, EventKind, VirtualPath};
use policy::Operation;
use storage::{Body, Entry, PutOptions};
use transfer::Attributes;

use super::stat::not_found;
use crate::audit::unrecorded;
use crate::look::{DIRECTORY_MODE, Standing};
use crate::mount::Resolved;
use crate::place::Place;
use crate::{AttributeChanges, Error, Result, Session};

const MAKE: &str = "make directory";
const REMOVE: &str = "remove directory";
/// What is taken from the mode of a directory that is made.
const UMASK: u32 = 0o022;

impl Session {
    /// Makes a directory; its parent need not exist. Of its mode, nobody else may write: clients
    /// ask for 0777 and leave the rest to the server, as to a Unix one with its umask.
    ///
    /// # Errors
    /// `Conflict` where something stands there, `Denied`.
    pub async fn make_directory(
        &self,
        path: &VirtualPath,
        attributes: &AttributeChanges,
    ) -> Result<()> {
        let Resolved::Stored(place) = self.find(MAKE, path)? else {
            return Err(exists(path));
        };
        self.check(MAKE, &place, Operation::MakeDirectory)?;
        if place.is_fixed_directory() || self.open_files.get(path).is_some() {
            return Err(exists(path));
        }
        let set = made_with(attributes);
        self.to_the_end(MAKE, path, |session| async move {
            session.put_marker(place, set).await
        })
        .await
    }

    async fn put_marker(&self, place: Place, set: Attributes) -> Result<()> {
        let path = &place.path;
        self.await_renames(MAKE, &place, self.rename_deadline())
            .await?;
        let store = self.store(MAKE, path, place.bucket()).await?;
        place.check_limits(MAKE, store.capabilities())?;
        let overlay = self.overlay(MAKE, &place).await?;
        if overlay.is_directory || overlay.here.is_some() {
            return Err(exists(path));
        }
        match self.look(MAKE, &place, &*store).await? {
            Standing::Nothing => {}
            Standing::File(_) | Standing::Directory => return Err(exists(path)),
        }
        let marker = place.marker(MAKE)?;
        // An empty object over an empty object changes nothing, so a lost answer is no matter.
        let mut put = store.put(&marker, Body::default(), &options()).await;
        if put.as_ref().is_err_and(storage::Error::outcome_unknown) {
            put = store.put(&marker, Body::default(), &options()).await;
        }
        put.map_err(|error| Error::store(MAKE, path, error))?;
        self.tell(MAKE, "mkdir", EventKind::Mkdir, (&place, set))
            .await
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` where it is not empty, `Denied`, `Invalid` for a file.
    pub async fn remove_directory(&self, path: &VirtualPath) -> Result<()> {
        let place = self.place(REMOVE, path, Operation::RemoveDirectory)?;
        if place.is_fixed() {
            return Err(Error::new(
                ErrorKind::Denied,
                format!("{REMOVE} {path}: it is fixed by the server's settings"),
            ));
        }
        self.to_the_end(REMOVE, path, |session| async move {
            session.delete_marker(place).await
        })
        .await
    }

    async fn delete_marker(&self, place: Place) -> Result<()> {
        let path = &place.path;
        let prefix = place.prefix();
        let below = |found: &database::Move| {
            [&found.begun.from, &found.begun.to]
                .iter()
                .any(|at| at.bucket == *place.bucket() && at.key.as_str().starts_with(&prefix))
        };
        self.await_renames_of(REMOVE, path, self.rename_deadline(), below)
            .await?;
        let store = self.store(REMOVE, path, place.bucket()).await?;
        let marker = place.marker(REMOVE)?;
        let entries = self.first_entries(REMOVE, &place, 2, &*store).await?;
        let overlay = self.overlay(REMOVE, &place).await?;
        let is_marker = |entry: &Entry| match entry {
            Entry::Object { key, .. } => key == marker.as_str(),
            Entry::CommonPrefix(_) => false,
        };
        if entries.is_empty() && !overlay.is_directory {
            // Who may not look is not told that it is a file.
            let file = match self.may(&place, Operation::Stat) {
                true => self.look_for_file(REMOVE, &place, &*store).await?,
                false => None,
            };
            return match file {
                Some(_) => Err(Error::new(
                    ErrorKind::Invalid,
                    format!("{REMOVE} {path}: it is a file"),
                )),
                None => Err(not_found(REMOVE, path)),
            };
        }
        let private = overlay.is_directory;
        if private || !entries.iter().all(is_marker) || self.open_files.any_at_or_below(path) {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("{REMOVE} {path}: it is not empty"),
            ));
        }
        let mut deleted = store.delete(&marker, None).await;
        if deleted.as_ref().is_err_and(storage::Error::outcome_unknown) {
            deleted = store.delete(&marker, None).await;
        }
        deleted.map_err(|error| Error::store(REMOVE, path, error))?;
        let set = Attributes::default();
        self.tell(REMOVE, "rmdir", EventKind::Rmdir, (&place, set))
            .await
    }

    async fn tell(
        &self,
        operation: &str,
        action: &str,
        kind: EventKind,
        (place, set): (&Place, Attributes),
    ) -> Result<()> {
        let location = model::Location {
            bucket: place.bucket().clone(),
            key: place.marker(operation)?,
        };
        let event = self.event(kind, &place.path, Some(&location));
        let row = AttributesRow {
            mtime: set.mtime,
            atime: set.atime,
            mode: set.mode,
            ..AttributesRow::new(location.clone(), "")
        };
        // What was set of an earlier directory of this name is not this one's.
        let change = ObjectRemoval {
            attributes: (!set.is_empty()).then_some(row),
            publication: None,
            audit: self.audit(action, &place.path),
            event: Some(event),
            location,
        };
        let recorded = self.shared.database.writer().remove_object(change).await;
        recorded.map_err(|error| unrecorded(operation, &place.path, error))?;
        tracing::info!(session = %self.id, user = %self.user, path = %place.path, action, "directory changed");
        Ok(())
    }
}

/// What MKDIR says that is worth a row: not the mode that every directory has.
fn made_with(changes: &AttributeChanges) -> Attributes {
    let set = Attributes::from(changes);
    let mode = set.mode.map(|mode| mode & !UMASK);
    Attributes {
        mode: mode.filter(|mode| ![0, DIRECTORY_MODE].contains(mode)),
        ..set
    }
}

fn options() -> PutOptions {
    PutOptions {
        content_type: Some("application/x-directory".to_owned()),
        ..PutOptions::default()
    }
}

fn exists(path: &VirtualPath) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!("{MAKE} {path}: it exists already"),
    )
}
