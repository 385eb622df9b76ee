//! What an operator may set of the SSH door.

use std::borrow::Cow;
use std::time::Duration;

use crate::{AlgorithmPolicy, Error, Result};

/// Settings of one listener. Changes apply to connections accepted after them.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The software part of the identification string, `SSH-2.0-<software>`. Printable ASCII
    /// without spaces, at most 200 bytes, not beginning with `OpenSSH` (clients would take it for
    /// one, and send what OpenSSH alone understands). Default `Pierhead_<version>`.
    pub software: Cow<'static, str>,
    /// Which algorithms are offered.
    pub algorithms: AlgorithmPolicy,
    /// Shown before the login. None by default.
    pub pre_auth_banner: Option<String>,
    /// Shown after the login, on the channel's error stream. None by default: programs that read
    /// that stream take it for an error.
    pub post_login_text: Option<String>,
    /// Numbers of things at once.
    pub limits: Limits,
    /// From the accepted connection to the login. Default 60 s.
    pub login_grace: Duration,
    /// Without a request or a reply for so long, a session is ended; keepalives do not count.
    /// Default 30 min.
    pub idle_timeout: Duration,
    /// A silent client is asked for a sign of life this often, which keeps the paths of stateful
    /// firewalls open. Default 60 s.
    pub keepalive_interval: Duration,
    /// A peer that does not acknowledge what was sent for so long is gone. Default 5 min.
    pub unresponsive_timeout: Duration,
    /// What drain grants to transfers in progress. Default 5 min.
    pub drain_deadline: Duration,
    /// How long a refused password keeps its client waiting, at least. Default 500 ms.
    pub refusal_delay: Duration,
    /// How long a connection of a banned address hangs before it is closed. Default 10 s.
    pub tarpit: Duration,
    /// The receive window of a channel in bytes, 128 KiB to 64 MiB; over a path of 50 ms, 8 MiB
    /// carry 160 MiB/s. Default 8 MiB.
    pub window: u32,
    /// Bytes of READ replies that one channel may hold in memory, at least 256 KiB. Default 4 MiB.
    pub read_budget: u32,
}

/// How many of what there may be at once.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections in all, logged in or not. Default 2,000.
    pub connections: usize,
    /// Connections from one address. Default 200.
    pub connections_per_address: usize,
    /// Connections that have not logged in.
    pub startups: Startups,
    /// Of them, from one address. Default 100.
    pub startups_per_address: usize,
    /// Connections of banned addresses that hang. Default 256.
    pub tarpit: usize,
    /// Channels of one connection. Default 10.
    pub channels: usize,
    /// Refused logins of one connection, besides offered keys. Default 6.
    pub auth_attempts: usize,
    /// Keys that a client may offer in one connection. Default 20.
    pub offered_keys: usize,
    /// Requests of one channel that wait for their turn; a run of READs in sequence counts as one.
    /// Above it the channel ends. Default 16,384.
    pub queued_requests: usize,
    /// Operations of one channel that run at once. Default 64.
    pub running_requests: usize,
    /// What `limits@openssh.com` tells of open handles; the gateway enforces its own setting.
    /// Default 256.
    pub open_handles: u64,
}

/// Random early refusal of connections that have not logged in, as sshd's `MaxStartups`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Startups {
    /// Up to here none is refused. Default 100.
    pub start: usize,
    /// From there on so many percent are, growing linearly. Default 30.
    pub rate: u8,
    /// From here on all are. Default 500.
    pub full: usize,
}

impl Settings {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first setting that cannot be.
    pub fn validate(&self) -> Result<()> {
        let wrong = |name, reason: &'static str| {
            Err(Error::Setting {
                name,
                reason: reason.into(),
            })
        };
        if self.software.is_empty()
            || self.software.len() > 200
            || !self.software.bytes().all(|b| b.is_ascii_graphic())
        {
            return wrong(
                "software",
                "must be 1 to 200 printable characters without spaces",
            );
        }
        if self.software.to_ascii_lowercase().starts_with("openssh") {
            return wrong(
                "software",
                "must not begin with OpenSSH: clients would send what only OpenSSH understands",
            );
        }
        if !(128 << 10..=64 << 20).contains(&self.window) {
            return wrong("window", "must be 128 KiB to 64 MiB");
        }
        if self.read_budget < 256 << 10 {
            return wrong("read_budget", "must be at least 256 KiB, the longest READ");
        }
        if self.limits.startups.rate > 100 || self.limits.startups.full < self.limits.startups.start
        {
            return wrong(
                "startups",
                "must be start:rate:full with rate at most 100 percent and full not below start",
            );
        }
        let zero = [
            (self.limits.connections, "connections"),
            (
                self.limits.connections_per_address,
                "connections_per_address",
            ),
            (self.limits.startups_per_address, "startups_per_address"),
            (self.limits.channels, "channels"),
            (self.limits.auth_attempts, "auth_attempts"),
            (self.limits.queued_requests, "queued_requests"),
            (self.limits.running_requests, "running_requests"),
        ];
        match zero.iter().find(|(value, _)| *value == 0) {
            Some((_, name)) => wrong(name, "must be at least 1"),
            None => Ok(()),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            software: Cow::Borrowed(concat!("Pierhead_", env!("CARGO_PKG_VERSION"))),
            algorithms: AlgorithmPolicy::default(),
            pre_auth_banner: None,
            post_login_text: None,
            limits: Limits::default(),
            login_grace: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(30 * 60),
            keepalive_interval: Duration::from_secs(60),
            unresponsive_timeout: Duration::from_secs(5 * 60),
            drain_deadline: Duration::from_secs(5 * 60),
            refusal_delay: Duration::from_millis(500),
            tarpit: Duration::from_secs(10),
            window: 8 << 20,
            read_budget: 4 << 20,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2_000,
            connections_per_address: 200,
            startups: Startups::default(),
            startups_per_address: 100,
            tarpit: 256,
            channels: 10,
            auth_attempts: 6,
            offered_keys: 20,
            queued_requests: 16_384,
            running_requests: 64,
            open_handles: 256,
        }
    }
}

impl Default for Startups {
    fn default() -> Self {
        Self {
            start: 100,
            rate: 30,
            full: 500,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let check = |name: &str, change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            let error = settings.validate().expect_err(name);
            assert!(error.to_string().contains(name), "{error}");
        };
        Settings::default()
            .validate()
            .expect("the defaults are valid");
        check("software", |s| s.software = "OpenSSH_9.9".into());
        check("software", |s| s.software = "two words".into());
        check("window", |s| s.window = 1);
        check("read_budget", |s| s.read_budget = 1);
        check("startups", |s| s.limits.startups.full = 1);
        check("channels", |s| s.limits.channels = 0);
    }
}
