//! A user who has shown who he is.

use std::net::SocketAddr;
use std::sync::Arc;

use database::User;
use model::{ServerId, Timestamp};

use crate::certificate::Certified;

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
    /// A signature by a key that an authority vouches for.
    Certificate(Box<Certified>),
    /// A one-time password, beside another of these.
    OneTimePassword,
}

impl Method {
    /// As SSH names it (RFC 4252), where it has a name for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::PublicKey { .. } => "publickey",
            Self::Certificate(_) => "certificate",
            Self::OneTimePassword => "totp",
        }
    }
}

/// A user who has shown who he is. Only this crate can make one, so who holds one may believe it.
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// Shared: mappings may have megabytes.
    user: Arc<User>,
    shown: Vec<Method>,
    peer: Peer,
    time: Timestamp,
    until: Option<Timestamp>,
}

impl Authenticated {
    /// `until` is what his provider says; a certificate's end and his row's come beside it.
    pub(crate) fn new(
        user: User,
        shown: Vec<Method>,
        peer: Peer,
        time: Timestamp,
        until: Option<Timestamp>,
    ) -> Self {
        let certified = shown.iter().find_map(|method| match method {
            Method::Certificate(certified) => certified.valid_until,
            _ => None,
        });
        let until = [until, certified, user.expires].into_iter().flatten().min();
        Self {
            user: Arc::new(user),
            shown,
            peer,
            time,
            until,
        }
    }

    /// The user, as he was when he logged in. Of a provider's user the home, the role and the
    /// session policy are what the provider said of this login.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The server that he logged in to.
    pub fn server(&self) -> &ServerId {
        &self.user.server
    }

    /// What he showed: the key or certificate, where there was one beside a password.
    pub fn method(&self) -> &Method {
        let key =
            |method: &&Method| matches!(method, Method::PublicKey { .. } | Method::Certificate(_));
        let first = self.shown.iter().find(key).or(self.shown.first());
        first.unwrap_or(&Method::Password)
    }

    /// Everything that he showed, in that order.
    pub fn methods(&self) -> &[Method] {
        &self.shown
    }

    /// Whether he may use SFTP alone, since his certificate says so.
    pub fn sftp_only(&self) -> bool {
        let says_so = |method: &Method| matches!(method, Method::Certificate(certified) if certified.sftp_only);
        self.shown.iter().any(says_so)
    }

    /// Where he came from.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// When.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// From when on he may stay no longer: the end of his account or of his certificate.
    pub fn until(&self) -> Option<Timestamp> {
        self.until
    }
}
