//! Who is kept out now: single sources that earned it, and whatever networks staff named.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use database::{Ban, EarnedBan, StoredBan};
use ipnet::IpNet;
use model::Timestamp;

use super::source::Source;
use super::tracked::{Fades, Tracked};

/// How long a ban of staff's that has ended is kept, so that its row is known when it is read again.
const KEPT: Duration = Duration::from_secs(60 * 60);

/// All bans that this node knows of.
#[derive(Debug)]
pub(super) struct Bans {
    earned: Tracked<Source, Earned>,
    /// By staff: as many as they wrote.
    stated: HashMap<IpNet, StoredBan>,
    /// The lengths of the networks in `stated`: an address is looked up once for each.
    lengths: BTreeSet<u8>,
    untold: Vec<EarnedBan>,
    most: usize,
}

#[derive(Debug)]
struct Earned {
    stored: StoredBan,
    /// Until when the next one is longer.
    remembered: Timestamp,
}

impl Fades for Earned {
    fn gone(&self) -> Timestamp {
        self.remembered.max(self.stored.ban.until)
    }
}

impl Bans {
    pub(super) fn new(most: usize) -> Self {
        Self {
            earned: Tracked::new(most),
            stated: HashMap::new(),
            lengths: BTreeSet::new(),
            untold: Vec::new(),
            most,
        }
    }

    /// What staff said of this address.
    pub(super) fn stated(&self, address: IpAddr, now: Timestamp) -> Option<&Ban> {
        let address = address.to_canonical();
        let mut networks = self
            .lengths
            .iter()
            .filter_map(|length| IpNet::new(address, *length).ok());
        networks.find_map(|network| {
            let stored = self.stated.get(&network.trunc())?;
            (stored.ban.until > now).then_some(&stored.ban)
        })
    }

    /// What this source earned.
    pub(super) fn earned(&self, source: Source, now: Timestamp) -> Option<&Ban> {
        let earned = self.earned.get(source)?;
        (earned.stored.ban.until > now).then_some(&earned.stored.ban)
    }

    /// How many bans of this source the next one follows on.
    pub(super) fn repeated(&self, source: Source, now: Timestamp) -> u32 {
        let earned = self.earned.get(source);
        let lately = earned.filter(|earned| earned.remembered > now);
        lately.map_or(0, |earned| earned.stored.ban.repeated.saturating_add(1))
    }

    /// A source has earned it, on this node.
    pub(super) fn earn(&mut self, earned: EarnedBan, longest: Duration) {
        let ban = earned.ban.clone();
        if self.untold.len() < self.most {
            self.untold.push(earned);
        }
        let changed = ban.since;
        self.hold(StoredBan { ban, changed }, longest);
    }

    /// Takes over what the database says. True where that is news.
    pub(super) fn learn(&mut self, row: StoredBan, longest: Duration, now: Timestamp) -> bool {
        let network = row.ban.network;
        let known = self.known(network);
        // What is newer here was earned since and will be told, unless staff want more.
        if known.is_some_and(|known| {
            let outdone = row.ban.by.is_some() && row.ban.until > known.ban.until;
            *known == row || known.changed > row.changed && !outdone
        }) {
            return false;
        }
        self.forget(network);
        self.stated
            .retain(|_, stored| now.since(stored.ban.until) < KEPT);
        self.hold(row, longest);
        true
    }

    /// All that hold now, in the order of their networks.
    pub(super) fn all(&self, now: Timestamp) -> Vec<Ban> {
        let earned = self.earned.iter().map(|(_, earned)| &earned.stored.ban);
        let stated = self.stated.values().map(|stored| &stored.ban);
        let mut all: Vec<Ban> = earned
            .chain(stated)
            .filter(|ban| ban.until > now)
            .cloned()
            .collect();
        all.sort_by_key(|ban| ban.network);
        all
    }

    /// What the other nodes are to be told, at most so many.
    pub(super) fn take_untold(&mut self, limit: usize) -> Vec<EarnedBan> {
        let count = self.untold.len().min(limit);
        self.untold.drain(..count).collect()
    }

    /// They could not be told.
    pub(super) fn put_back(&mut self, bans: Vec<EarnedBan>) {
        let room = self.most.saturating_sub(self.untold.len());
        self.untold.extend(bans.into_iter().take(room));
    }

    fn known(&self, network: IpNet) -> Option<&StoredBan> {
        let earned = self.earned.get(Source::within(network));
        let earned = earned
            .map(|earned| &earned.stored)
            .filter(|stored| stored.ban.network == network);
        self.stated.get(&network).or(earned)
    }

    fn forget(&mut self, network: IpNet) {
        self.stated.remove(&network);
        let source = Source::within(network);
        if source.network() == network {
            self.earned.remove(source);
        }
    }

    fn hold(&mut self, stored: StoredBan, longest: Duration) {
        let network = stored.ban.network;
        if stored.ban.by.is_some() {
            self.stated.insert(network, stored);
            self.lengths = self.stated.keys().map(IpNet::prefix_len).collect();
            return;
        }
        // One that was lifted is forgotten with what led to it.
        let lifted = stored.ban.until == stored.changed;
        let until = stored.ban.until;
        let remembered = if lifted { until } else { until.plus(longest) };
        let since = stored.ban.since;
        let earned = Earned { stored, remembered };
        self.earned.set(Source::within(network), since, earned);
    }
}
