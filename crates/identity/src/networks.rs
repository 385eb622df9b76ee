//! The networks that logins may come from.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// A text that is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read network {text:?}: {fault}")]
pub struct InvalidNetwork {
    text: String,
    fault: String,
}

/// Whether an address may come in, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkDecision {
    /// It may.
    Allowed,
    /// It lies in a network that is kept out.
    DeniedBy(IpNet),
    /// There are networks that may come in, and it lies in none of them.
    NotListed,
}

impl NetworkDecision {
    /// Whether it may come in.
    pub fn is_allowed(self) -> bool {
        self == Self::Allowed
    }
}

impl fmt::Display for NetworkDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed => f.write_str("allowed"),
            Self::DeniedBy(network) => write!(f, "the network {network} is denied"),
            Self::NotListed => f.write_str("the address is in none of the allowed networks"),
        }
    }
}

/// The networks that logins may come from, of a server or of a user. What is denied stays out
/// even where it is allowed too. With no networks to allow everybody else may come. Who must
/// satisfy a server's networks and a user's asks both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks {
    allow: Vec<IpNet>,
    deny: Vec<IpNet>,
}

impl Networks {
    /// Reads networks (`192.0.2.0/24`, `2001:db8::/32`) and single addresses.
    ///
    /// # Errors
    /// [`InvalidNetwork`] names the first that is none.
    pub fn parse<'a>(
        allow: impl IntoIterator<Item = &'a str>,
        deny: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, InvalidNetwork> {
        Ok(Self {
            allow: allow.into_iter().map(network).collect::<Result<_, _>>()?,
            deny: deny.into_iter().map(network).collect::<Result<_, _>>()?,
        })
    }

    /// Whether this address may come in. An IPv4 address within IPv6 (`::ffff:192.0.2.1`) is one
    /// of IPv4.
    pub fn decide(&self, address: IpAddr) -> NetworkDecision {
        let address = address.to_canonical();
        let holds = |network: &&IpNet| network.contains(&address);
        match self.deny.iter().find(holds) {
            Some(network) => NetworkDecision::DeniedBy(*network),
            None if self.allow.is_empty() => NetworkDecision::Allowed,
            None if self.allow.iter().any(|network| holds(&network)) => NetworkDecision::Allowed,
            None => NetworkDecision::NotListed,
        }
    }
}

fn network(text: &str) -> Result<IpNet, InvalidNetwork> {
    let fault = |fault: &str| InvalidNetwork {
        text: text.chars().take(60).collect(),
        fault: fault.to_owned(),
    };
    let trimmed = text.trim();
    let parsed = match trimmed.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => trimmed
            .parse::<IpNet>()
            .map_err(|_| fault("expected an address or a network as 192.0.2.0/24"))?,
    };
    if parsed.addr().to_canonical() != parsed.addr() {
        return Err(fault("write it as a network of IPv4"));
    }
    match parsed.trunc() == parsed {
        true => Ok(parsed),
        // Either the address or the length is a slip, and which decides who gets in.
        false => Err(fault(&format!(
            "it has bits behind its length: is it {} or {}?",
            parsed.trunc(),
            parsed.addr()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(networks: &Networks, address: &str) -> String {
        networks
            .decide(address.parse().expect("address"))
            .to_string()
    }

    #[test]
    fn what_is_denied_stays_out_and_the_rest_must_be_allowed_if_anything_is() {
        let networks = Networks::parse(
            ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"],
            ["192.0.2.128/25"],
        )
        .expect("networks");
        for (address, decision) in [
            ("192.0.2.1", "allowed"),
            ("::ffff:192.0.2.1", "allowed"),
            ("192.0.2.129", "the network 192.0.2.128/25 is denied"),
            ("::ffff:192.0.2.129", "the network 192.0.2.128/25 is denied"),
            (
                "192.0.3.1",
                "the address is in none of the allowed networks",
            ),
            ("198.51.100.7", "allowed"),
            (
                "198.51.100.8",
                "the address is in none of the allowed networks",
            ),
            ("2001:db8:1::1", "allowed"),
            (
                "2001:db9::1",
                "the address is in none of the allowed networks",
            ),
        ] {
            assert_eq!(decide(&networks, address), decision, "{address}");
        }
        let denying = Networks::parse([], ["0.0.0.0/0"]).expect("networks");
        assert!(
            !denying
                .decide("192.0.2.1".parse().expect("address"))
                .is_allowed()
        );
        assert!(
            denying
                .decide("2001:db8::1".parse().expect("address"))
                .is_allowed()
        );
        assert_eq!(decide(&Networks::default(), "192.0.2.1"), "allowed");
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for (text, why) in [
            ("", "expected"),
            ("all", "expected"),
            ("192.0.2.0/33", "expected"),
            ("192.0.2", "expected"),
            ("192.0.2.5/24", "192.0.2.0/24 or 192.0.2.5"),
            ("::ffff:192.0.2.0/120", "IPv4"),
        ] {
            let error = Networks::parse([text], []).expect_err(text).to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
