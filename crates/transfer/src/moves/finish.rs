//! Moves that were left on record: by nodes that died, or because their outcome was not known.

use std::sync::Arc;

use database::{Move, MoveKind, Publication};
use futures::FutureExt;
use model::{ErrorKind, TransferId};
use storage::{ObjectHead, Stores};

use super::claims::MoveClaims;
use super::directory::DirectoryMove;
use super::file::{FileMove, path_of};
use super::running::Guard;
use super::{OPERATION, unclaimed};
use crate::{Original, Result, Transfers};

/// Rows looked at in one query.
const PAGE: u32 = 100;

/// What was found on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResumedMoves {
    /// Renames that go on in this process now.
    pub resumed: usize,
    /// Those left as they are, since their store did not answer; the log says why.
    pub left: usize,
}

impl Transfers {
    /// Takes up the renames that nobody is at: those of dead nodes, and those that this node left
    /// on record. They go on after this returns, as those that clients ask for do.
    ///
    /// # Errors
    /// What the database fails with.
    pub async fn finish_moves(&self, stores: &Stores) -> Result<ResumedMoves, database::Error> {
        let core = self.core();
        let mut found = ResumedMoves::default();
        let mut after: Option<TransferId> = None;
        loop {
            let (own, now) = (core.settings.node, core.clock.now());
            let rows = core.database.moves();
            let rows = rows.unattended(own, now, after, PAGE).await?;
            let Some(last) = rows.last() else {
                return Ok(found);
            };
            after = Some(last.begun.id);
            for row in rows {
                match self.take_up(row, stores).await {
                    Ok(true) => found.resumed += 1,
                    Ok(false) => {}
                    Err(error) => {
                        tracing::warn!(%error, "cannot take up a rename that was left");
                        found.left += 1;
                    }
                }
            }
        }
    }

    /// False where somebody is at it already.
    async fn take_up(
        &self,
        row: Move,
        stores: &Stores,
    ) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
        let core = self.core();
        let id = row.begun.id;
        if core.moves.contains(id) {
            return Ok(false);
        }
        let running = core.moves.enter(id);
        let (from, own) = (row.begun.node, core.settings.node);
        if from != own && !core.database.writer().adopt_move(id, from, own).await? {
            return Ok(false);
        }
        let source = stores.bucket(&row.begun.from.bucket).await?;
        let target = stores.bucket(&row.begun.to.bucket).await?;
        tracing::info!(%id, from = %row.begun.from_path, to = %row.begun.to_path, "a rename that was left goes on");
        let left = Left {
            transfers: self.clone(),
            source,
            target,
            row,
            _running: running,
        };
        core.tasks.spawn(left.finish().boxed());
        Ok(true)
    }
}

/// A move that goes on in this process.
struct Left {
    transfers: Transfers,
    row: Move,
    source: Arc<dyn storage::ObjectStore>,
    target: Arc<dyn storage::ObjectStore>,
    _running: Guard,
}

impl Left {
    async fn finish(self) {
        let begun = &self.row.begun;
        if let Err(error) = self.claim_and_finish().await {
            tracing::warn!(id = %begun.id, %error, "a rename that was left did not succeed");
        }
    }

    async fn claim_and_finish(&self) -> Result<()> {
        let begun = &self.row.begun;
        let claims = MoveClaims::of(&self.transfers, &begun.from, &begun.to).await;
        let claims = claims.map_err(|error| unclaimed(&path_of(begun), error))?;
        match begun.kind {
            MoveKind::File => {
                let publications = claims.publications();
                claims
                    .during(Box::pin(self.finish_file(publications)))
                    .await
            }
            MoveKind::Directory => {
                let directory = DirectoryMove {
                    transfers: self.transfers.clone(),
                    begun: begun.clone(),
                    source: Arc::clone(&self.source),
                    target: Arc::clone(&self.target),
                    publications: claims.publications(),
                    is_resumed: true,
                };
                claims.during(directory.run().boxed()).await
            }
        }
    }

    async fn finish_file(&self, publications: Vec<Publication>) -> Result<()> {
        let begun = self.row.begun.clone();
        let standing = match self.source.head(&begun.from.key).await {
            Ok(head) => Some(head),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                let failed = crate::Error::store(OPERATION, &path_of(&begun), error);
                return Err(failed.with_unknown_outcome());
            }
        };
        let is_it = standing.as_ref().is_some_and(|head| self.began_with(head));
        let original = Original {
            store: Arc::clone(&self.source),
            key: begun.from.key.clone(),
            head: standing.unwrap_or_else(|| nothing(&self.row)),
        };
        let core = Arc::clone(self.transfers.core());
        let file = FileMove::new(core, begun, original, Arc::clone(&self.target));
        let file = file.resumed(self.row.upload_id.clone(), publications);
        match is_it {
            true => file.run().await,
            false => file.finish_without_source().await,
        }
    }

    /// Whether this is the state that the move began with, and no later one of equal bytes.
    fn began_with(&self, head: &ObjectHead) -> bool {
        let object = self.row.begun.object.as_ref();
        object.is_some_and(|object| {
            object.etag == head.etag
                && object.version == head.version
                && object.last_modified.as_seconds() == head.last_modified.as_seconds()
        })
    }
}

/// Stands for an original that is gone.
fn nothing(row: &Move) -> ObjectHead {
    ObjectHead {
        size: 0,
        etag: String::new(),
        version: None,
        last_modified: row.begun.started,
        metadata: storage::Metadata::new(),
        content_type: None,
    }
}
