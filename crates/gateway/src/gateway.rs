//! The gateway of a node: opens sessions and counts them.

use std::net::IpAddr;
use std::sync::Arc;

use database::{AuditEntry, Database, Outcome, User};
use identity::Authenticated;
use model::{Clock, ErrorKind, Protocol};
use serde_json::json;
use storage::Stores;
use transfer::Transfers;

use crate::attendance::Attendance;
use crate::bounds::Bounds;
use crate::count::Counts;
use crate::pace::Paces;
use crate::policies::{Roles, variables};
use crate::rights::Rights;
use crate::seats::{Guest, Seats};
use crate::trees::Trees;
use crate::{Error, Result, Session, Settings};

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// His address.
    pub address: IpAddr,
    /// What he speaks.
    pub protocol: Protocol,
}

/// Opens sessions. One per node.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) shared: Arc<Shared>,
    seats: Arc<Seats>,
    pub(crate) attendance: Arc<Attendance>,
}

/// What all sessions of a node share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) database: Database,
    pub(crate) stores: Arc<Stores>,
    pub(crate) transfers: Transfers,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    pub(crate) counts: Counts,
    pub(crate) paces: Paces,
    pub(crate) trees: Trees,
}

impl Gateway {
    /// A gateway onto these stores, with no sessions yet.
    pub fn new(
        database: Database,
        stores: Arc<Stores>,
        transfers: Transfers,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Self {
        let seats = Seats::new(settings.max_sessions, settings.max_sessions_per_user);
        Self {
            shared: Arc::new(Shared {
                database,
                stores,
                transfers,
                clock,
                settings,
                counts: Counts::default(),
                paces: Paces::default(),
                trees: Trees::default(),
            }),
            seats: Arc::new(seats),
            attendance: Arc::default(),
        }
    }

    /// Opens a session for a user: one per channel.
    ///
    /// # Errors
    /// `Exhausted` where he, his server or the node has as many sessions as allowed; `Denied`
    /// where his home directory, a mapping, his role or his session policy cannot be used; `Unavailable` where the database does
    /// not answer.
    pub async fn open_session(
        &self,
        authenticated: Authenticated,
        peer: Peer,
    ) -> Result<Arc<Session>> {
        let opened = Box::pin(self.begin_session(&authenticated, peer.clone())).await;
        if let Err(error) = &opened {
            self.note_refused(authenticated.user(), &peer, error);
        }
        opened
    }

    /// For the audit log: who was let in by his credentials and got no session. What nobody could
    /// decide is no refusal.
    fn note_refused(&self, user: &User, peer: &Peer, error: &Error) {
        if !matches!(error.kind(), ErrorKind::Denied | ErrorKind::Exhausted) {
            return;
        }
        let reason = match std::error::Error::source(error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        let database = &self.shared.database;
        let now = self.shared.clock.now();
        database.writer().note(AuditEntry {
            server: Some(user.server.clone()),
            user_id: Some(user.id),
            user: Some(user.name.to_string()),
            protocol: Some(peer.protocol),
            address: Some(peer.address),
            detail: json!({ "reason": reason, "role": user.role }),
            ..AuditEntry::new("session", Outcome::Refused, now)
        });
    }

    async fn begin_session(
        &self,
        authenticated: &Authenticated,
        peer: Peer,
    ) -> Result<Arc<Session>> {
        let user = authenticated.user();
        let servers = self.shared.database.servers();
        let server = servers.by_id(&user.server).await;
        let server =
            server.map_err(|error| Error::database("open session of", &user.name, error))?;
        let bounds = Bounds::of(user, &self.shared.database).await?;
        let limits = server.map(|server| server.limits).unwrap_or_default();
        let seat = self.seats.take(Guest {
            server: user.server.clone(),
            user: user.id,
            server_limit: limits.sessions,
            user_limit: bounds.limits.sessions.or(limits.sessions_per_user),
        })?;
        let (rights, store) = self.rights(user, &peer).await?;
        let presence = self
            .attendance
            .enter(authenticated.clone(), Arc::clone(&rights));
        let place = (seat, presence);
        let shared = Arc::clone(&self.shared);
        let rights = (bounds, rights);
        Session::begin(authenticated, peer, rights, store.as_deref(), place, shared)
    }

    /// Reads a user's role and compiles what holds for him: one query, none without a role. With
    /// it comes the store that the role works on.
    async fn rights(&self, user: &User, peer: &Peer) -> Result<(Arc<Rights>, Option<String>)> {
        let mut roles = Roles::new(&self.shared.database);
        let policies = roles.policies_of(user).await;
        let policies =
            policies.map_err(|error| Error::database("open session of", &user.name, error))?;
        let store = roles.store_of(user);
        let rights = Rights::new(policies, variables(user, Some(peer.address)));
        let rights = rights.map(|rights| (Arc::new(rights), store));
        rights.map_err(|unusable| {
            let (role, session_policy) = (&user.role, user.session_policy.is_some());
            tracing::warn!(user = %user.name, ?role, session_policy, reason = %unusable, "session refused: the user's policies cannot be used");
            let text = "open session: what you may do here is not set up rightly; ask whom you have your account from";
            Error::new(ErrorKind::Denied, text).caused_by(unusable)
        })
    }

    /// Looks again at whom this node serves: at everybody where somebody's rights have shrunk
    /// since the last look (on any node), else at those who came since. Sessions of users who
    /// were removed, disabled or changed, whose key or role was removed, or whose account or
    /// certificate has expired, must end: their verbs fail from now on, nothing of theirs is
    /// published, and [`Session::revoked`] says so. Returns how many.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer; to be tried again.
    pub async fn review_sessions(&self) -> Result<usize> {
        let expired = self.attendance.end_expired(self.shared.clock.now());
        let reviewed = Box::pin(self.attendance.review(&self.shared.database)).await;
        let reviewed = reviewed.map(|revoked| revoked + expired);
        reviewed.map_err(|error| Error::database("review", &"sessions", error))
    }

    /// Takes other limits of sessions over; sessions above them stay.
    pub fn set_session_limits(&self, sessions: usize, per_user: usize) {
        self.seats.set_limits(sessions, per_user);
    }

    /// Sessions open now.
    pub fn sessions(&self) -> usize {
        self.seats.taken()
    }
}
