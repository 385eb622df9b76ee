//! The gateway of a node: opens sessions and counts them.

use std::net::IpAddr;
use std::sync::Arc;

use database::Database;
use identity::Authenticated;
use model::{Clock, Protocol};
use storage::Stores;
use transfer::Transfers;

use crate::seats::Seats;
use crate::{Result, Session, Settings};

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
    /// `Exhausted` where he, or everybody together, has as many sessions as allowed; `Denied`
    /// where his home directory or a mapping cannot be used.
    pub async fn open_session(
        &self,
        authenticated: Authenticated,
        peer: Peer,
    ) -> Result<Arc<Session>> {
        let user = authenticated.user();
        let seat = self.seats.take(user.id, user.limits.sessions)?;
        Session::begin(&authenticated, peer, seat, Arc::clone(&self.shared))
    }

    /// Sessions open now.
    pub fn sessions(&self) -> usize {
        self.seats.taken()
    }
}
