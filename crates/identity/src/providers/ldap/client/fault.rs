//! What can go wrong between here and a directory. None of it ever admits anybody.

use std::io;
use std::time::Duration;

use super::url::LdapUrl;

/// Bytes that are not what LDAP says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the directory's answer is not LDAP: {0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

/// Why a directory was not asked to the end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// It was not reached.
    #[error("connect to {server}: {source}")]
    Connect {
        server: String,
        #[source]
        source: io::Error,
    },
    /// It was not reached in time.
    #[error("connect to {server}: no answer in {patience:?}")]
    Slow { server: String, patience: Duration },
    /// The TLS handshake failed: most often a certificate that is not trusted here.
    #[error(
        "TLS with {server}: {source} (the certificate must be signed by `ca_file`, or by a CA \
         of this machine where none is given, and name the host of the URL)"
    )]
    Tls {
        server: String,
        #[source]
        source: io::Error,
    },
    /// It does not begin TLS on a plain connection.
    #[error("start TLS with {server}: the directory refuses: {outcome}")]
    StartTls { server: String, outcome: String },
    /// It took the connection, and a request in it was not answered in time.
    #[error("talk to {server}: no answer in {patience:?}")]
    Stalled { server: String, patience: Duration },
    /// The connection broke.
    #[error("talk to {server}: {source}")]
    Broken {
        server: String,
        #[source]
        source: io::Error,
    },
    /// It said that it hangs up.
    #[error("talk to {server}: it hung up: {outcome}")]
    HungUp { server: String, outcome: String },
    /// It does not speak LDAP as it is.
    #[error("talk to {server}: {source}")]
    Malformed {
        server: String,
        #[source]
        source: Malformed,
    },
    /// The account that searches was not let in.
    #[error(
        "bind as `{dn}`, the account that searches: {outcome}; look at `bind_dn` and `bind_password`"
    )]
    Service { dn: String, outcome: String },
    /// The user's own bind ended neither in success nor in a refusal.
    #[error("bind as `{dn}`: {outcome}")]
    Bind { dn: String, outcome: String },
    /// Nobody knows whether a password was looked at.
    #[error("bind as `{dn}`: {source}")]
    Unanswered {
        dn: String,
        #[source]
        source: Box<Fault>,
    },
    /// A search failed.
    #[error("search below `{base}`: {outcome}")]
    Search { base: String, outcome: String },
    /// The entries are in another directory.
    #[error(
        "the directory refers to another one, which is not followed: give the URL of the \
         directory that holds `{base}`"
    )]
    Referral { base: String },
    /// More groups than are looked at.
    #[error("look for the groups of `{dn}`: there are more than {most}; narrow `groups.base`")]
    TooManyGroups { dn: String, most: usize },
    /// The account that searches does not see what it must.
    #[error("read `{dn}`: {what}")]
    Unreadable { dn: String, what: String },
}

impl Fault {
    /// This server was not reached in time.
    pub(crate) fn slow(url: &LdapUrl, patience: Duration) -> Self {
        Self::Slow {
            server: url.to_string(),
            patience,
        }
    }

    /// Whether another server of the same directory may do better.
    pub(crate) fn tries_next(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::Slow { .. }
                | Self::Stalled { .. }
                | Self::Tls { .. }
                | Self::StartTls { .. }
                | Self::HungUp { .. }
                | Self::Broken { .. }
        )
    }
}
