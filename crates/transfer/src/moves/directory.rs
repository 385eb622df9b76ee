//! The move of a directory: its objects one by one, each whole under one of both names, the
//! listing read as it goes.

use std::sync::Arc;

use database::{MoveEnd, MoveKind, MoveOutcome, MovedObject, NewMove, Publication};
use futures::{FutureExt, StreamExt};
use model::{ErrorKind, Location, ObjectKey, TransferId};
use storage::{Entry, ListRequest, ObjectStore, ObjectStoreExt};

use super::claims::MoveClaims;
use super::file::{FileMove, path_of};
use super::{OPERATION, facts, unclaimed};
use crate::copy::is_copied_by_ranges;
use crate::transfers::Core;
use crate::{Error, Original, Result, Transfers, metrics, proof};

/// How often the old name is looked below. Who goes on writing there makes a directory of its own.
const PASSES: usize = 3;

/// A directory on its way to another name. Whoever runs it holds the claims of both markers.
pub(super) struct DirectoryMove {
    pub(super) transfers: Transfers,
    pub(super) begun: NewMove,
    pub(super) source: Arc<dyn ObjectStore>,
    pub(super) target: Arc<dyn ObjectStore>,
    /// Copies of an earlier run may stand in the new directory.
    pub(super) is_resumed: bool,
    /// The rights to both markers, to be given back with the commit.
    pub(super) publications: Vec<Publication>,
}

/// What came of one listing.
#[derive(Default)]
struct Pass {
    moved: u64,
    failed: u64,
    first_error: Option<Error>,
}

impl DirectoryMove {
    pub(super) async fn run(self) -> Result<()> {
        let mut moved = 0;
        for _ in 0..PASSES {
            let pass = self.pass().await;
            moved += pass.moved;
            match pass.first_error {
                Some(error) => return self.fail(error, pass.failed, moved).await,
                // What was written under the old name meanwhile goes along.
                None if pass.moved > 0 => {}
                None => break,
            }
        }
        self.succeed(moved).await
    }

