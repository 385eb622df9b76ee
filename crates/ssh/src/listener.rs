//! `Listener`: a bound socket, and how its clients come to it.

use tokio::net::TcpListener;

use crate::ProxyProtocol;

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    pub(crate) tcp: TcpListener,
    pub(crate) proxy: ProxyProtocol,
}

impl Listener {
    /// A socket whose clients come as `proxy` says.
    pub fn new(tcp: TcpListener, proxy: ProxyProtocol) -> Self {
        Self { tcp, proxy }
    }
}

impl From<TcpListener> for Listener {
    /// A socket whose clients come by themselves.
    fn from(tcp: TcpListener) -> Self {
        Self::new(tcp, ProxyProtocol::Off)
    }
}
