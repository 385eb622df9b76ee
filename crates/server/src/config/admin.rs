//! `[admin]`: the door of health and metrics.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[admin]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdminConfig {
    /// Where `/healthz`, `/readyz` and `/metrics` answer; port 0 takes a free one.
    pub listen: SocketAddr,
    /// TLS; plain HTTP where absent.
    pub tls: Option<TlsConfig>,
}

/// `[admin.tls]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// A PEM file: the certificate, then its chain. Read again when it changes.
    pub certificate: PathBuf,
    /// A PEM file: the private key. Read again when it changes.
    pub key: PathBuf,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8022)),
            tls: None,
        }
    }
}
