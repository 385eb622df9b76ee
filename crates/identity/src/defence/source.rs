//! Where offences come from: what is banned as one.

use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv6Net};

/// An address of IPv4, or a /64 of IPv6: whoever has one address there has them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(IpNet);

impl Source {
    /// The source that an address belongs to. An IPv4 address within IPv6 is one of IPv4.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(IpNet::from(IpAddr::V4(address))),
            IpAddr::V6(address) => {
                let network = Ipv6Net::new_assert(address, 64).trunc();
                Self(IpNet::V6(network))
            }
        }
    }

    /// The source of a network's first address.
    pub fn within(network: IpNet) -> Self {
        Self::of(network.network())
    }

    /// The addresses that belong to it.
    pub fn network(self) -> IpNet {
        self.0
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpNet::V4(network) => network.addr().fmt(f),
            IpNet::V6(network) => network.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_an_address_or_a_64() {
        for (address, source) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ] {
            let address = address.parse().expect("address");
            assert_eq!(Source::of(address).to_string(), source);
        }
    }
}
