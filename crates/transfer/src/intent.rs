//! What is known of an upload when it begins, and the durable row that says so.

use std::net::IpAddr;

use database::{AuditEntry, Demand, Outcome, Quota};
use model::{
    Event, EventKind, Location, Protocol, ServerId, SessionId, Timestamp, UserId, UserName,
    VirtualPath,
};

/// Whose upload, from where and to where.
#[derive(Debug, Clone)]
pub struct Intent {
    /// Whose; the id outlives the name.
    pub owner: UserId,
    /// His name now.
    pub user: UserName,
    /// At which server.
    pub server: ServerId,
    /// In which session.
    pub session: SessionId,
    /// Through which protocol; none where the node acts for a session that is gone.
    pub protocol: Option<Protocol>,
    /// From which address; likewise.
    pub address: Option<IpAddr>,
    /// The path as he sees it.
    pub path: VirtualPath,
    /// Where the object shall stand.
    pub location: Location,
    /// What he may have in all, asked again in the moment of publication.
    pub quota: Quota,
}

impl Intent {
    /// What is asked of the owner's quota for an object of `size` bytes.
    pub(crate) fn demand(&self, size: u64) -> Option<Demand> {
        (!self.quota.is_unlimited()).then_some(Demand {
            owner: self.owner,
            quota: self.quota,
            size,
        })
    }
}

impl Intent {
    /// An event about its object.
    pub(crate) fn event(&self, kind: EventKind, time: Timestamp) -> Event {
        Event {
            user_id: Some(self.owner),
            user: Some(self.user.clone()),
            session: Some(self.session),
            protocol: self.protocol,
            client_address: self.address,
            path: Some(self.path.to_string()),
            bucket: Some(self.location.bucket.to_string()),
            key: Some(self.location.key.to_string()),
            ..Event::new(kind, time, self.server.clone())
        }
    }

    /// An entry of the audit log about it.
    pub(crate) fn audit(&self, outcome: Outcome, time: Timestamp) -> AuditEntry {
        AuditEntry {
            server: Some(self.server.clone()),
            user_id: Some(self.owner),
            user: Some(self.user.to_string()),
            session: Some(self.session),
            protocol: self.protocol,
            address: self.address,
            path: Some(self.path.to_string()),
            ..AuditEntry::new("upload", outcome, time)
        }
    }
}

/// What must be true of the key when the object is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Whatever stands there is replaced.
    Any,
    /// Nothing stands there.
    Absent,
    /// The object that the upload began from stands there.
    Unchanged {
        /// Its ETag.
        etag: String,
    },
}
