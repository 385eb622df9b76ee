//! The writes of private files: how they are left, continued, renamed and given up.

use model::{Event, Timestamp, TransferId};

use super::write::{Write, Written};
use super::{Writer, confused};
use crate::engine::Transaction;
use crate::{
    AuditEntry, Detachment, NewTransfer, PrivateId, PrivateMove, PrivateRemoval, PrivateTree,
    Result, SetAttributes, Staging, Takeover, Target, audit, events, private_changes, private_tree,
    unattended,
};

/// One of them.
#[derive(Debug)]
pub(crate) enum PrivateWrite {
    TakeOver(Takeover),
    Detach(Box<Detachment>),
    Stage(Staging),
    Adopt(Box<(NewTransfer, Staging)>),
    Set(PrivateId, SetAttributes, Option<AuditEntry>),
    Move(PrivateMove),
    MoveTree(Box<(PrivateTree, AuditEntry)>),
    Promise(Takeover, Target),
    Discard(PrivateRemoval),
    Expire(Box<(PrivateId, Timestamp, AuditEntry, Event)>),
    Cleaned(TransferId),
    Progress(PrivateId, String, Option<String>, Timestamp),
}

impl Writer {
    /// Goes on with a private file, whose epoch is one more afterwards.
    ///
    /// # Errors
    /// `Conflict` where another session was first.
    pub async fn take_over(&self, takeover: Takeover) -> Result<()> {
        self.private(PrivateWrite::TakeOver(takeover)).await
    }

    /// Records what an upload has begun in the store (`progress`, as the storage engine writes it
    /// down, and the id of its multipart upload at the key), before it sends anything there.
    ///
    /// # Errors
    /// `Conflict` where another session goes on with it, or it has ended.
    pub async fn note_progress(
        &self,
        file: PrivateId,
        progress: String,
        upload: Option<String>,
        now: Timestamp,
    ) -> Result<()> {
        self.private(PrivateWrite::Progress(file, progress, upload, now))
            .await
    }

    /// Leaves an upload unfinished.
    ///
    /// # Errors
    /// `Conflict` where another session goes on with it, or it has ended.
    pub async fn detach(&self, left: Detachment) -> Result<()> {
        self.private(PrivateWrite::Detach(Box::new(left))).await
    }

    /// Notes that a temporary file was closed and stands whole in staging.
    ///
    /// # Errors
    /// `Conflict` where another session goes on with it, or it has ended.
    pub async fn stage(&self, staged: Staging) -> Result<()> {
        self.private(PrivateWrite::Stage(staged)).await
    }

    /// Gives a temporary file that stands whole in staging the row that it has lost, in the epoch
    /// that its key names. Other private files of its owner at its place are given up.
    ///
    /// # Errors
    /// `Conflict` where it has a row, and is not staged by that.
    pub async fn adopt(&self, new: NewTransfer, staged: Staging) -> Result<()> {
        self.private(PrivateWrite::Adopt(Box::new((new, staged))))
            .await
    }

    /// Keeps what a client set of a private file.
    ///
    /// # Errors
    /// `Conflict` where another session goes on with it, or it has ended.
    pub async fn set_private(
        &self,
        file: PrivateId,
        set: SetAttributes,
        audit: Option<AuditEntry>,
    ) -> Result<()> {
        self.private(PrivateWrite::Set(file, set, audit)).await
    }

    /// Gives a private file another name under which it stays private.
    ///
    /// # Errors
    /// `Conflict` where another session goes on with it, or it has ended.
    pub async fn move_private(&self, moved: PrivateMove) -> Result<()> {
        self.private(PrivateWrite::Move(moved)).await
    }

    /// Gives the private files below a directory that nobody else sees another place, all of them
    /// or none. Returns how many there were.
    ///
    /// # Errors
    /// `Conflict` where one of them cannot go along: see
    /// [`PrivateFile::is_movable_to`](crate::PrivateFile::is_movable_to).
    pub async fn move_private_tree(&self, tree: PrivateTree, audit: AuditEntry) -> Result<u64> {
        let object = tree.from.to_string();
        let write = PrivateWrite::MoveTree(Box::new((tree, audit)));
        match self.submit_private(write).await? {
            Written::Count(count) => Ok(count),
            _ => Err(confused("rename", object)),
        }
    }

    /// Notes the final name that a closed temporary file is being given, before its object is
    /// copied there; its epoch is one more afterwards. The commit, or [`Self::detach`] without
    /// progress, ends that.
    ///
    /// # Errors
    /// `Conflict` where another session was first.
    pub async fn promise(&self, takeover: Takeover, target: Target) -> Result<()> {
        self.private(PrivateWrite::Promise(takeover, target)).await
    }

