//! Who may connect now: counts of connections, in all, by address, and before their login.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use crate::Limits;

/// The counts of a server.
#[derive(Debug, Default)]
pub(crate) struct Admission(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    starting: usize,
    by_address: HashMap<IpAddr, OfAddress>,
}

#[derive(Debug, Default)]
struct OfAddress {
    all: usize,
    starting: usize,
}

/// Why a connection is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("too many connections")]
    Connections,
    #[error("too many connections from this address")]
    Address,
    #[error("too many connections that have not logged in")]
    Startups,
    #[error("too many connections from this address that have not logged in")]
    AddressStartups,
}

/// A connection's place in the counts; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    /// Unknown until a balancer has said it.
    address: Option<IpAddr>,
    starting: bool,
}

impl Refused {
    /// A word for metrics labels and audit rows.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Address => "connections_of_address",
            Self::Startups => "startups",
            Self::AddressStartups => "startups_of_address",
        }
    }
}

impl Admission {
    /// Takes a place. `dice` is a random number below 100. Where the peer's address is not known
    /// yet, its limit is checked by [`Place::name`].
    pub(crate) fn enter(
        self: &Arc<Self>,
        peer: Option<IpAddr>,
        limits: &Limits,
        dice: u8,
    ) -> Result<Place, Refused> {
        let mut counts = self.lock();
        if counts.all >= limits.connections {
            return Err(Refused::Connections);
        }
        if let Some(peer) = peer {
            counts.check(network(peer), limits)?;
        }
        if usize::from(dice) < refusal_percent(counts.starting, limits) {
            return Err(Refused::Startups);
        }
        counts.all += 1;
        counts.starting += 1;
        let address = peer.map(network);
        if let Some(address) = address {
            counts.begin(address);
        }
        Ok(Place {
            admission: self.clone(),
            address,
            starting: true,
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn check(&self, address: IpAddr, limits: &Limits) -> Result<(), Refused> {
        let Some(from_there) = self.by_address.get(&address) else {
            return Ok(());
        };
        if from_there.all >= limits.connections_per_address {
            return Err(Refused::Address);
        }
        // One address is not to take the places that all share.
        if from_there.starting >= limits.startups_per_address {
            return Err(Refused::AddressStartups);
        }
        Ok(())
    }

    fn begin(&mut self, address: IpAddr) {
        let from_there = self.by_address.entry(address).or_default();
        from_there.all += 1;
        from_there.starting += 1;
    }
}

impl Place {
    /// The connection's address is known now, and counts.
    pub(crate) fn name(&mut self, peer: IpAddr, limits: &Limits) -> Result<(), Refused> {
        let address = network(peer);
        let mut counts = self.admission.lock();
        counts.check(address, limits)?;
        counts.begin(address);
        self.address = Some(address);
        Ok(())
    }

    /// The connection has logged in.
    pub(crate) fn started(&mut self) {
        if !std::mem::take(&mut self.starting) {
            return;
        }
        let mut counts = self.admission.lock();
        counts.starting -= 1;
        let from_there = self
            .address
            .and_then(|address| counts.by_address.get_mut(&address));
        if let Some(from_there) = from_there {
            from_there.starting -= 1;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.admission.lock();
        counts.all -= 1;
        counts.starting -= usize::from(self.starting);
        let Some(address) = self.address else {
            return;
        };
        if let Some(from_there) = counts.by_address.get_mut(&address) {
            from_there.all -= 1;
            from_there.starting -= usize::from(self.starting);
            if from_there.all == 0 {
                counts.by_address.remove(&address);
            }
        }
    }
}

/// How many percent are refused with so many connections starting: none below `start`, `rate` at
/// it, growing linearly to all at `full`.
fn refusal_percent(starting: usize, limits: &Limits) -> usize {
    let startups = limits.startups;
    if starting < startups.start {
        return 0;
    }
    if starting >= startups.full {
        return 100;
    }
    let rate = usize::from(startups.rate);
    rate + (100 - rate) * (starting - startups.start) / (startups.full - startups.start)
}

/// One subscriber has a whole IPv6 /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Startups;

    fn limits() -> Limits {
        Limits {
            connections: 5,
            connections_per_address: 2,
            startups: Startups {
                start: 2,
                rate: 50,
                full: 4,
            },
            ..Limits::default()
        }
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn each_limit_refuses_and_places_come_back() {
        let admission = Arc::new(Admission::default());
        let enter = |last| admission.enter(Some(address(last)), &limits(), 99);
        let mut places: Vec<Place> = vec![enter(1).expect("first"), enter(1).expect("second")];
        assert_eq!(enter(1).expect_err("third"), Refused::Address);
        places.extend([enter(2).expect("third"), enter(2).expect("fourth")]);
        assert_eq!(enter(3).expect_err("all starting"), Refused::Startups);
        places.iter_mut().for_each(Place::started);
        places.push(enter(3).expect("fifth"));
        assert_eq!(enter(4).expect_err("full"), Refused::Connections);
        drop(places);
        let counts = admission.lock();
        assert_eq!((counts.all, counts.starting), (0, 0));
        assert!(counts.by_address.is_empty());
    }

    #[test]
    fn an_address_counts_once_it_is_known() {
        let admission = Arc::new(Admission::default());
        let enter = || admission.enter(None, &limits(), 99).expect("a place");
        let mut places: Vec<Place> = (0..3).map(|_| enter()).collect();
        let outcomes: Vec<_> = places
            .iter_mut()
            .map(|place| place.name(address(1), &limits()))
            .collect();
        assert_eq!(outcomes, [Ok(()), Ok(()), Err(Refused::Address)]);
        drop(places);
        let counts = admission.lock();
        assert_eq!((counts.all, counts.starting), (0, 0));
        assert!(counts.by_address.is_empty());
    }

    #[test]
    fn early_refusal_grows_linearly() {
        for (starting, percent) in [(0, 0), (1, 0), (2, 50), (3, 75), (4, 100), (9, 100)] {
            assert_eq!(refusal_percent(starting, &limits()), percent, "{starting}");
        }
    }

    #[test]
    fn an_ipv6_subscriber_is_one_address() {
        let parse = |text: &str| text.parse::<IpAddr>().expect("address");
        assert_eq!(
            network(parse("2001:db8::1")),
            network(parse("2001:db8::ffff:2"))
        );
        assert_ne!(
            network(parse("2001:db8::1")),
            network(parse("2001:db8:0:1::1"))
        );
        assert_eq!(network(parse("::ffff:192.0.2.1")), address(1));
    }
}
