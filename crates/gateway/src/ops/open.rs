//! OPEN, in all its combinations of flags.

use std::sync::Arc;

use model::{ErrorKind, VirtualPath};
use policy::Operation;
use storage::{Base, Download, ObjectHead, ObjectStore, Placement};
use transfer::{Attributes, Beginning, Condition, Intent};

use super::stat::not_found;
use crate::handles::{FileHandle, Writing};
use crate::open_file::OpenFile;
use crate::overlay::{Overlaid, unfinished};
use crate::place::Place;
use crate::quota::Most;
use crate::reading::Reading;
use crate::rights::Grant;
use crate::{AttributeChanges, Error, HandleId, OpenOptions, Result, Session};

const OPERATION: &str = "open";

impl Session {
    /// Opens a file. Reading sends one GET. Writing with `create` and `truncate` sends nothing,
    /// whatever stands there; the other ways to write look first, with one HEAD.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `Conflict` (EXCL on an existing file; a file for reading that this
    /// session is still writing), `Invalid` for directories, `Exhausted` (handles).
    pub async fn open(&self, path: &VirtualPath, options: &OpenOptions) -> Result<HandleId> {
        self.handles.check_room(path)?;
        if options.write || options.append {
            Box::pin(self.open_for_writing(path, options)).await
        } else {
            Box::pin(self.open_for_reading(path)).await
        }
    }

