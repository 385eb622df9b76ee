//! The writes of a move: its row, its upload, its taking over, its end.

use model::{Event, NodeId, Timestamp, TransferId, UserId};

use super::write::{ObjectRename, Written, note};
use crate::engine::Transaction;
use crate::holdings::Ledger;
use crate::{
    AuditEntry, MoveKind, NewMove, PrivateTree, Publication, Result, attributes, moves,
    private_tree, publications,
};

/// How a move ended.
#[derive(Debug, Clone)]
pub struct MoveEnd {
    /// Which move.
    pub id: TransferId,
    /// When.
    pub finished: Timestamp,
    /// What came of it.
    pub outcome: MoveOutcome,
}

/// What came of a move.
#[derive(Debug, Clone)]
pub enum MoveOutcome {
    /// The object has its new key: its attributes go along, and everybody is told.
    Moved(Box<ObjectRename>),
    /// It failed for good; what was not moved stands under its old name.
    Failed(Box<MoveFailure>),
}

/// What is said of a move that failed for good.
#[derive(Debug, Clone)]
pub struct MoveFailure {
    /// Why, fit for the user.
    pub error: String,
    /// Publications to give back.
    pub publications: Vec<Publication>,
    /// For the audit log.
    pub audit: Option<AuditEntry>,
    /// For everybody else.
    pub event: Option<Event>,
}

/// One write about a move.
#[derive(Debug)]
pub(crate) enum MoveWrite {
    Begin(Box<NewMove>),
    SetUploadId(TransferId, Option<String>),
    Adopt {
        id: TransferId,
        from: NodeId,
        to: NodeId,
    },
    End(Box<MoveEnd>),
}

impl MoveWrite {
    pub(crate) fn object(&self) -> String {
        match self {
            Self::Begin(new) => new.from_path.clone(),
            Self::SetUploadId(id, _) | Self::Adopt { id, .. } => id.to_string(),
            Self::End(end) => end.id.to_string(),
        }
    }

    /// The first key whose rows it locks.
    pub(crate) fn key(&self) -> Option<(&str, &str)> {
        let Self::End(end) = self else { return None };
        let MoveOutcome::Moved(rename) = &end.outcome else {
            return None;
        };
        let first = std::cmp::min(&rename.from, &rename.to);
        Some((first.bucket.as_str(), first.key.as_str()))
    }

    /// Whose objects it changes, as far as it says so itself.
    pub(crate) fn owner(&self) -> Option<UserId> {
        let Self::End(end) = self else { return None };
        match &end.outcome {
            MoveOutcome::Moved(rename) => rename.audit.user_id,
            MoveOutcome::Failed(_) => None,
        }
    }

    pub(crate) async fn apply(
        &self,
        ledger: &mut Ledger,
        transaction: &mut Transaction,
    ) -> Result<Written> {
        match self {
            Self::Begin(new) => begin(new, transaction).await?,
            Self::SetUploadId(id, upload) => {
                moves::set_upload_id(*id, upload.as_deref(), transaction).await?;
            }
            Self::Adopt { id, from, to } => {
                let adopted = moves::adopt(*id, *from, *to, transaction).await?;
                return Ok(Written::Adopted(adopted));
            }
            Self::End(end) => return end.apply(ledger, transaction).await,
        }
        Ok(Written::Done)
    }
}

/// The private files below a directory go along from the first moment: whoever finishes the move
/// has its objects to look after alone.
async fn begin(new: &NewMove, transaction: &mut Transaction) -> Result<()> {
    let is_new = moves::begin(new, transaction).await?;
    if is_new && new.kind == MoveKind::Directory {
        private_tree::rename(&PrivateTree::of(new), transaction).await?;
    }
    Ok(())
}

impl MoveEnd {
    async fn apply(&self, ledger: &mut Ledger, transaction: &mut Transaction) -> Result<Written> {
        let error = match &self.outcome {
            MoveOutcome::Moved(_) => None,
            MoveOutcome::Failed(failure) => Some(failure.error.as_str()),
        };
        if !moves::end(self.id, error, self.finished, transaction).await? {
            return Ok(Written::Sequence(0));
        }
        match &self.outcome {
            MoveOutcome::Moved(rename) => {
                if rename.from.key.as_str().ends_with('/') {
                    attributes::move_below(&rename.from, &rename.to, transaction).await?;
                }
                rename.apply(ledger, transaction).await
            }
            MoveOutcome::Failed(failure) => {
                for publication in &failure.publications {
                    publications::release(publication, transaction).await?;
                }
                note(failure.audit.as_ref(), failure.event.as_ref(), transaction).await?;
                Ok(Written::Sequence(0))
            }
        }
    }
}
