//! The gateway of a node: opens sessions and counts them.

use std::net::IpAddr;
use std::sync::Arc;

use database::Database;
use identity::Authenticated;
use model::{Clock, Protocol};
use storage::Stores;
use transfer::Transfers;

use crate::seats::{Guest, Seats};
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
    shared: Arc<Shared>,
    seats: Arc<Seats>,
}

/// What all sessions of a node share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) database: Database,
    pub(crate) stores: Arc<Stores>,
    pub(crate) transfers: Transfers,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
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
            }),
            seats: Arc::new(seats),
        }
    }

    /// Opens a session for a user: one per channel.
    ///
    /// # Errors
    /// `Exhausted` where he, his server or the node has as many sessions as allowed; `Denied`
    /// where his home directory or a mapping cannot be used; `Unavailable` where the database does
    /// not answer.
    pub async fn open_session(
        &self,
        authenticated: Authenticated,
        peer: Peer,
    ) -> Result<Arc<Session>> {
        let user = authenticated.user();
        let servers = self.shared.database.servers();
        let server = servers.by_id(&user.server).await;
        let server =
            server.map_err(|error| Error::database("open session of", &user.name, error))?;
        let limits = server.map(|server| server.limits).unwrap_or_default();
        let seat = self.seats.take(Guest {
            server: user.server.clone(),
            user: user.id,
            server_limit: limits.sessions,
            user_limit: user.limits.sessions.or(limits.sessions_per_user),
        })?;
        Session::begin(&authenticated, peer, seat, Arc::clone(&self.shared))
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
