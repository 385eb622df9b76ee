//! A transfer: one upload, from its intent to its end.

use crate::Opening;
use model::{Location, NodeId, ServerId, SessionId, Timestamp, TransferId, UserId};

/// How far a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransferState {
    /// OPEN was taken; parts may be in the store.
    Intended,
    /// The object is being put at its final key.
    Publishing,
    /// The object stands, and its event is committed.
    Completed,
    /// It failed; the previous object is untouched.
    Failed,
    /// It was given up, and the store holds nothing of it.
    Aborted,
    /// It was cut off; what is safe of it can be continued.
    Detached,
    /// A temporary file that was closed: it stands whole in staging, and waits for its name.
    Staged,
    /// It was cut off and not continued in time.
    Expired,
    /// Its owner removed it or began it anew.
    Discarded,
}

impl TransferState {
    /// The word in the row.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Publishing => "publishing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
            Self::Detached => "detached",
            Self::Staged => "staged",
            Self::Expired => "expired",
            Self::Discarded => "discarded",
        }
    }
}

impl std::str::FromStr for TransferState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [
            Self::Intended,
            Self::Publishing,
            Self::Completed,
            Self::Failed,
            Self::Aborted,
            Self::Detached,
            Self::Staged,
            Self::Expired,
            Self::Discarded,
        ]
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or_else(|| format!("{text:?} is not a transfer state"))
    }
}

/// The intent of an upload, written at OPEN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTransfer {
    /// Its id; stands in the object's metadata as proof.
    pub id: TransferId,
    /// Where the object shall stand.
    pub location: Location,
    /// The path as the user sees it.
    pub path: String,
    /// Whose upload.
    pub owner: UserId,
    /// At which server.
    pub server: ServerId,
    /// In which session.
    pub session: SessionId,
    /// On which node's run; when that is dead, the upload is nobody's.
    pub node: NodeId,
    /// The ETag of the object that it began from, where it changes one.
    pub base_etag: Option<String>,
    /// When.
    pub started: Timestamp,
    /// What else OPEN said.
    pub opening: Opening,
}

/// What is known of an object that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletedUpload {
    /// Bytes.
    pub size: u64,
    /// The object's ETag, without quotes.
    pub etag: String,
    /// Its version, where the bucket keeps versions.
    pub version: Option<String>,
    /// CRC64NVME of the whole object in base64, where known.
    pub crc64nvme: Option<String>,
    /// When.
    pub finished: Timestamp,
}

/// A transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// What OPEN wrote.
    pub intent: NewTransfer,
    /// How far it is.
    pub state: TransferState,
    /// How often another session has continued it. What an older one publishes is refused.
    pub epoch: u64,
    /// Since when its object is being put at its key, or when its publisher last said so.
    pub publishing: Option<Timestamp>,
    /// The store's id of its multipart upload, where it has begun one.
    pub upload_id: Option<String>,
    /// The object, where it is [`TransferState::Completed`].
    pub completed: Option<CompletedUpload>,
    /// When it ended, in whatever way.
    pub ended: Option<Timestamp>,
    /// When its bytes changed last, or it was left unfinished, as far as that was noted.
    pub changed: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<String>,
}
