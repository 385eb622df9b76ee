//! OPENDIR and READDIR.

use std::collections::BTreeMap;

use database::AttributesTable;
use futures::{FutureExt, StreamExt, TryStreamExt};
use model::{ErrorKind, ObjectKey, VirtualPath};
use policy::Operation;
use transfer::Attributes;

use super::stat::not_found;
use crate::handles::FileHandle;
use crate::listing::{Listing, MOST_ENTRIES, Named, PageSource, Progress};
use crate::look::of_row;
use crate::mount::{MountKind, Mounted, Resolved};
use crate::moves::MovedNames;
use crate::place::Place;
use crate::rights::Grant;
use crate::{DirectoryEntry, Error, FileAttributes, HandleId, Result, Session};

const OPERATION: &str = "list";
/// Mapped files that are asked for at once.
const AT_ONCE: usize = 16;

impl Session {
    /// Opens a directory for listing: one LIST, which is the first page already, and one request
    /// or two more where that is empty.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `Invalid` for a file, `Exhausted` (handles).
    pub async fn open_directory(&self, path: &VirtualPath) -> Result<HandleId> {
        self.handles.check_room(path)?;
        let version = self.rights.version();
        let source = match self.reach(OPERATION, path, Operation::List)? {
            Resolved::Virtual => None,
            Resolved::Stored(place) if place.is_file_entry() => return Err(is_file(path)),
            Resolved::Stored(place) => Some(place),
        };
        let mut moved = MovedNames::default();
        let source = match source {
            None => None,
            Some(place) => {
                // Asked before the store is, so that a file whose rename ends now is not missed.
                let moves = self.moves(OPERATION, path).await?;
                moved = self.moved_in(&place, &moves);
                let store = self.store(OPERATION, path, place.bucket()).await?;
                let page = store.list(&PageSource::first_request(&place)).await;
                let page = page.map_err(|error| Error::store(OPERATION, path, error))?;
                let is_empty = page.entries.is_empty() && page.continuation.is_none();
                if is_empty && moved.here.is_empty() && moved.directories.is_empty() {
                    self.check_empty(&place, &*store).await?;
                }
                Some((place, store, page))
            }
        };
        let mut beside = self.beside(path);
        let directories = moved.directories.into_iter();
        let directories = directories.map(|name| (name, self.directory()));
        for (name, attributes) in directories.chain(moved.here) {
            if !self.mounts.is_mounted(path, &name) {
                beside.entry(name).or_insert(attributes);
            }
        }
        let at = source.as_ref().map(|(place, ..)| place.clone());
        let grant = Grant::new(version, at, &[Operation::List]);
        let listing = Listing::new(path.clone(), source, beside, moved.away);
        let handle = FileHandle::Listing(Box::new(listing));
        self.handles.insert(path, handle, grant)
    }

    /// The next entries of a listing, some at a time; none at its end, however often it is asked.
    /// They come in byte order, but for mappings and files that this session is writing, which
    /// come last. `.` and `..` are the door's to add. Calls on one handle queue up.
    ///
    /// # Errors
    /// What the store fails with; asking again goes on where it failed.
    pub async fn read_directory(&self, handle: HandleId) -> Result<Option<Vec<DirectoryEntry>>> {
        let handle = self.handle(OPERATION, handle)?;
        let FileHandle::Listing(listing) = &handle.file else {
            return Err(handle.file.cannot(OPERATION));
        };
        let mut progress = listing.state.lock().await;
        loop {
            if let Some(entries) = progress.take() {
                return Ok(Some(entries));
            }
            if let Some((place, after)) = progress.wants_private() {
                let page = self.overlay_page(OPERATION, &place, after.as_deref());
                progress.add_private(page.await?);
            }
            let (path, mounts) = (listing.path(), &self.mounts);
            match progress.next_names(path, mounts).await? {
                Some(names) => {
                    let entries = self.entries(listing.path(), names, &progress).await?;
                    progress.push(entries);
                }
                None if !progress.mounted.has_ended() => {
                    let mounted = self.mounted(path, &mut progress).await?;
                    progress.push(mounted);
                }
                None => {
                    progress.push_beside();
                    self.note_odd_names(listing.path(), &progress);
                    return Ok(progress.take());
                }
            }
        }
    }

