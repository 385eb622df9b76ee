//! The gateway of a node: opens sessions and counts them.

use std::net::IpAddr;
use std::sync::Arc;

use database::{AuditEntry, Database, Outcome, User};
use identity::Authenticated;
use model::{Clock, ErrorKind, Protocol};
use serde_json::json;
use storage::{RoleSession, Stores};
use transfer::Transfers;

use crate::attendance::Attendance;
use crate::bounds::Bounds;
use crate::count::Counts;
use crate::mount::Mounts;
use crate::pace::Paces;
use crate::policies::{Policies, Unusable, variables};
use crate::rights::Rights;
use crate::seats::{Guest, Seats};
use crate::session::Beginning;
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

const NOT_SET_UP: &str =
    "open session: what you may do here is not set up rightly; ask whom you have your account from";

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
    /// where his home directory, a mapping, his role, its IAM role or his session policy cannot be
    /// used; `Unavailable` where the database or STS does not answer.
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
        let admission = self.shared.database.admissions().of(user).await;
        let admission =
            admission.map_err(|error| Error::database("open session of", &user.name, error))?;
        let bounds = Bounds::of(user, admission.group.as_ref());
        let limits = admission.server;
        let seat = self.seats.take(Guest {
            server: user.server.clone(),
            user: user.id,
            server_limit: limits.sessions,
            user_limit: bounds.limits.sessions.or(limits.sessions_per_user),
        })?;
        let policies = Policies::of(user, admission.role.as_ref());
        let variables = variables(user, Some(peer.address));
        let mounts = self.shared.trees.of(user, bounds.permissions)?;
        mounts.check_stores(&self.shared.stores, policies.store())?;
        let role = policies.role_session(user, &variables);
        let rights = Rights::new(policies, variables).map(Arc::new);
        let (role, rights) = match (role, rights) {
            (Ok(role), Ok(rights)) => (role, rights),
            (Err(unusable), _) | (_, Err(unusable)) => {
                return Err(unusable_policies(user, unusable));
            }
        };
        let stores = match &role {
            None => Arc::clone(&self.shared.stores),
            Some(role) => Box::pin(self.acting_as(role, user, &mounts)).await?,
        };
        let presence = self
            .attendance
            .enter(authenticated.clone(), Arc::clone(&rights));
        let beginning = Beginning {
            peer,
            bounds,
            rights,
            mounts,
            stores,
            place: (seat, presence),
        };
        let shared = Arc::clone(&self.shared);
        Ok(Session::begin(authenticated, beginning, shared))
    }

    /// The stores as the IAM role of a user's role sees them.
    async fn acting_as(
        &self,
        role: &RoleSession,
        user: &User,
        mounts: &Mounts,
    ) -> Result<Arc<Stores>> {
        let (stores, clock) = (&self.shared.stores, &self.shared.clock);
        let acting = stores.acting_as(role, mounts.buckets(), clock).await;
        acting.map(Arc::new).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(user = %user.name, role = ?user.role, iam_role = %role.role, reason = %error, cause, "session refused: the IAM role of the user's role cannot be assumed");
            let (kind, text) = match error.kind() {
                ErrorKind::Unavailable => (
                    ErrorKind::Unavailable,
                    "open session: the store does not let you in right now; try again later",
                ),
                _ => (ErrorKind::Denied, NOT_SET_UP),
            };
            Error::new(kind, text).caused_by(error)
        })
    }

    /// Looks again at whom this node serves: at everybody where somebody's rights have shrunk
    /// since the last look (on any node), else at those who came since. Sessions of users who
    /// were removed, disabled or changed, whose key or role was removed, or whose account or
    /// certificate has expired, and of roles that work on another store or as another IAM role now,
    /// must end: their verbs fail from now on, nothing of theirs is
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

fn unusable_policies(user: &User, unusable: Unusable) -> Error {
    let (role, session_policy) = (&user.role, user.session_policy.is_some());
    tracing::warn!(user = %user.name, ?role, session_policy, reason = %unusable, "session refused: the user's policies cannot be used");
    Error::new(ErrorKind::Denied, NOT_SET_UP).caused_by(unusable)
}
