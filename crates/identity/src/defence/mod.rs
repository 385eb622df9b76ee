//! What keeps guessers out before any provider is asked: lists, scores, bans and rates.
//!
//! [`Defence`] is the state of one process, without I/O. A [`Guard`] shares it with the other nodes,
//! and a [`Visit`] is one connection under its eyes. Addresses are banned; users are slowed, so that
//! nobody locks another out by guessing at his name, and who got in from an address lately gets in
//! while a neighbour of his is banned there (decision 25).

mod bans;
mod bucket;
mod chronicle;
mod decision;
mod denied_names;
mod familiar;
mod guard;
mod score;
mod settings;
mod source;
#[cfg(test)]
mod tests;
mod tracked;
mod visit;

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use database::{Ban, EarnedBan, Score, Sightings, StoredBan};
use ipnet::IpNet;
use model::{Clock, Secret, Timestamp};

pub use self::bucket::{Bucket, Rate, TooOften};
pub use self::decision::{Decision, Refusal};
pub use self::denied_names::DeniedNames;
pub use self::guard::{Guard, GuardSettings};
pub use self::score::{Offence, ScoreSettings};
pub use self::settings::DefenceSettings;
pub use self::source::Source;
pub use self::visit::{Hold, Visit};

use self::bans::Bans;
use self::familiar::Pairs;
use self::score::Scores;

/// How long the same refused credential is no new guess.
const GUESS_KNOWN: Duration = Duration::from_secs(24 * 60 * 60);
/// How much earlier than it ends a familiarity is written down again.
const RENEWED: Duration = Duration::from_secs(24 * 60 * 60);

/// Keeps guessers out of one server. Shared by its connections.
#[derive(Debug)]
pub struct Defence {
    clock: Arc<dyn Clock>,
    hasher: RandomState,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    settings: Arc<DefenceSettings>,
    scores: Scores,
    bans: Bans,
    pairs: Pairs,
    connections: Bucket<Source>,
    /// By a hash of the name: whatever a client sends takes eight bytes.
    attempts: Bucket<u64>,
    /// Familiarities that the other nodes have not heard of.
    untold: Vec<(IpNet, String, Timestamp)>,
}

impl Defence {
    /// Nobody has offended yet.
    pub fn new(settings: DefenceSettings, clock: Arc<dyn Clock>) -> Self {
        let most = settings.remembered;
        let state = State {
            scores: Scores::new(most),
            bans: Bans::new(most),
            pairs: Pairs::new(most),
            connections: Bucket::new(settings.connections, most),
            attempts: Bucket::new(settings.attempts, most),
            untold: Vec::new(),
            settings: Arc::new(settings),
        };
        Self {
            clock,
            hasher: RandomState::new(),
            state: Mutex::new(state),
        }
    }

    /// Other settings from now on; what was counted stays, and how much is remembered.
    pub fn set(&self, settings: DefenceSettings) {
        let (_, mut state) = self.lock();
        state.connections.set_rate(settings.connections);
        state.attempts.set_rate(settings.attempts);
        state.settings = Arc::new(settings);
    }

    /// Whether a connection may be served: asked once, before anything is said to the client.
    pub fn connection(&self, address: IpAddr) -> Decision {
        let (now, mut state) = self.lock();
        let settings = Arc::clone(&state.settings);
        let network = settings.networks.decide(address);
        if !network.is_allowed() {
            return Decision::Refuse(Refusal::Network(network));
        }
        if settings.scores.exempts(address) {
            return Decision::AT_ONCE;
        }
        let source = Source::of(address);
        if let Some(ban) = state.bans.stated(address, now) {
            return Decision::Refuse(Refusal::Banned(Box::new(ban.clone())));
        }
        // Whoever got in from there lately is to get as far as his name.
        if let Some(ban) = state.bans.earned(source, now)
            && !state.pairs.knows(source, now)
        {
            return Decision::Refuse(Refusal::Banned(Box::new(ban.clone())));
        }
        state.connections.take(source, now, Duration::ZERO).into()
    }

    /// Whether anything may be asked about this name for somebody at `address`: before a key that he
    /// offers is looked up. `name` is the user's, without its provider, as the client sent it.
    pub fn offer(&self, address: Option<IpAddr>, name: &str) -> Result<(), Refusal> {
        let (now, state) = self.lock();
        self.admits(&state, address, name, now)
    }

    /// Whether somebody's credential may be looked at: asked before each attempt by password or
    /// signature. Who comes from where this user got in lately is not held back, whatever others
    /// try under his name. An address that is not watched is none.
    pub fn attempt(&self, address: Option<IpAddr>, name: &str) -> Decision {
        let (now, mut state) = self.lock();
        if let Err(refusal) = self.admits(&state, address, name, now) {
            return Decision::Refuse(refusal);
        }
        if let Some(address) = address
            && state.pairs.is_familiar(self.pair(address, name), now)
        {
            return Decision::AT_ONCE;
        }
        let patience = state.settings.patience;
        let name = self.hasher.hash_one(name);
        let taken = state.attempts.take(name, now, patience);
        Decision::Proceed {
            wait: taken.unwrap_or(patience),
        }
    }

    fn admits(
        &self,
        state: &State,
        address: Option<IpAddr>,
        name: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if state.settings.denied_names.contains(name) {
            return Err(Refusal::DeniedName);
        }
        let watched = address.filter(|address| !state.settings.scores.exempts(*address));
        let Some(address) = watched else {
            return Ok(());
        };
        // It may have been banned by what another connection of it did.
        let ban = state.bans.stated(address, now).or_else(|| {
            let earned = state.bans.earned(Source::of(address), now);
            earned.filter(|_| !state.pairs.is_familiar(self.pair(address, name), now))
        });
        match ban {
            Some(ban) => Err(Refusal::Banned(Box::new(ban.clone()))),
            None => Ok(()),
        }
    }

