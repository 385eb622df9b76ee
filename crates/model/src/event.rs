//! Facts that others are told of. An event is written in the same transaction as its fact.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{EventId, ServerId, SessionId, Timestamp, TransferId, UserId, UserName};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// A file landed whole.
    Upload,
    /// An upload broke off; what is safe is kept for resume.
    Partial,
    /// An unfinished upload was not continued in time, and is gone.
    Expired,
    /// A file was read to its end.
    Download,
    /// A file was removed.
    Delete,
    /// A file or directory has another name.
    Rename,
    /// A rename that was begun failed for good: the old name is back.
    #[serde(rename = "rename.failed")]
    RenameFailed,
    /// A directory was made.
    Mkdir,
    /// A directory was removed.
    Rmdir,
    /// A file was copied at the server.
    Copy,
    /// A user logged in.
    Login,
    /// A login was refused.
    LoginRefused,
    /// An address or a network was banned.
    Ban,
    /// The ban of an address or a network was lifted.
    Unban,
    /// What a newer version of this program wrote. Whoever does something about events leaves it
    /// to nodes of that version; it is never written.
    #[serde(other)]
    Unknown,
}

impl EventKind {
    /// The name in rows and payloads.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Partial => "partial",
            Self::Expired => "expired",
            Self::Download => "download",
            Self::Delete => "delete",
            Self::Rename => "rename",
            Self::RenameFailed => "rename.failed",
            Self::Mkdir => "mkdir",
            Self::Rmdir => "rmdir",
            Self::Copy => "copy",
            Self::Login => "login",
            Self::LoginRefused => "login_refused",
            Self::Ban => "ban",
            Self::Unban => "unban",
            Self::Unknown => "unknown",
        }
    }
}

/// The protocol a session speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Protocol {
    /// SFTP over SSH.
    Sftp,
    /// The old `scp` protocol over SSH.
    Scp,
}

/// One event, as its row holds it. What does not apply is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Stable over retries.
    pub id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// When.
    pub time: Timestamp,
    /// At which server.
    pub server: ServerId,
    /// Whose doing; the id outlives the name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_id: Option<UserId>,
    /// His name then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user: Option<UserName>,
    /// In which session.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session: Option<SessionId>,
    /// Through which protocol.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub protocol: Option<Protocol>,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_address: Option<IpAddr>,
    /// The path as the user sees it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path: Option<String>,
    /// For a rename or copy: where it came from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub old_path: Option<String>,
    /// The bucket.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bucket: Option<String>,
    /// The key, raw.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<String>,
    /// For a rename or copy: the source's key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub old_key: Option<String>,
    /// The object's version, where the store keeps versions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
    /// The object's ETag.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub etag: Option<String>,
    /// Bytes of the object, or bytes moved.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub size: Option<u64>,
    /// CRC64NVME of the whole object in base64, where it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub crc64nvme: Option<String>,
    /// The modification time the client set.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mtime: Option<Timestamp>,
    /// From OPEN to commit, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duration_micros: Option<u64>,
    /// The upload that made the object.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub transfer: Option<TransferId>,
}

impl Event {
    /// An event with its required fields; the rest is filled in by who knows it.
    pub fn new(kind: EventKind, time: Timestamp, server: ServerId) -> Self {
        Self {
            id: EventId::generate(),
            kind,
            time,
            server,
            user_id: None,
            user: None,
            session: None,
            protocol: None,
            client_address: None,
            path: None,
            old_path: None,
            bucket: None,
            key: None,
            old_key: None,
            version: None,
            etag: None,
            size: None,
            crc64nvme: None,
            mtime: None,
            duration_micros: None,
            transfer: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_written_by_their_names_and_those_of_newer_versions_are_read() {
        for kind in [
            EventKind::RenameFailed,
            EventKind::LoginRefused,
            EventKind::Unban,
        ] {
            let text = serde_json::to_value(kind).expect("written");
            assert_eq!(text, kind.as_str());
            let read: EventKind = serde_json::from_value(text).expect("read");
            assert_eq!(read, kind);
        }
        let newer = Event::new(
            EventKind::Ban,
            Timestamp::from_seconds(1),
            ServerId::generate(),
        );
        let mut newer = serde_json::to_value(newer).expect("written");
        newer["kind"] = "quarantine".into();
        newer["verdict"] = "infected".into();
        let read: Event = serde_json::from_value(newer).expect("read all the same");
        assert_eq!(read.kind, EventKind::Unknown);
    }
}
