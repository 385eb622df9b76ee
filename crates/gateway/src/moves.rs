//! What an owner sees of his renames in progress: the new name, and the old one no more. On every
//! node, and for him alone.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use database::{Move, MoveKind};
use model::{ErrorKind, Location, VirtualPath};
use storage::{Download, DownloadSettings, ObjectHead};
use tokio::time::Instant;
use transfer::Attributes;

use crate::place::Place;
use crate::reading::Continuation;
use crate::{Error, FileAttributes, Result, Session};

/// The pause between two looks at a rename that another node is at.
const PAUSE: Duration = Duration::from_millis(100);

/// The renames of files that a user has in progress.
#[derive(Debug)]
pub(crate) struct Moves(Vec<Move>);

/// What a directory has besides, and has no more.
#[derive(Debug, Default)]
pub(crate) struct MovedNames {
    /// Files by their new names.
    pub(crate) here: BTreeMap<String, FileAttributes>,
    /// Directories that a file goes into.
    pub(crate) directories: HashSet<String>,
    /// Files by their old names.
    pub(crate) away: HashSet<String>,
}

impl Moves {
    /// The file that has this key as its new one.
    pub(crate) fn here(&self, location: &Location) -> Option<&Move> {
        self.0.iter().find(|found| found.begun.to == *location)
    }

    /// Whether a file has this key as its old one, and no other one comes here.
    pub(crate) fn is_away(&self, location: &Location) -> bool {
        self.0.iter().any(|found| found.begun.from == *location) && self.here(location).is_none()
    }

    /// Whether a file goes below this place, so that it is a directory.
    pub(crate) fn any_below(&self, place: &Place) -> bool {
        let prefix = place.prefix();
        let below = |to: &Location| {
            to.bucket == *place.bucket() && to.key.as_str().starts_with(prefix.as_str())
        };
        self.0.iter().any(|found| below(&found.begun.to))
    }
}

impl Session {
    /// The user's renames in progress: one query.
    pub(crate) async fn moves(&self, operation: &str, path: &VirtualPath) -> Result<Moves> {
        let moves = self.shared.database.moves();
        let moves = Box::pin(moves.in_progress_of(self.user_id)).await;
        let mut moves = moves.map_err(|error| Error::database(operation, path, error))?;
        // The files of a directory that is renamed have moves of their own while they need them.
        moves.retain(|found| found.begun.kind == MoveKind::File);
        Ok(Moves(moves))
    }

    /// Waits until no rename in progress has to do with a place, since what stands there is not
    /// to be changed before.
    pub(crate) async fn await_renames(
        &self,
        operation: &str,
        place: &Place,
        deadline: Instant,
    ) -> Result<()> {
        let Ok(location) = place.location(operation) else {
            return Ok(());
        };
        let touches = |found: &Move| found.begun.from == location || found.begun.to == location;
        self.await_renames_of(operation, &place.path, deadline, touches)
            .await
    }

    /// The same for the renames that `touches` tells of.
    pub(crate) async fn await_renames_of(
        &self,
        operation: &str,
        path: &VirtualPath,
        deadline: Instant,
        touches: impl Fn(&Move) -> bool,
    ) -> Result<()> {
        loop {
            let moves = self.moves(operation, path).await?;
            let Some(found) = moves.0.iter().find(|found| touches(found)) else {
                return Ok(());
            };
            let id = found.begun.id;
            let ended = async {
                if !self.shared.transfers.wait_for_move(id).await {
                    tokio::time::sleep(PAUSE).await;
                }
            };
            if tokio::time::timeout_at(deadline, ended).await.is_err() {
                let text = format!(
                    "{operation} {path}: its rename is still in progress; try again when it is done"
                );
                return Err(Error::new(ErrorKind::Conflict, text));
            }
        }
    }

    /// How long a verb waits for renames from now on.
    pub(crate) fn rename_deadline(&self) -> Instant {
        Instant::now() + self.shared.settings.rename_wait
    }

    /// A file under its new name.
    pub(crate) fn moved(&self, found: &Move) -> Option<FileAttributes> {
        let begun = &found.begun;
        let object = begun.object.as_ref()?;
        let set = Attributes {
            mtime: begun.mtime,
            atime: begun.atime,
            mode: begun.mode,
        };
        Some(self.file(object.size, object.last_modified, set))
    }

    /// What a directory has besides, and has no more.
    pub(crate) fn moved_in(&self, place: &Place, moves: &Moves) -> MovedNames {
        let prefix = place.prefix();
        let name = |location: &Location| {
            let rest = location.key.as_str().strip_prefix(prefix.as_str())?;
            (location.bucket == *place.bucket() && !rest.is_empty()).then(|| rest.to_owned())
        };
        let mut names = MovedNames::default();
        for found in &moves.0 {
            if let Some(rest) = name(&found.begun.to) {
                match (rest.split_once('/'), self.moved(found)) {
                    (Some((directory, _)), _) => {
                        names.directories.insert(directory.to_owned());
                    }
                    (None, Some(attributes)) => {
                        names.here.insert(rest, attributes);
                    }
                    (None, None) => {}
                }
            }
            names
                .away
                .extend(name(&found.begun.from).filter(|rest| !rest.contains('/')));
        }
        names
    }

    /// Opens a file under its new name: it is read where it stood, and where it stands once it
    /// is there alone. None where the rename has ended meanwhile.
    pub(crate) async fn open_moved(
        &self,
        operation: &str,
        place: &Place,
        found: &Move,
        settings: DownloadSettings,
    ) -> Result<Option<(Download, Continuation)>> {
        let begun = &found.begun;
        let from = self
            .store(operation, &place.path, &begun.from.bucket)
            .await?;
        let head = match from.head(&begun.from.key).await {
            Ok(head) => head,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::store(operation, &place.path, error)),
        };
        if !is_original(found, &head) {
            return Ok(None);
        }
        let (key, to) = (begun.from.key.clone(), begun.to.key.clone());
        let target = self.store(operation, &place.path, place.bucket()).await?;
        let download = Download::open(Arc::clone(&from), key, Some(head), settings.clone()).await;
        let download = download.map_err(|error| Error::store(operation, &place.path, error))?;
        let continuation = Continuation::new(target, to, begun.id, settings);
        Ok(Some((download, continuation)))
    }
}

fn is_original(found: &Move, head: &ObjectHead) -> bool {
    let object = found.begun.object.as_ref();
    object.is_some_and(|object| object.etag == head.etag && object.version == head.version)
}