    /// Whether staff keep this address out: then what it has open ends as well.
    pub fn is_kept_out(&self, address: IpAddr) -> bool {
        let (now, state) = self.lock();
        !state.settings.scores.exempts(address) && state.bans.stated(address, now).is_some()
    }

    /// Remembers that this user got in from here, and takes back what his own mistakes counted. What
    /// was counted for other names stays: a guesser with an account of his own gains nothing by
    /// logging in between.
    pub fn succeeded(&self, address: IpAddr, name: &str) {
        let (now, mut state) = self.lock();
        let source = Source::of(address);
        let until = now.plus(state.settings.familiar);
        let pair = self.pair(address, name);
        let (slips, before) = state.pairs.succeeded(pair, source, until, now);
        state.scores.forgive(source, slips, now);
        let renew = until.since(before) >= RENEWED.min(state.settings.familiar);
        if renew && state.untold.len() < state.settings.remembered {
            let told = (source.network(), name.to_owned(), until);
            state.untold.push(told);
        }
    }

    /// Counts a refused login. `credential` is what was shown, where that is known: the same again is
    /// not counted again. Returns the ban that it led to.
    pub fn refused(
        &self,
        address: IpAddr,
        name: &str,
        credential: Option<&Secret<String>>,
    ) -> Option<Ban> {
        let (now, mut state) = self.lock();
        let settings = Arc::clone(&state.settings);
        if settings.scores.exempts(address) {
            return None;
        }
        let source = Source::of(address);
        if let Some(credential) = credential {
            let guess = self.hasher.hash_one((source, name, credential.expose()));
            if !state.pairs.is_new(guess, now.plus(GUESS_KNOWN), now) {
                return None;
            }
        }
        let pair = self.pair(address, name);
        if state.bans.earned(source, now).is_some() {
            state.pairs.guessed(pair, now);
            return None;
        }
        let weight = settings.scores.weight(Offence::Refused);
        state.pairs.slipped(pair, weight, now);
        state.offended(address, Offence::Refused, now)
    }

    /// Counts another offence. Returns the ban that it led to.
    pub fn offended(&self, address: IpAddr, offence: Offence) -> Option<Ban> {
        let (now, mut state) = self.lock();
        if state.settings.scores.exempts(address) {
            return None;
        }
        state.offended(address, offence, now)
    }

    /// How long the refusal of this address is to be held back: longer the worse it behaves.
    pub fn tarpit(&self, address: IpAddr) -> Duration {
        let (now, state) = self.lock();
        let settings = &state.settings.scores;
        state.scores.tarpit(Source::of(address), settings, now)
    }

    /// The bans that hold now, in the order of their networks.
    pub fn bans(&self) -> Vec<Ban> {
        let (now, state) = self.lock();
        state.bans.all(now)
    }

    /// What the other nodes are to be told, at most `limit` of each kind.
    pub fn take_untold(&self, limit: usize) -> Sightings {
        let (_, mut state) = self.lock();
        let count = state.untold.len().min(limit);
        Sightings {
            bans: state.bans.take_untold(limit),
            scores: state.scores.take_untold(limit),
            familiar: state.untold.drain(..count).collect(),
        }
    }

    /// They could not be told.
    pub fn put_back(&self, untold: Sightings) {
        let (_, mut state) = self.lock();
        state.scores.put_back(untold.scores);
        state.bans.put_back(untold.bans);
        let room = state.settings.remembered.saturating_sub(state.untold.len());
        state.untold.extend(untold.familiar.into_iter().take(room));
    }

    /// Takes over what all nodes together know.
    pub fn learn(
        &self,
        bans: Vec<StoredBan>,
        scores: Vec<Score>,
        familiar: Vec<(IpNet, String, Timestamp)>,
    ) {
        let (now, mut state) = self.lock();
        let longest = state.settings.scores.longest_ban;
        for row in bans {
            let source = Source::within(row.ban.network);
            let whole = source.network() == row.ban.network;
            // What led to a ban is paid, and what led to one that was lifted is forgotten.
            if state.bans.learn(row, longest, now) && whole {
                state.scores.reset(source);
            }
        }
        for score in scores {
            let source = Source::within(score.source);
            if state.bans.earned(source, now).is_none() {
                state.scores.learn(source, score.clean, now);
            }
        }
        for (network, name, until) in familiar {
            let source = Source::within(network);
            let pair = self.hasher.hash_one((source, name.as_str()));
            state.pairs.learn(pair, source, until, now);
        }
    }

    fn pair(&self, address: IpAddr, name: &str) -> u64 {
        self.hasher.hash_one((Source::of(address), name))
    }

    fn lock(&self) -> (Timestamp, MutexGuard<'_, State>) {
        // Counters are whole after every line, so a panic elsewhere spoils nothing.
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (self.clock.now(), state)
    }
}

impl State {
    fn offended(&mut self, address: IpAddr, offence: Offence, now: Timestamp) -> Option<Ban> {
        let source = Source::of(address);
        let settings = Arc::clone(&self.settings);
        let scores = &settings.scores;
        if self.bans.earned(source, now).is_some() {
            return None;
        }
        if !self.scores.add(source, scores.weight(offence), scores, now) {
            return None;
        }
        let repeated = self.bans.repeated(source, now);
        let ban = Ban {
            network: source.network(),
            reason: offence.as_str().to_owned(),
            since: now,
            until: now.plus(scores.length(repeated)),
            by: None,
            repeated,
        };
        self.scores.reset(source);
        let earned = EarnedBan {
            ban: ban.clone(),
            address,
        };
        self.bans.earn(earned, scores.longest_ban);
        Some(ban)
    }
}