    async fn open_for_reading(&self, path: &VirtualPath) -> Result<HandleId> {
        let version = self.rights.version();
        let place = self.place(OPERATION, path, Operation::Read)?;
        let grant = Grant::new(version, Some(place.clone()), &[Operation::Read]);
        if place.is_fixed_directory() {
            return Err(is_directory(path));
        }
        if self.open_files.get(path).is_some() {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("open {path} for reading: it is still being written in this session"),
            ));
        }
        match self.overlay(OPERATION, &place).await?.here {
            Some(Overlaid::Unfinished(file)) => {
                return Err(unfinished("open for reading", path, &file));
            }
            Some(Overlaid::Temporary(file)) => {
                return self.read_temporary(place, *file, grant).await;
            }
            None => {}
        }
        let store = self.store(OPERATION, path, place.bucket()).await?;
        let location = place.location(OPERATION)?;
        let settings = self.download_settings();
        let moves = self.moves(OPERATION, path).await?;
        if let Some(found) = moves.here(&location)
            && let Some(attributes) = self.moved(found)
            && let Some((download, continuation)) = self
                .open_moved(OPERATION, &place, found, settings.clone())
                .await?
        {
            let reading = Reading::new(place, download, attributes).continued_by(continuation);
            let handle = FileHandle::Reading(Box::new(reading));
            return self.handles.insert(path, handle, grant);
        }
        if moves.is_away(&location) {
            return Err(not_found(OPERATION, path));
        }
        let opened = Download::open(Arc::clone(&store), location.key, None, settings).await;
        let download = match opened {
            Ok(download) => download,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(self.no_such_file(&place, &*store).await?);
            }
            Err(error) => return Err(Error::store(OPERATION, path, error)),
        };
        let attributes = self.stored(OPERATION, &place, download.head()).await?;
        let reading = Reading::new(place, download, attributes);
        let handle = FileHandle::Reading(Box::new(reading));
        self.handles.insert(path, handle, grant)
    }

    async fn open_for_writing(
        &self,
        path: &VirtualPath,
        options: &OpenOptions,
    ) -> Result<HandleId> {
        let version = self.rights.version();
        let (place, rights) = self.writable(path)?;
        self.check_name(OPERATION, path)?;
        let mut operations = vec![rights.operation()];
        if options.read {
            self.check(OPERATION, &place, Operation::Read)?;
            operations.push(Operation::Read);
        }
        let grant = Grant::new(version, Some(place.clone()), &operations);
        if let Some(file) = self.open_files.join(path) {
            return self.share(file, options, grant);
        }
        self.open_files.check_free(OPERATION, path)?;
        let store = self.store(OPERATION, path, place.bucket()).await?;
        place.check_limits(OPERATION, store.capabilities())?;
        let mut options = *options;
        let overlaid = self.overlay_after_arrivals(OPERATION, &place).await?.here;
        if let Some(overlaid) = &overlaid {
            if options.create && options.exclusive {
                return Err(exists(path));
            }
            if !options.truncate {
                let file = self
                    .continue_file(place, overlaid, &options, &store)
                    .await?;
                self.open_files.insert(Arc::clone(&file));
                return self.insert_writing(file, &options, grant);
            }
            options.create = true;
        }
        let options = &options;
        let standing = if options.needs_look(rights) {
            self.await_renames(OPERATION, &place, self.rename_deadline())
                .await?;
            self.look_for_file(OPERATION, &place, &*store).await?
        } else {
            None
        };
        let start = self
            .start(&place, options, rights, standing, &store)
            .await?;
        let most = self.room(&place, options.attributes.size, None).await?;
        let file = self.begin_file(place, start, most, options, store).await?;
        if overlaid.is_some() {
            self.given_up_for(&file).await?;
        }
        self.open_files.insert(Arc::clone(&file));
        self.insert_writing(file, options, grant)
    }

    /// Waits until what this file begins anew is given up on record. Else a client that is cut off
    /// now would be shown bytes of the older upload, and take them for his own.
    async fn given_up_for(&self, file: &OpenFile) -> Result<()> {
        let recorded = file.transfer.recorded().await;
        recorded.map_err(|error| Error::transfer(OPERATION, &file.place.path, error))
    }

    /// The place, and what may be done there: one of both rights at least.
    fn writable(&self, path: &VirtualPath) -> Result<(Place, Rights)> {
        let place = self.find_stored(OPERATION, path)?;
        let either = [Operation::Create, Operation::Overwrite];
        self.check_any(OPERATION, &place, None, &either)?;
        if place.is_fixed_directory() {
            return Err(is_directory(path));
        }
        let rights = Rights {
            create: self.may(&place, Operation::Create),
            replace: self.may(&place, Operation::Overwrite),
        };
        Ok((place, rights))
    }

    /// One more handle on a file that this session is writing already.
    fn share(&self, file: Arc<OpenFile>, options: &OpenOptions, grant: Grant) -> Result<HandleId> {
        let prepared = if options.create && options.exclusive {
            Err(exists(&file.path()))
        } else if options.truncate {
            file.truncate(0)
        } else {
            Ok(())
        };
        match prepared {
            Ok(()) => self.insert_writing(file, options, grant),
            Err(error) => {
                self.open_files.leave(&file);
                Err(error)
            }
        }
    }

    /// What an upload starts from, and what must be true when it is published.
    async fn start(
        &self,
        place: &Place,
        options: &OpenOptions,
        rights: Rights,
        standing: Option<ObjectHead>,
        store: &Arc<dyn ObjectStore>,
    ) -> Result<Start> {
        let Some(head) = standing else {
            return options.start_new(place, rights);
        };
        if options.create && options.exclusive {
            return Err(exists(&place.path));
        }
        if !rights.replace {
            self.check(OPERATION, place, Operation::Overwrite)?;
        }
        // Whether old bytes survive other writes is seen at CLOSE.
        if options.append && !options.truncate && head.size > 0 {
            self.check(OPERATION, place, Operation::Change)?;
        }
        let location = place.location(OPERATION)?;
        let kept = self
            .attributes_of(OPERATION, place, &location, &head)
            .await?;
        // Its bytes change, so its time does; its mode stays whatever OPEN says.
        let attributes = Attributes {
            mode: kept.mode,
            ..Attributes::default()
        };
        if options.truncate {
            return Ok(Start {
                base: None,
                condition: Condition::Any,
                attributes,
            });
        }
        Ok(Start {
            base: Some(Base::new(Arc::clone(store), location.key, &head)),
            condition: Condition::Unchanged { etag: head.etag },
            attributes,
        })
    }

    async fn begin_file(
        &self,
        place: Place,
        start: Start,
        most: Most,
        options: &OpenOptions,
        store: Arc<dyn ObjectStore>,
    ) -> Result<Arc<OpenFile>> {
        let intent = self.intent(&place)?;
        let placement = if options.read {
            Placement::Staged
        } else {
            Placement::Direct
        };
        let staging = self.staging(OPERATION, &place.path, store.bucket()).await?;
        let beginning = Beginning {
            staging: Some(staging),
            temporary: start.base.is_none() && self.is_temporary(&place),
            base: start.base,
            placement,
            replaces: options.truncate,
            declared: options.attributes.size,
            absent: start.condition == Condition::Absent,
            attributes: start.attributes,
        };
        let transfers = &self.shared.transfers;
        let transfer = transfers.begin(intent, beginning, store);
        let opened = self.shared.clock.now();
        let file = OpenFile::new(place, transfer, start.condition, start.attributes, opened);
        Ok(Arc::new(file.bounded(most)))
    }

    pub(crate) fn intent(&self, place: &Place) -> Result<Intent> {
        Ok(Intent {
            owner: self.user_id,
            user: self.user.clone(),
            server: self.server.clone(),
            session: self.id,
            protocol: Some(self.peer.protocol),
            address: Some(self.peer.address),
            path: place.path.clone(),
            location: place.location(OPERATION)?,
            quota: self.quota(),
        })
    }

    fn insert_writing(
        &self,
        file: Arc<OpenFile>,
        options: &OpenOptions,
        grant: Grant,
    ) -> Result<HandleId> {
        let writing = Writing {
            file: Arc::clone(&file),
            append: options.append,
        };
        let handle = match options.read {
            true => FileHandle::ReadingWriting(writing),
            false => FileHandle::Writing(writing),
        };
        let inserted = self.handles.insert(&file.path(), handle, grant);
        if inserted.is_err() && self.open_files.leave(&file) {
            self.leave_soon(file, "too many handles were open");
        }
        inserted
    }

    /// Why a file cannot be read where none stands.
    pub(crate) async fn no_such_file(
        &self,
        place: &Place,
        store: &dyn ObjectStore,
    ) -> Result<Error> {
        match self.is_directory(OPERATION, place, store).await? {
            true => Ok(is_directory(&place.path)),
            false => Ok(not_found(OPERATION, &place.path)),
        }
    }
}

