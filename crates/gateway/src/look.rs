//! What stands at a place in a store.

use database::Attributes as AttributesRow;
use model::{ErrorKind, Location, Timestamp};
use storage::{Entry, ListRequest, ObjectHead, ObjectStore};
use transfer::{Attributes, transfer_of};

use crate::place::Place;
use crate::{Error, FileAttributes, FileKind, Result, Session};

const FILE_MODE: u32 = 0o644;
pub(crate) const DIRECTORY_MODE: u32 = 0o755;
/// Everything belongs to the user himself; numbers have no meaning in an object store.
const OWNER_NUMBER: u32 = 1000;
const GROUP: &str = "users";
/// The number and the name of the group that a file shows while its upload is unfinished.
const UNFINISHED_NUMBER: u32 = 1001;
const UNFINISHED: &str = "unfinished";

/// What stands at a place. Where an object and keys below it share a name, it is the object.
#[derive(Debug)]
pub(crate) enum Standing {
    Nothing,
    File(ObjectHead),
    Directory,
}

impl Session {
    /// Looks: one HEAD for a file, one LIST more for a directory or nothing, no request for a
    /// home or the like.
    pub(crate) async fn look(
        &self,
        operation: &str,
        place: &Place,
        store: &dyn ObjectStore,
    ) -> Result<Standing> {
        if place.is_fixed_directory() {
            return Ok(Standing::Directory);
        }
        if let Some(head) = self.look_for_file(operation, place, store).await? {
            return Ok(Standing::File(head));
        }
        match self.is_directory(operation, place, store).await? {
            true => Ok(Standing::Directory),
            false => Ok(Standing::Nothing),
        }
    }

    /// Looks for an object alone: one HEAD.
    pub(crate) async fn look_for_file(
        &self,
        operation: &str,
        place: &Place,
        store: &dyn ObjectStore,
    ) -> Result<Option<ObjectHead>> {
        let location = place.location(operation)?;
        match store.head(&location.key).await {
            Ok(head) => Ok(Some(head)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::store(operation, &place.path, error)),
        }
    }

    /// Whether a marker or any key below stands there: one LIST.
    pub(crate) async fn is_directory(
        &self,
        operation: &str,
        place: &Place,
        store: &dyn ObjectStore,
    ) -> Result<bool> {
        if place.is_fixed_directory() {
            return Ok(true);
        }
        let entries = self.first_entries(operation, place, 1, store).await?;
        Ok(!entries.is_empty())
    }

    /// The first keys below a directory, its marker among them.
    pub(crate) async fn first_entries(
        &self,
        operation: &str,
        place: &Place,
        limit: u16,
        store: &dyn ObjectStore,
    ) -> Result<Vec<Entry>> {
        let request = ListRequest {
            prefix: place.prefix(),
            max_entries: Some(limit),
            ..ListRequest::default()
        };
        let page = store.list(&request).await;
        let page = page.map_err(|error| Error::store(operation, &place.path, error))?;
        Ok(page.entries)
    }

    /// What clients set of an object: its row, and what its metadata says besides.
    pub(crate) async fn attributes_of(
        &self,
        operation: &str,
        place: &Place,
        location: &Location,
        head: &ObjectHead,
    ) -> Result<Attributes> {
        let row = self.shared.database.attributes().of(location).await;
        let row = row.map_err(|error| Error::database(operation, &place.path, error))?;
        let transfer = transfer_of(&head.metadata);
        let row = row
            .filter(|row| row.describe(&head.etag, head.last_modified, transfer))
            .map(|row| of_row(&row))
            .unwrap_or_default();
        Ok(row.or(Attributes::of_metadata(&head.metadata)))
    }

    /// What clients set of a directory: its row belongs to its key, whatever stands there.
    pub(crate) async fn directory_attributes(
        &self,
        operation: &str,
        place: &Place,
    ) -> Result<Attributes> {
        let Ok(key) = place.marker(operation) else {
            return Ok(Attributes::default());
        };
        let location = Location {
            bucket: place.bucket().clone(),
            key,
        };
        let row = self.shared.database.attributes().of(&location).await;
        let row = row.map_err(|error| Error::database(operation, &place.path, error))?;
        Ok(row.map(|row| of_row(&row)).unwrap_or_default())
    }

    /// A file as STAT and listings show it.
    pub(crate) fn file(&self, size: u64, modified: Timestamp, set: Attributes) -> FileAttributes {
        let mtime = set.mtime.unwrap_or(modified);
        FileAttributes {
            kind: FileKind::File,
            size,
            mode: set.mode.unwrap_or(FILE_MODE),
            mtime,
            atime: set.atime.unwrap_or(mtime),
            owner: self.user.to_string(),
            group: GROUP.to_owned(),
            uid: OWNER_NUMBER,
            gid: OWNER_NUMBER,
        }
    }

    /// A directory of which nothing was set.
    pub(crate) fn directory(&self) -> FileAttributes {
        self.directory_with(Attributes::default())
    }

    /// The same for a file that is not finished: its group says so.
    pub(crate) fn unfinished_file(
        &self,
        safe: u64,
        changed: Timestamp,
        set: Attributes,
    ) -> FileAttributes {
        FileAttributes {
            group: UNFINISHED.to_owned(),
            gid: UNFINISHED_NUMBER,
            ..self.file(safe, changed, set)
        }
    }

    /// The name of an owner that attributes show by his number.
    pub fn owner_name(&self, number: u32) -> Option<&str> {
        (number == OWNER_NUMBER).then(|| self.user.as_str())
    }

    /// The name of a group that attributes show by its number.
    pub fn group_name(&self, number: u32) -> Option<&'static str> {
        match number {
            OWNER_NUMBER => Some(GROUP),
            UNFINISHED_NUMBER => Some(UNFINISHED),
            _ => None,
        }
    }

    /// Whether these are the numbers of an owner and a group that attributes show.
    pub(crate) fn is_shown(&self, (owner, group): (u32, u32)) -> bool {
        self.owner_name(owner).is_some() && self.group_name(group).is_some()
    }

    /// A directory as STAT and listings show it.
    pub(crate) fn directory_with(&self, set: Attributes) -> FileAttributes {
        FileAttributes {
            kind: FileKind::Directory,
            size: 0,
            mode: set.mode.unwrap_or(DIRECTORY_MODE),
            ..self.file(0, self.began, set)
        }
    }

    /// A directory at a place, with what clients set of it.
    pub(crate) async fn directory_at(
        &self,
        operation: &str,
        place: &Place,
    ) -> Result<FileAttributes> {
        let set = self.directory_attributes(operation, place).await?;
        Ok(self.directory_with(set))
    }
}

/// The part of a row that clients set.
pub(crate) fn of_row(row: &AttributesRow) -> Attributes {
    Attributes {
        mtime: row.mtime,
        atime: row.atime,
        mode: row.mode,
    }
}
