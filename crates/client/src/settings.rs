//! What a caller may set of a connection.

use std::time::Duration;

use crate::HostKeyKind;

/// How a client goes about its work.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long the connection with its key exchange, and each login, may take. Default 30 s.
    pub connect: Duration,
    /// How long the server may take to answer one request. Default 60 s.
    pub answer: Duration,
    /// Bytes that one file asks for ahead of its reader, or has under way to the server. Default
    /// 2 MiB.
    pub window: usize,
    /// Without a word from the server for this long it is asked whether it lives; three times
    /// without an answer end the connection. Default 15 s.
    pub keepalive: Duration,
    /// The one kind of host key that the server may show; whatever it has where none.
    pub host_key: Option<HostKeyKind>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            answer: Duration::from_secs(60),
            window: 2 << 20,
            keepalive: Duration::from_secs(15),
            host_key: None,
        }
    }
}