    /// Gives up all private files of an owner at a place. Returns how many there were.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn discard_private(&self, removal: PrivateRemoval) -> Result<u64> {
        let object = removal.location.to_string();
        match self.submit_private(PrivateWrite::Discard(removal)).await? {
            Written::Count(count) => Ok(count),
            _ => Err(confused("give up private files at", object)),
        }
    }

    /// Notes that an unfinished upload was not continued in time, with its event.
    ///
    /// # Errors
    /// `Conflict` where a session goes on with it.
    pub async fn expire(
        &self,
        file: PrivateId,
        now: Timestamp,
        audit: AuditEntry,
        event: Event,
    ) -> Result<()> {
        let expired = Box::new((file, now, audit, event));
        self.private(PrivateWrite::Expire(expired)).await
    }

    /// Notes that the store holds nothing more of a transfer that has ended.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn cleaned(&self, transfer: TransferId) -> Result<()> {
        self.private(PrivateWrite::Cleaned(transfer)).await
    }

    async fn private(&self, write: PrivateWrite) -> Result<()> {
        self.submit_private(write).await.map(drop)
    }

    async fn submit_private(&self, write: PrivateWrite) -> Result<Written> {
        self.submit(Write::Private(Box::new(write))).await
    }
}

impl PrivateWrite {
    /// What it is about, for errors.
    pub(crate) fn object(&self) -> String {
        match self {
            Self::TakeOver(takeover) | Self::Promise(takeover, _) => {
                takeover.file.transfer.to_string()
            }
            Self::Detach(left) => left.file.transfer.to_string(),
            Self::Stage(staged) => staged.file.transfer.to_string(),
            Self::Adopt(adopted) => adopted.0.path.clone(),
            Self::Set(file, ..) | Self::Progress(file, ..) => file.transfer.to_string(),
            Self::Expire(expired) => expired.0.transfer.to_string(),
            Self::Move(moved) => moved.path.clone(),
            Self::MoveTree(moved) => moved.0.from.to_string(),
            Self::Discard(removal) => removal.location.to_string(),
            Self::Cleaned(transfer) => transfer.to_string(),
        }
    }

    pub(crate) async fn apply(&self, transaction: &mut Transaction) -> Result<Written> {
        match self {
            Self::TakeOver(takeover) => private_changes::take_over(takeover, transaction).await?,
            Self::Detach(left) => private_changes::detach(left, transaction).await?,
            Self::Stage(staged) => private_changes::stage(staged, transaction).await?,
            Self::Adopt(adopted) => {
                let (new, staged) = &**adopted;
                unattended::begin_at(new, staged.file.epoch, transaction).await?;
                private_changes::stage(staged, transaction).await?;
            }
            Self::Set(file, set, entry) => {
                private_changes::set(*file, set, transaction).await?;
                if let Some(entry) = entry {
                    audit::insert(entry, transaction).await?;
                }
            }
            Self::Move(moved) => private_changes::rename(moved, transaction).await?,
            Self::MoveTree(moved) => {
                let (tree, entry) = &**moved;
                let count = private_tree::rename_alone(tree, entry, transaction).await?;
                return Ok(Written::Count(count));
            }
            Self::Promise(takeover, target) => {
                private_changes::promise(takeover, target, transaction).await?;
            }
            Self::Discard(removal) => return discard(removal, transaction).await,
            Self::Expire(expired) => {
                let (file, now, entry, event) = &**expired;
                private_changes::expire(*file, *now, transaction).await?;
                audit::insert(entry, transaction).await?;
                events::append(event, transaction).await?;
            }
            Self::Progress(file, progress, upload, now) => {
                let upload = upload.as_deref();
                private_changes::note_progress(*file, progress, upload, *now, transaction).await?;
            }
            Self::Cleaned(transfer) => private_changes::cleaned(*transfer, transaction).await?,
        }
        Ok(Written::Done)
    }
}

async fn discard(removal: &PrivateRemoval, transaction: &mut Transaction) -> Result<Written> {
    if let Some(entry) = &removal.audit
        && audit::done(entry, None, transaction).await?.is_some()
    {
        return Ok(Written::Count(1));
    }
    let count = private_changes::discard(removal, None, transaction).await?;
    if count > 0
        && let Some(entry) = &removal.audit
    {
        audit::insert(entry, transaction).await?;
    }
    Ok(Written::Count(count))
}
