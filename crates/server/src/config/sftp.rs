//! `[sftp]`: the SFTP and SCP door.

use std::net::SocketAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Span;
use super::load::{Fault, positive};

/// `[sftp]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SftpConfig {
    /// Addresses to listen on; port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// Addresses to listen on for balancers that speak the PROXY protocol.
    pub proxy_listen: Vec<SocketAddr>,
    /// The networks of those balancers.
    pub proxy_trusted: Vec<IpNet>,
    /// The algorithm policy: `default`, `aws-2025` or `legacy`.
    pub algorithms: String,
    /// Text shown before the login.
    pub banner: Option<String>,
    /// Text shown after the login.
    pub welcome: Option<String>,
    /// Connections that have not logged in yet: from this many on, some are refused.
    pub startups_begin: u32,
    /// Per cent refused from `startups_begin` on, rising to all at `startups_full`.
    pub startups_rate: u8,
    /// From this many on, all are refused.
    pub startups_full: u32,
    /// Of one address, at most so many.
    pub startups_per_address: u32,
    /// Connections in all.
    pub max_connections: u32,
    /// Connections from one address.
    pub max_connections_per_address: u32,
    /// Sessions of one user.
    pub max_sessions_per_user: u32,
    /// Sessions of this server, all users.
    pub max_sessions: u32,
    /// Open handles of one session.
    pub max_handles: u32,
    /// From the connection to the login.
    pub login_grace: Span,
    /// Without a request (keepalives do not count).
    pub idle_timeout: Span,
    /// Tries to log in on one connection.
    pub max_login_attempts: u32,
    /// How long RENAME of a file waits for its copy before it answers.
    pub rename_wait: Span,
    /// What becomes of a change of owner or group.
    pub owner_changes: OwnerChangesKind,
}

/// What becomes of a change that nothing keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OwnerChangesKind {
    /// It is answered OK.
    #[default]
    Ignore,
    /// It is refused.
    Refuse,
}

impl Default for SftpConfig {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 2222))],
            proxy_listen: Vec::new(),
            proxy_trusted: Vec::new(),
            algorithms: "default".to_owned(),
            banner: None,
            welcome: None,
            startups_begin: 50,
            startups_rate: 30,
            startups_full: 200,
            startups_per_address: 40,
            max_connections: 10_000,
            max_connections_per_address: 1_000,
            max_sessions_per_user: 100,
            max_sessions: 10_000,
            max_handles: 256,
            login_grace: Span::seconds(60),
            idle_timeout: Span::minutes(30),
            max_login_attempts: 6,
            rename_wait: Span::seconds(10),
            owner_changes: OwnerChangesKind::Ignore,
        }
    }
}

impl SftpConfig {
    /// Whether somebody could come in by it.
    pub(super) fn check(&self) -> Result<(), Fault> {
        positive([
            ("sftp.max_connections", self.max_connections),
            (
                "sftp.max_connections_per_address",
                self.max_connections_per_address,
            ),
            ("sftp.max_sessions", self.max_sessions),
            ("sftp.max_sessions_per_user", self.max_sessions_per_user),
            ("sftp.max_handles", self.max_handles),
            ("sftp.max_login_attempts", self.max_login_attempts),
            ("sftp.startups_full", self.startups_full),
            ("sftp.startups_per_address", self.startups_per_address),
        ])?;
        self.check_listeners()?;
        if self.startups_rate > 100 {
            return Err(("sftp.startups_rate", "is in per cent: 0 to 100".to_owned()));
        }
        if self.startups_begin > self.startups_full {
            return Err((
                "sftp.startups_begin",
                "must not exceed sftp.startups_full".to_owned(),
            ));
        }
        if ssh::AlgorithmPolicy::named(&self.algorithms).is_none() {
            let known = ssh::AlgorithmPolicy::names().collect::<Vec<_>>().join(", ");
            let message = format!("unknown policy {:?}; known: {known}", self.algorithms);
            return Err(("sftp.algorithms", message));
        }
        Ok(())
    }

    fn check_listeners(&self) -> Result<(), Fault> {
        if self.listen.is_empty() && self.proxy_listen.is_empty() {
            return Err((
                "sftp.listen",
                "names no address; write [\"0.0.0.0:22\"]".to_owned(),
            ));
        }
        if self.proxy_listen.is_empty() != self.proxy_trusted.is_empty() {
            return Err((
                "sftp.proxy_trusted",
                "goes with sftp.proxy_listen: give both, or neither; the balancers' networks are \
                 written [\"10.0.0.0/24\"]"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}
