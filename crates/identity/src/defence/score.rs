//! Scores of sources that offend: what counts how much, and how it fades.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use model::Timestamp;

use super::source::Source;
use super::tracked::{Fades, Tracked};

/// What counts against an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Offence {
    /// A name of the deny-list.
    DeniedName,
    /// A login that was refused, whatever was wrong. One weight for all: were unknown names heavier,
    /// the way to a ban would tell which names are known.
    Refused,
    /// A connection that spoke no SSH, or broke its rules.
    Protocol,
    /// A connection that held a place until its time was over, without an attempt to log in.
    Stalled,
}

impl Offence {
    /// A word for metrics labels and audit rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeniedName => "denied_name",
            Self::Refused => "refused_logins",
            Self::Protocol => "protocol",
            Self::Stalled => "stalled",
        }
    }
}

/// What offences count, and when they end in a ban. A score loses a point every `forgiven_every`.
#[derive(Debug, Clone)]
pub struct ScoreSettings {
    /// Points of a name of the deny-list.
    pub denied_name: u32,
    /// Points of a refused login.
    pub refused: u32,
    /// Points of a connection that broke the protocol's rules.
    pub protocol: u32,
    /// Points of a connection that let the time for the login pass.
    pub stalled: u32,
    /// The score that ends in a ban; 0 for none.
    pub ban_at: u32,
    /// How long a point counts.
    pub forgiven_every: Duration,
    /// How long the first ban is. Each that follows soon is twice as long.
    pub ban: Duration,
    /// How long a ban is at most, and how long after one the next is longer.
    pub longest_ban: Duration,
    /// How long a refusal is held back at most, just before a ban.
    pub tarpit: Duration,
    /// Networks that are never scored, banned or slowed for how often they connect: the office, a
    /// proxy on this machine.
    pub exempt: Vec<IpNet>,
}

impl Default for ScoreSettings {
    fn default() -> Self {
        Self {
            denied_name: 10,
            refused: 2,
            protocol: 2,
            stalled: 4,
            ban_at: 40,
            forgiven_every: Duration::from_secs(30),
            ban: Duration::from_secs(15 * 60),
            longest_ban: Duration::from_secs(24 * 60 * 60),
            tarpit: Duration::from_secs(5),
            exempt: Vec::new(),
        }
    }
}

impl ScoreSettings {
    /// Whether this address is left alone.
    pub fn exempts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.exempt.iter().any(|network| network.contains(&address))
    }

    /// What an offence adds to the time until the score is zero.
    pub(super) fn weight(&self, offence: Offence) -> Duration {
        let points = match offence {
            Offence::DeniedName => self.denied_name,
            Offence::Refused => self.refused,
            Offence::Protocol => self.protocol,
            Offence::Stalled => self.stalled,
        };
        self.forgiven_every.saturating_mul(points)
    }

    /// The time until zero that ends in a ban; none where nothing does.
    fn bound(&self) -> Option<Duration> {
        let bound = self.forgiven_every.saturating_mul(self.ban_at);
        (!bound.is_zero()).then_some(bound)
    }

    /// How long a ban is that follows on so many.
    pub(super) fn length(&self, before: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(before.min(31));
        self.ban.saturating_mul(doubled).min(self.longest_ban)
    }
}

/// The scores of all sources that offended lately: each is the time at which it is zero again.
#[derive(Debug)]
pub(super) struct Scores {
    clean: Tracked<Source, Timestamp>,
    /// In microseconds: how they changed since the other nodes were told.
    untold: HashMap<Source, i64>,
    most: usize,
}

impl Scores {
    /// Nobody has a score. At most `most` sources have one at a time; of more, those go first that
    /// are soonest clean.
    pub(super) fn new(most: usize) -> Self {
        Self {
            clean: Tracked::new(most),
            untold: HashMap::new(),
            most,
        }
    }

    /// Counts an offence. True where that is enough for a ban.
    pub(super) fn add(
        &mut self,
        source: Source,
        weight: Duration,
        settings: &ScoreSettings,
        now: Timestamp,
    ) -> bool {
        if weight.is_zero() {
            return false;
        }
        let clean = self.clean.entry(source, now, || now);
        *clean = (*clean).max(now).plus(weight);
        // A point that has begun to fade still counts: twenty guesses take their time too.
        let reached = settings
            .bound()
            .is_some_and(|bound| clean.since(now).saturating_add(settings.forgiven_every) > bound);
        self.note(source, micros(weight));
        reached
    }

    /// Takes back so much of what was counted.
    pub(super) fn forgive(&mut self, source: Source, weight: Duration, now: Timestamp) {
        let Some(clean) = self.clean.get_mut(source) else {
            return;
        };
        let less = micros(clean.since(now).min(weight));
        *clean = Timestamp::from_micros(clean.as_micros().saturating_sub(less));
        self.note(source, -less);
    }

    /// Starts anew: what was counted is paid.
    pub(super) fn reset(&mut self, source: Source) {
        self.clean.remove(source);
        self.untold.remove(&source);
    }

    /// How long a refusal is held back: in proportion to the score.
    pub(super) fn tarpit(
        &self,
        source: Source,
        settings: &ScoreSettings,
        now: Timestamp,
    ) -> Duration {
        let clean = self.clean.get(source);
        let score = clean.map_or(Duration::ZERO, |clean| clean.since(now));
        settings.bound().map_or(Duration::ZERO, |bound| {
            let part = score.as_secs_f64() / bound.as_secs_f64();
            settings.tarpit.mul_f64(part.min(1.0))
        })
    }

    /// What the other nodes are to be told, at most so many sources of it.
    pub(super) fn take_untold(&mut self, limit: usize) -> Vec<(IpNet, i64)> {
        let sources: Vec<Source> = self.untold.keys().take(limit).copied().collect();
        let taken = sources.into_iter().filter_map(|source| {
            let change = self.untold.remove(&source)?;
            (change != 0).then_some((source.network(), change))
        });
        taken.collect()
    }

    /// They could not be told.
    pub(super) fn put_back(&mut self, untold: Vec<(IpNet, i64)>) {
        for (network, change) in untold {
            self.note(Source::within(network), change);
        }
    }

    /// Takes over what all nodes together counted of a source, this one up to what is untold.
    pub(super) fn learn(&mut self, source: Source, shared: Timestamp, now: Timestamp) {
        let own = self.untold.get(&source).copied().unwrap_or_default();
        let clean = shared.max(now).as_micros().saturating_add(own);
        *self.clean.entry(source, now, || now) = Timestamp::from_micros(clean);
    }

    fn note(&mut self, source: Source, change: i64) {
        // Of a flood the other nodes hear later, from what they meet of it themselves.
        if self.untold.len() < self.most || self.untold.contains_key(&source) {
            let untold = self.untold.entry(source).or_default();
            *untold = untold.saturating_add(change);
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Of a map of times: what is past says nothing.
impl Fades for Timestamp {
    fn gone(&self) -> Timestamp {
        *self
    }
}
