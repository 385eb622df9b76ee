//! Directories: a marker at the target, with time and mode, so that they stand when they are empty.

use database::{
    Attributes as AttributesRow, AuditEntry, ImportEntry, ImportState, ObjectRemoval, Outcome,
};
use model::{ErrorKind, Event, EventKind, Location, ObjectKey};
use storage::{Body, PutOptions};

use super::copy::{Trouble, importer};
use super::import::Shared;
use super::item::Item;
use super::place::path_of;

impl Shared {
    /// Makes a directory, unless it is there as it is at the source.
    pub(crate) async fn settle_directory(
        &self,
        item: &Item,
        old: Option<&ImportEntry>,
        new: ImportEntry,
    ) -> Result<ImportEntry, Trouble> {
        let location = new.target.clone().ok_or(Trouble::Stopped)?;
        let pass = self.job.row.pass;
        let done = old.filter(|old| {
            let is_as = (old.mtime, old.mode) == (new.mtime, new.mode);
            old.state == ImportState::Moved && is_as && old.target == new.target
        });
        if let Some(old) = done {
            return Ok(ImportEntry {
                seen: pass,
                ..old.clone()
            });
        }
        let brought = old.is_some_and(|old| old.etag.is_some());
        let stood = !brought && self.marker_stands(&location).await?;
        if !stood && !brought {
            self.check_no_file(&location).await?;
        }
        if stood {
            // Somebody made it here: it is his, with what he set of it.
            let state = ImportState::Same;
            return Ok(ImportEntry { state, ..new });
        }
        if !self.job.is_rehearsal() {
            self.make(&location, item).await?;
        }
        Ok(ImportEntry {
            state: ImportState::Moved,
            etag: Some(String::new()),
            changed: pass,
            ..new
        })
    }

    async fn marker_stands(&self, location: &Location) -> Result<bool, Trouble> {
        match self.parts.store.head(&location.key).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Trouble::store(&error)),
        }
    }

    /// Where a file has the directory's name, nobody would see what is in it.
    async fn check_no_file(&self, location: &Location) -> Result<(), Trouble> {
        let name = location.key.as_str().trim_end_matches('/');
        let Ok(key) = ObjectKey::parse(name) else {
            return Ok(());
        };
        match self.parts.store.head(&key).await {
            Ok(_) => Err(Trouble::Kept(
                "a file of its name stands at its target".to_owned(),
            )),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Trouble::store(&error)),
        }
    }

    async fn make(&self, location: &Location, item: &Item) -> Result<(), Trouble> {
        let options = PutOptions {
            content_type: Some("application/x-directory".to_owned()),
            ..PutOptions::default()
        };
        let store = &self.parts.store;
        // An empty object over an empty object changes nothing, so a lost answer is no matter.
        let mut put = store.put(&location.key, Body::default(), &options).await;
        if put.as_ref().is_err_and(storage::Error::outcome_unknown) {
            put = store.put(&location.key, Body::default(), &options).await;
        }
        put.map_err(|error| Trouble::store(&error))?;
        let row = AttributesRow {
            mtime: Some(item.mtime),
            mode: item.mode,
            ..AttributesRow::new(location.clone(), "")
        };
        self.tell(location, ("mkdir", EventKind::Mkdir), Some(row), None)
            .await
    }

    /// Commits that a marker was made, or that something was removed.
    pub(crate) async fn tell(
        &self,
        location: &Location,
        (action, kind): (&str, EventKind),
        attributes: Option<AttributesRow>,
        publication: Option<database::Publication>,
    ) -> Result<(), Trouble> {
        let (now, path) = (self.parts.clock.now(), path_of(location).to_string());
        let event = Event {
            user: Some(importer()),
            session: Some(self.session),
            path: Some(path.clone()),
            bucket: Some(location.bucket.to_string()),
            key: Some(location.key.to_string()),
            ..Event::new(kind, now, self.parts.server.clone())
        };
        let change = ObjectRemoval {
            location: location.clone(),
            attributes,
            publication,
            audit: AuditEntry {
                server: Some(self.parts.server.clone()),
                user: Some(importer().to_string()),
                session: Some(self.session),
                path: Some(path),
                ..AuditEntry::new(action, Outcome::Success, now)
            },
            event: self.parts.settings.events.then_some(event),
        };
        let committed = self.parts.database.writer().remove_object(change).await;
        committed
            .map(drop)
            .map_err(|error| Trouble::database(&error))
    }
}
