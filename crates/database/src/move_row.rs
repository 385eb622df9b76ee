//! A move: one rename of a file or directory, from its row to its end.

use std::net::IpAddr;

use model::{
    Location, NodeId, Protocol, ServerId, SessionId, Timestamp, TransferId, UserId, UserName,
};

/// What is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MoveKind {
    /// One object.
    File,
    /// Everything below a prefix; the keys are those of the markers.
    Directory,
}

/// How far a move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MoveState {
    /// It goes on until it has ended one way or the other.
    Moving,
    /// The object stands under its new name alone.
    Moved,
    /// It failed for good: what was not moved stands under its old name.
    Failed,
}

/// The state of the object that a move of a file began with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedObject {
    /// Its ETag, without quotes.
    pub etag: String,
    /// Its version, where the bucket keeps versions.
    pub version: Option<String>,
    /// Bytes.
    pub size: u64,
    /// When the store took it.
    pub last_modified: Timestamp,
}

/// A move as it begins. Its id stands in the new object's metadata as proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMove {
    /// Its id.
    pub id: TransferId,
    /// The directory's move that this one belongs to; it tells nobody of itself then.
    pub parent: Option<TransferId>,
    /// What is moved.
    pub kind: MoveKind,
    /// Whose.
    pub owner: UserId,
    /// His name then.
    pub user: UserName,
    /// At which server.
    pub server: ServerId,
    /// In which session.
    pub session: SessionId,
    /// Through which protocol.
    pub protocol: Protocol,
    /// From which address.
    pub address: IpAddr,
    /// The node that does it.
    pub node: NodeId,
    /// From where.
    pub from: Location,
    /// The old path as the user sees it.
    pub from_path: String,
    /// To where.
    pub to: Location,
    /// The new path as the user sees it.
    pub to_path: String,
    /// Whether an object at the new key is replaced.
    pub overwrite: bool,
    /// The object; none for a directory.
    pub object: Option<MovedObject>,
    /// What clients set of it: modification time,
    pub mtime: Option<Timestamp>,
    /// access time,
    pub atime: Option<Timestamp>,
    /// permission bits.
    pub mode: Option<u32>,
    /// When it began.
    pub started: Timestamp,
}

/// A move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// What it began with; its node is the one that does it now.
    pub begun: NewMove,
    /// How far it is.
    pub state: MoveState,
    /// The store's id of its multipart upload at the new key, where it has begun one.
    pub upload_id: Option<String>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<String>,
}

impl MoveKind {
    /// The word in the row.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
        }
    }
}

impl MoveState {
    /// The word in the row.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Moving => "moving",
            Self::Moved => "moved",
            Self::Failed => "failed",
        }
    }
}

impl std::str::FromStr for MoveKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::File, Self::Directory]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("{text:?} is no kind of move"))
    }
}

impl std::str::FromStr for MoveState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Moving, Self::Moved, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not the state of a move"))
    }
}
