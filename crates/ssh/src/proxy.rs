//! The PROXY protocol at a listener: who may introduce clients, and whom he introduced.

mod header;

use std::io;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use header::{Malformed, Parsed};

/// Whether clients of a listener come through a balancer that says who they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// They come by themselves; a header would be refused as no SSH.
    #[default]
    Off,
    /// Every connection comes from one of these networks and begins with a header of the PROXY
    /// protocol, version 1 or 2, within the time for the login. Any other is closed at once.
    Require(Vec<IpNet>),
}

impl ProxyProtocol {
    /// Whether `peer` may introduce clients here.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        match self {
            Self::Off => false,
            Self::Require(networks) => {
                let peer = peer.to_canonical();
                networks.iter().any(|network| network.contains(&peer))
            }
        }
    }
}

/// Why a connection was closed before its first byte of SSH.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Rejected {
    /// Its peer is no balancer of ours.
    #[error("its address is not in a trusted network")]
    Untrusted,
    /// It did not begin with a header.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It ended before its header did. A balancer's probe does so.
    #[error("it was closed before a PROXY header")]
    Closed,
    /// No header came in time.
    #[error("no PROXY header came in time")]
    Late,
    /// It broke.
    #[error("it broke before a PROXY header: {0}")]
    Broken(#[from] io::Error),
}

/// Reads the header and not one byte behind it. Whom it names; none where the balancer speaks for
/// itself.
pub(crate) async fn read_header(tcp: &mut TcpStream) -> Result<Option<SocketAddr>, Rejected> {
    let mut header: Vec<u8> = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        // What is peeked at stays for SSH, unless it belongs to the header.
        let seen = tcp.peek(&mut buffer).await?;
        if seen == 0 {
            return Err(Rejected::Closed);
        }
        let before = header.len();
        header.extend(buffer.iter().take(seen));
        let (ours, found) = match header::parse(&header)? {
            Parsed::Incomplete => (seen, None),
            Parsed::Header { length, source } => (length.saturating_sub(before), Some(source)),
        };
        let ours = buffer.get_mut(..ours).unwrap_or_default();
        tcp.read_exact(ours).await?;
        if let Some(source) = found {
            return Ok(source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_are_of_their_network() {
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|text| text.parse().expect("a network"));
        let proxy = ProxyProtocol::Require(networks.to_vec());
        for (address, trusted) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("fd00::1", true),
            ("11.1.2.3", false),
            ("::1", false),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(proxy.trusts(address), trusted, "{address}");
        }
        assert!(!ProxyProtocol::Off.trusts("10.1.2.3".parse().expect("an address")));
    }
}