    /// Moves everything that stands below the old name now.
    async fn pass(&self) -> Pass {
        let request = ListRequest {
            prefix: self.begun.from.key.to_string(),
            ..ListRequest::default()
        };
        let at_once = self.core().settings.parallel_moves.max(1);
        let entries = self.source.entries(request);
        let mut outcomes = entries
            .map(|entry| self.move_entry(entry).boxed())
            .buffer_unordered(at_once);
        let mut pass = Pass::default();
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Ok(true) => pass.moved += 1,
                Ok(false) => {}
                Err(error) => {
                    pass.failed += 1;
                    pass.first_error.get_or_insert(error);
                }
            }
        }
        pass
    }

    /// False where nothing stands there any more.
    async fn move_entry(&self, entry: storage::Result<Entry>) -> Result<bool> {
        match entry {
            Ok(Entry::Object { key, .. }) => self.move_one(key).await,
            Ok(Entry::CommonPrefix(_)) => Ok(false),
            Err(error) => Err(Error::store(OPERATION, &path_of(&self.begun), error)),
        }
    }

    async fn move_one(&self, key: String) -> Result<bool> {
        let child = self.child(&key)?;
        // The markers of the directory itself are claimed already.
        if child.from == self.begun.from {
            let Some(file) = self.prepare(child).await? else {
                return Ok(false);
            };
            return file.run().await.map(|()| true);
        }
        let claims = MoveClaims::of(&self.transfers, &child.from, &child.to).await;
        let claims = claims.map_err(|error| unclaimed(&path_of(&self.begun), error))?;
        let Some(file) = self.prepare(child).await? else {
            return Ok(false);
        };
        let file = file.with(&claims);
        claims.during(file.run()).await.map(|()| true)
    }

    /// The move of an object as it stands now; none where none does.
    async fn prepare(&self, child: NewMove) -> Result<Option<FileMove>> {
        let path = path_of(&self.begun);
        let failed = |error| Error::store(OPERATION, &path, error);
        let head = match self.source.head(&child.from.key).await {
            Ok(head) => head,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let kept = self.core().attributes_of(&child.from, &head).await;
        let kept = kept.map_err(|error| {
            let reason = "the database does not tell what was set of a file below it";
            Error::new(error.kind(), OPERATION, &path, reason).caused_by(error)
        })?;
        let mut child = NewMove {
            object: Some(MovedObject {
                etag: head.etag.clone(),
                version: head.version.clone(),
                size: head.size,
                last_modified: head.last_modified,
            }),
            mtime: kept.mtime,
            atime: kept.atime,
            mode: kept.mode,
            ..child
        };
        // A copy that an earlier run of this rename made may be of another state: it is made anew.
        child.overwrite = self.is_resumed
            && proof::look(&self.target, &child.to.key, self.begun.id)
                .await
                .is_some();
        let is_large = is_copied_by_ranges(head.size, &self.target, &self.core().settings);
        let original = Original {
            store: Arc::clone(&self.source),
            key: child.from.key.clone(),
            head,
        };
        let core = Arc::clone(self.core());
        if !is_large {
            let file = FileMove::new(core, child, original, Arc::clone(&self.target));
            return Ok(Some(file.without_row()));
        }
        // Its copy takes long enough to be gone on with after a crash.
        child.id = TransferId::generate();
        let running = core.moves.enter(child.id);
        let begun = core.database.writer().begin_move(child.clone()).await;
        begun.map_err(|error| {
            let reason = "the database does not take it";
            Error::new(error.kind(), OPERATION, &path, reason).caused_by(error)
        })?;
        let file = FileMove::new(core, child, original, Arc::clone(&self.target));
        Ok(Some(file.entered(running)))
    }

    /// The move of one object below, so far without what is known of it.
    fn child(&self, key: &str) -> Result<NewMove> {
        let begun = &self.begun;
        let rest = key
            .strip_prefix(begun.from.key.as_str())
            .unwrap_or_default();
        let place = |directory: &Location, key: String| {
            let key = ObjectKey::parse(key).map_err(|error| {
                let path = path_of(begun);
                Error::new(ErrorKind::Invalid, OPERATION, &path, error.to_string())
            })?;
            let bucket = directory.bucket.clone();
            Ok(Location { bucket, key })
        };
        Ok(NewMove {
            parent: Some(begun.id),
            kind: MoveKind::File,
            from: place(&begun.from, key.to_owned())?,
            from_path: format!("{}/{rest}", begun.from_path),
            to: place(&begun.to, format!("{}{rest}", begun.to.key))?,
            to_path: format!("{}/{rest}", begun.to_path),
            overwrite: false,
            ..begun.clone()
        })
    }

    async fn succeed(&self, objects: u64) -> Result<()> {
        let now = self.core().clock.now();
        let rename = facts::renamed(&self.begun, None, None, &self.publications, now);
        self.end(MoveOutcome::Moved(Box::new(rename))).await?;
        metrics::rename_ended("moved");
        tracing::info!(session = %self.begun.session, user = %self.begun.user, from = %self.begun.from_path, to = %self.begun.to_path, objects, "directory renamed");
        Ok(())
    }

    /// What could be moved stands under the new name, and the rest under the old one.
    async fn fail(&self, first: Error, left: u64, moved: u64) -> Result<()> {
        if first.outcome_unknown() {
            return Err(first);
        }
        let mut reason = first.reason().to_owned();
        if moved > 0 {
            reason = format!(
                "{moved} files below it have their new names, {left} could not be moved and keep their old ones: {reason}"
            );
        }
        metrics::rename_ended("failed");
        let error = Error::new(first.kind(), OPERATION, &path_of(&self.begun), reason);
        tracing::warn!(id = %self.begun.id, to = %self.begun.to_path, %error, "rename of a directory failed");
        let now = self.core().clock.now();
        let end = facts::failed(&self.begun, error.reason(), &self.publications, now);
        self.end(end.outcome).await?;
        Err(error.caused_by(first))
    }

    fn core(&self) -> &Arc<Core> {
        self.transfers.core()
    }

    async fn end(&self, outcome: MoveOutcome) -> Result<()> {
        let end = MoveEnd {
            id: self.begun.id,
            finished: self.core().clock.now(),
            outcome,
        };
        let ended = self.core().database.writer().end_move(end).await;
        ended.map(drop).map_err(|error| {
            let reason = "it is done, and could not be recorded yet";
            Error::new(error.kind(), OPERATION, &path_of(&self.begun), reason)
                .caused_by(error)
                .with_unknown_outcome()
        })
    }
}
