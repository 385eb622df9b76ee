//! Renames: on record before the first copy, and finished forward whatever happens then.

mod claims;
mod directory;
mod facts;
mod file;
mod finish;
mod running;

use std::net::IpAddr;
use std::sync::Arc;

use database::{MoveKind, MovedObject, NewMove};
use futures::FutureExt;
use futures::future::BoxFuture;
use model::{
    ErrorKind, Location, Protocol, ServerId, SessionId, TransferId, UserId, UserName, VirtualPath,
};
use storage::ObjectStore;
use tokio::task::JoinHandle;

use crate::transfers::Core;
use crate::{Attributes, Error, Original, Result, Transfers, Unclaimed};
pub use claims::MoveClaims;
use directory::DirectoryMove;
use file::FileMove;
pub use finish::ResumedMoves;
pub(crate) use running::Running;

const OPERATION: &str = "rename";

/// Who renames what.
#[derive(Debug, Clone)]
pub struct MoveRequest {
    /// Whose; the id outlives the name.
    pub owner: UserId,
    /// His name now.
    pub user: UserName,
    /// At which server.
    pub server: ServerId,
    /// In which session.
    pub session: SessionId,
    /// Through which protocol.
    pub protocol: Protocol,
    /// From which address.
    pub address: IpAddr,
    /// From where; for a directory its marker.
    pub from: Location,
    /// The old path as he sees it.
    pub from_path: VirtualPath,
    /// To where; for a directory its marker.
    pub to: Location,
    /// The new path as he sees it.
    pub to_path: VirtualPath,
    /// Whether an object at the new key is replaced.
    pub overwrite: bool,
}

/// A rename that goes on whether anybody waits for it or not.
#[derive(Debug)]
pub struct Moving {
    id: TransferId,
    path: VirtualPath,
    task: JoinHandle<Result<()>>,
}

impl Moving {
    /// Its id; stands in the new object's metadata.
    pub fn id(&self) -> TransferId {
        self.id
    }

    /// Waits for its end. May be given up: the rename goes on.
    ///
    /// # Errors
    /// Why it failed for good: the old name is back then. With [`Error::outcome_unknown`] it has
    /// not ended: it stays on record, and is taken up again.
    pub async fn finished(&mut self) -> Result<()> {
        (&mut self.task).await.unwrap_or_else(|ended| {
            let reason = "it broke off, and is finished later";
            let error = Error::new(ErrorKind::Internal, OPERATION, &self.path, reason);
            Err(error.caused_by(ended).with_unknown_outcome())
        })
    }
}

impl Transfers {
    /// Waits for the right to change both keys. Nothing is on record while it waits.
    ///
    /// # Errors
    /// See [`Unclaimed`].
    pub async fn claim_move(
        &self,
        from: &Location,
        to: &Location,
    ) -> Result<MoveClaims, Unclaimed> {
        MoveClaims::of(self, from, to).await
    }

    /// Moves an object to another key, another bucket of the same connection perhaps: it is on
    /// record when this returns, and ends even if the process does.
    ///
    /// # Errors
    /// What the database fails with; nothing is begun then.
    pub async fn move_file(
        &self,
        request: MoveRequest,
        original: Original,
        kept: Attributes,
        target: Arc<dyn ObjectStore>,
        claims: MoveClaims,
    ) -> Result<Moving> {
        let path = request.from_path.clone();
        let mut begun = self.core().begun(request, MoveKind::File);
        begun.object = Some(MovedObject {
            etag: original.head.etag.clone(),
            version: original.head.version.clone(),
            size: original.head.size,
            last_modified: original.head.last_modified,
        });
        (begun.mtime, begun.atime, begun.mode) = (kept.mtime, kept.atime, kept.mode);
        let file = FileMove::new(Arc::clone(self.core()), begun.clone(), original, target);
        let file = file.with(&claims);
        let work = async move { claims.during(file.run()).await }.boxed();
        self.start(begun, path, work).await
    }

    /// Moves everything below a directory, object by object. `kept` is what was set of the
    /// directory itself. Otherwise as [`Self::move_file`].
    ///
    /// # Errors
    /// What the database fails with; nothing is begun then.
    pub async fn move_directory(
        &self,
        request: MoveRequest,
        kept: Attributes,
        source: Arc<dyn ObjectStore>,
        target: Arc<dyn ObjectStore>,
        claims: MoveClaims,
    ) -> Result<Moving> {
        let path = request.from_path.clone();
        let mut begun = self.core().begun(request, MoveKind::Directory);
        (begun.mtime, begun.atime, begun.mode) = (kept.mtime, kept.atime, kept.mode);
        let directory = DirectoryMove {
            transfers: self.clone(),
            begun: begun.clone(),
            source,
            target,
            publications: claims.publications(),
            is_resumed: false,
        };
        let work = async move { claims.during(directory.run()).await }.boxed();
        self.start(begun, path, work).await
    }

    /// Whether this process is at a move now; then it waits for the end of it.
    pub async fn wait_for_move(&self, id: TransferId) -> bool {
        self.core().moves.wait(id).await
    }

    async fn start(
        &self,
        begun: NewMove,
        path: VirtualPath,
        work: BoxFuture<'static, Result<()>>,
    ) -> Result<Moving> {
        let id = begun.id;
        let core = self.core();
        // Entered before its row can be seen, so that nobody here takes it for left behind.
        let running = core.moves.enter(id);
        let writer = core.database.writer();
        writer.begin_move(begun).await.map_err(|error| {
            let reason = "the database does not take it";
            Error::new(error.kind(), OPERATION, &path, reason).caused_by(error)
        })?;
        let task = core.tasks.spawn(async move {
            let _running = running;
            work.await
        });
        Ok(Moving { id, path, task })
    }
}

/// Why a key could not be claimed for a rename.
fn unclaimed(path: &VirtualPath, error: Unclaimed) -> Error {
    Error::new(error.kind(), OPERATION, path, error.reason()).caused_by(error)
}

impl Core {
    fn begun(&self, request: MoveRequest, kind: MoveKind) -> NewMove {
        NewMove {
            id: TransferId::generate(),
            parent: None,
            kind,
            owner: request.owner,
            user: request.user,
            server: request.server,
            session: request.session,
            protocol: request.protocol,
            address: request.address,
            node: self.settings.node,
            from: request.from,
            from_path: request.from_path.to_string(),
            to: request.to,
            to_path: request.to_path.to_string(),
            overwrite: request.overwrite,
            object: None,
            mtime: None,
            atime: None,
            mode: None,
            started: self.clock.now(),
        }
    }
}
