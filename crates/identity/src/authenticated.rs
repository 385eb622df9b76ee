//! A user who has shown who he is.

use std::net::SocketAddr;

use database::User;
use model::{ServerId, Timestamp};

/// Where a connection comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The client's address: the connection's own, or what the PROXY protocol said.
    pub address: SocketAddr,
}

impl Peer {
    /// A peer at this address.
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }
}

/// What a user showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// His password.
    Password,
    /// A signature by one of his keys.
    PublicKey {
        /// The key's fingerprint, `SHA256:..`.
        fingerprint: String,
    },
}

impl Method {
    /// As SSH names it (RFC 4252).
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::PublicKey { .. } => "publickey",
        }
    }
}

/// A user who has shown who he is. Only this crate can make one, so who holds one may believe it.
#[derive(Debug, Clone)]
pub struct Authenticated {
    user: User,
    method: Method,
    peer: Peer,
    time: Timestamp,
}

impl Authenticated {
    pub(crate) fn new(user: User, method: Method, peer: Peer, time: Timestamp) -> Self {
        Self {
            user,
            method,
            peer,
            time,
        }
    }

    /// The user, as he was when he logged in.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The server that he logged in to.
    pub fn server(&self) -> &ServerId {
        &self.user.server
    }

    /// What he showed.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Where he came from.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// When.
    pub fn time(&self) -> Timestamp {
        self.time
    }
}
