//! A private file: an unfinished upload or a closed temporary file, which its owner alone sees.

use model::{Location, NodeId, ObjectKey, SessionId, Timestamp, TransferId};

use crate::{AuditEntry, CompletedUpload, Transfer, TransferState};
use model::Event;

/// What OPEN says of an upload besides where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opening {
    /// Where its object is made, and waits until it is renamed; for a temporary file.
    pub staging: Option<Location>,
    /// The owner's private files at its place are given up with it.
    pub replaces: bool,
    /// The size in bytes that the client declared.
    pub declared: Option<u64>,
    /// It is published only where nothing stands.
    pub absent: bool,
    /// What was set of it.
    pub set: SetAttributes,
}

/// Attributes of a file that is not published, as its client set them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SetAttributes {
    /// Modification time.
    pub mtime: Option<Timestamp>,
    /// Access time.
    pub atime: Option<Timestamp>,
    /// Permission bits.
    pub mode: Option<u32>,
}

/// A private file as its row tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateFile {
    /// The transfer. Its `intent.location` is where the owner sees it.
    pub transfer: Transfer,
    /// What the store holds of it, in the words of the storage engine. None where nobody wrote
    /// that down: its node died, and the store is asked.
    pub progress: Option<String>,
    /// Bytes from the start that are safe, where that is known.
    pub safe: Option<u64>,
    /// The last change of its bytes, as far as that is known.
    pub changed: Timestamp,
    /// When it is given up; closed temporary files never are.
    pub expires: Option<Timestamp>,
    /// The object of its last CLOSE, for a temporary file that was closed.
    pub staged: Option<StagedObject>,
    /// The name that it is being given right now, or may get late.
    pub target: Option<Target>,
    /// Whether its node died while it was written or renamed, so that the store has to be asked
    /// what became of it. Told by what is looked up by place alone.
    pub is_left: bool,
}

impl PrivateFile {
    /// Its transfer.
    pub fn id(&self) -> TransferId {
        self.transfer.intent.id
    }

    /// Which file, as it is now.
    pub fn private_id(&self) -> PrivateId {
        PrivateId {
            transfer: self.id(),
            epoch: self.transfer.epoch,
        }
    }

    /// Whether it is a temporary file that was closed and is whole.
    pub fn is_staged(&self) -> bool {
        self.transfer.state == TransferState::Staged
    }

    /// Whether nobody is at it: it can be continued, renamed and removed.
    pub fn is_free(&self) -> bool {
        use TransferState::{Detached, Staged};
        matches!(self.transfer.state, Detached | Staged)
    }

    /// Whether it has a name that keeps it private until it is renamed.
    pub fn is_temporary(&self) -> bool {
        self.transfer.intent.opening.staging.is_some()
    }
}

/// An object in staging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedObject {
    /// Where.
    pub location: Location,
    /// What the store said of it.
    pub object: CompletedUpload,
}

/// The final name of a temporary file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where its object is put.
    pub location: Location,
    /// As its owner sees it.
    pub path: String,
}

/// Which private file, as it was when it was looked at. What changes it fails with `Conflict`
/// where another session was first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrivateId {
    /// The transfer.
    pub transfer: TransferId,
    /// Its epoch.
    pub epoch: u64,
}

/// A session that goes on with a private file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Takeover {
    /// Which file; its epoch is one more afterwards.
    pub file: PrivateId,
    /// Who.
    pub session: SessionId,
    /// On which node.
    pub node: NodeId,
    /// Now.
    pub now: Timestamp,
    /// What the store holds of it, as it is gone on with; as it was where this is none.
    pub progress: Option<String>,
    /// Where its object is made from now on; for a temporary file.
    pub upload_key: Option<ObjectKey>,
}

/// An upload that is left unfinished.
#[derive(Debug, Clone)]
pub struct Detachment {
    /// Which file.
    pub file: PrivateId,
    /// What the store holds of it; `None` leaves a temporary file as it was at its last CLOSE.
    pub progress: Option<String>,
    /// Bytes from the start that are safe.
    pub safe: u64,
    /// What its client set so far.
    pub set: SetAttributes,
    /// Since when.
    pub changed: Timestamp,
    /// Until when it is kept.
    pub expires: Timestamp,
    /// The final name that it was being given and may get late: nobody knows whether the copy of a
    /// node that died is still on its way.
    pub target: Option<Target>,
    /// A publication that was begun, to be given back.
    pub publication: Option<crate::Publication>,
    /// For the audit log.
    pub audit: Option<AuditEntry>,
    /// For everybody else.
    pub event: Option<Event>,
}

/// A temporary file that was closed: it stands whole in staging.
#[derive(Debug, Clone)]
pub struct Staging {
    /// Which file.
    pub file: PrivateId,
    /// The key in its staging bucket.
    pub key: ObjectKey,
    /// What the store said of it.
    pub object: CompletedUpload,
    /// What its client set.
    pub set: SetAttributes,
    /// For the audit log.
    pub audit: AuditEntry,
}

/// Another name for a private file that stays private.
#[derive(Debug, Clone)]
pub struct PrivateMove {
    /// Which file.
    pub file: PrivateId,
    /// Where its owner sees it from now on. Other private files of his there are given up.
    pub location: Location,
    /// As he calls it.
    pub path: String,
    /// For the audit log.
    pub audit: AuditEntry,
}

/// Private files that were given up.
#[derive(Debug, Clone)]
pub struct PrivateRemoval {
    /// Whose.
    pub owner: model::UserId,
    /// Where.
    pub location: Location,
    /// Now.
    pub now: Timestamp,
    /// For the audit log.
    pub audit: Option<AuditEntry>,
}