/// What a user may do with files in a place.
#[derive(Debug, Clone, Copy)]
struct Rights {
    create: bool,
    replace: bool,
}

impl Rights {
    /// What a handle with these rights was granted.
    fn operation(self) -> Operation {
        match self.create {
            true => Operation::Create,
            false => Operation::Overwrite,
        }
    }
}

/// How an upload starts.
struct Start {
    base: Option<Base>,
    condition: Condition,
    attributes: Attributes,
}

impl OpenOptions {
    /// Whether what stands at the path makes a difference before CLOSE. Where the file may not be
    /// replaced, the publication's condition sees to that.
    fn needs_look(&self, rights: Rights) -> bool {
        self.exclusive || !self.create || !self.truncate || !rights.create
    }

    fn start_new(&self, place: &Place, rights: Rights) -> Result<Start> {
        if !self.create {
            return Err(not_found(OPERATION, &place.path));
        }
        if !rights.create {
            return Err(Error::new(
                ErrorKind::Denied,
                format!(
                    "open {}: you have no permission to create files here",
                    place.path
                ),
            ));
        }
        let condition = if self.exclusive || !rights.replace {
            Condition::Absent
        } else {
            Condition::Any
        };
        Ok(Start {
            base: None,
            condition,
            attributes: created_with(&self.attributes),
        })
    }
}

/// Some clients send PERM without a bit set where they have nothing to say.
fn created_with(changes: &AttributeChanges) -> Attributes {
    let set = Attributes::from(changes);
    Attributes {
        mode: set.mode.filter(|mode| *mode != 0),
        ..set
    }
}

pub(crate) fn is_directory(path: &VirtualPath) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!("open {path}: it is a directory"),
    )
}

fn exists(path: &VirtualPath) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!("open {path}: it exists already"),
    )
}