    /// The entries of a page: one query for what clients set of them.
    async fn entries(
        &self,
        path: &VirtualPath,
        names: Vec<Named>,
        progress: &Progress,
    ) -> Result<Vec<DirectoryEntry>> {
        let Some(source) = &progress.source else {
            return Ok(Vec::new());
        };
        let prefix = source.place.prefix();
        let keys: Vec<ObjectKey> = names.iter().filter_map(|name| name.key(&prefix)).collect();
        let table: AttributesTable<'_> = self.shared.database.attributes();
        let rows = table.of_page(source.place.bucket(), &keys).await;
        let rows = rows.map_err(|error| Error::database(OPERATION, path, error))?;
        let entry = |named| match named {
            Named::Private(name, overlaid) => DirectoryEntry {
                name,
                attributes: self.overlaid(&overlaid),
            },
            Named::Directory(name) => {
                let row = marker_of(&prefix, &name).and_then(|key| rows.get(&key));
                DirectoryEntry {
                    name,
                    attributes: self.directory_with(row.map(of_row).unwrap_or_default()),
                }
            }
            Named::File {
                name,
                key,
                size,
                etag,
                last_modified,
            } => {
                let row = rows.get(&key);
                let row = row.filter(|row| row.describe(&etag, last_modified, None));
                let set = row.map_or_else(Attributes::default, of_row);
                DirectoryEntry {
                    name,
                    attributes: self.file(size, last_modified, set),
                }
            }
        };
        Ok(names.into_iter().map(entry).collect())
    }

    /// The next mappings in a directory, but for files that this session is writing. What they
    /// lead to is asked of the store for mapped files alone, some at a time.
    async fn mounted(
        &self,
        path: &VirtualPath,
        progress: &mut Progress,
    ) -> Result<Vec<DirectoryEntry>> {
        let mut cursor = progress.mounted.clone();
        let mounted = self.mounts.entries_in(path, &mut cursor, MOST_ENTRIES);
        let shown = |mounted: &Mounted| !progress.shows_beside(&mounted.name);
        let mut asked = Vec::new();
        for mounted in mounted.into_iter().filter(shown) {
            asked.push(self.entry(path, mounted).boxed());
        }
        let entries = futures::stream::iter(asked).buffered(AT_ONCE);
        let entries: Vec<Option<DirectoryEntry>> = entries.try_collect().await?;
        progress.mounted = cursor;
        Ok(entries.into_iter().flatten().collect())
    }

    /// The files that this session is writing in a directory.
    fn beside(&self, path: &VirtualPath) -> BTreeMap<String, FileAttributes> {
        let mut beside = BTreeMap::new();
        for file in self.open_files.directly_in(path) {
            if let Some(name) = file.path().name() {
                beside.insert(name.to_owned(), self.unfinished(&file));
            }
        }
        beside
    }

    /// A mapping as a listing shows it; a mapped file that does not stand is not shown.
    async fn entry(
        &self,
        directory: &VirtualPath,
        mounted: Mounted,
    ) -> Result<Option<DirectoryEntry>> {
        let Mounted { name, mount } = mounted;
        let is_file = mount.is_some_and(|mount| mount.kind == MountKind::File);
        let path = directory.join(&name).ok().filter(|_| is_file);
        let entry = |attributes| DirectoryEntry { name, attributes };
        let Some(path) = path else {
            return Ok(Some(entry(self.directory())));
        };
        match self.stat(&path).await {
            Ok(attributes) => Ok(Some(entry(attributes))),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Denied) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a directory without keys exists: it is a home or the like, or has its marker.
    async fn check_empty(&self, place: &Place, store: &dyn storage::ObjectStore) -> Result<()> {
        if self.is_directory(OPERATION, place, store).await? {
            return Ok(());
        }
        if self.overlay(OPERATION, place).await?.is_directory {
            return Ok(());
        }
        match self.look_for_file(OPERATION, place, store).await? {
            Some(_) => Err(is_file(&place.path)),
            None => Err(not_found(OPERATION, &place.path)),
        }
    }

    /// Logs, once for each directory, that some keys in it have no name of their own here.
    fn note_odd_names(&self, path: &VirtualPath, progress: &Progress) {
        let (left_out, twins) = (progress.left_out, progress.twins);
        if left_out + twins > 0 && self.first_time_odd(path) {
            tracing::warn!(session = %self.id, user = %self.user, %path, left_out, twins,
                "keys that clients cannot name are left out, and directories that share their name with a file are shown as the file");
        }
    }
}

impl Named {
    /// The key that its attributes are kept under.
    fn key(&self, prefix: &str) -> Option<ObjectKey> {
        match self {
            Self::File { key, .. } => Some(key.clone()),
            Self::Directory(name) => marker_of(prefix, name),
            Self::Private(..) => None,
        }
    }
}

fn marker_of(prefix: &str, name: &str) -> Option<ObjectKey> {
    ObjectKey::parse(format!("{prefix}{name}/")).ok()
}

fn is_file(path: &VirtualPath) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!("list {path}: it is a file, not a directory"),
    )
}
