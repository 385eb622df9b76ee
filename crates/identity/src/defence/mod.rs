//! What keeps guessers out before any provider is asked: lists, scores, bans and rates.
//!
//! State of one process, without I/O: what all nodes must know of each other is written by the
//! caller, who hears of every ban and can make one. Addresses are banned; users are slowed, so
//! that nobody locks another out by guessing at his name.

mod bucket;
mod denied_names;
mod score;
mod source;
mod tracked;

use std::hash::BuildHasher;
use std::hash::RandomState;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::{Clock, ServerId, Timestamp};

pub use self::bucket::{Bucket, Rate, TooOften};
pub use self::denied_names::DeniedNames;
pub use self::score::{Ban, Offence, ScoreSettings, Scores};
pub use self::source::Source;

use self::tracked::Tracked;
use crate::{NetworkDecision, Networks};

/// How a server is defended.
#[derive(Debug, Clone)]
pub struct DefenceSettings {
    /// The networks that may come in.
    pub networks: Networks,
    /// Names that nobody has, so that nobody is asked about them.
    pub denied_names: DeniedNames,
    /// What offences count, and when they end in a ban.
    pub scores: ScoreSettings,
    /// How often an address may connect.
    pub connections: Rate,
    /// How often strangers may try to log in under one name; beyond that they are slowed.
    pub attempts: Rate,
    /// How long an attempt is held back at most. Nobody is refused for what others try under his
    /// name.
    pub patience: Duration,
    /// How long an address from which a user got in is no stranger to him.
    pub familiar: Duration,
    /// The most addresses, and the most names, that are remembered.
    pub remembered: usize,
}

impl Default for DefenceSettings {
    fn default() -> Self {
        Self {
            networks: Networks::default(),
            denied_names: DeniedNames::default(),
            scores: ScoreSettings::default(),
            connections: Rate {
                burst: 60,
                every: Duration::from_secs(1),
            },
            attempts: Rate {
                burst: 10,
                every: Duration::from_secs(3),
            },
            patience: Duration::from_secs(10),
            familiar: Duration::from_secs(30 * 24 * 60 * 60),
            remembered: 100_000,
        }
    }
}

/// What is to be done with a connection or an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It may go on, after this long; mostly at once.
    Proceed {
        /// How long it is held back.
        wait: Duration,
    },
    /// It is refused, and no provider is asked.
    Refuse(Refusal),
}

/// Why a connection or an attempt is refused. For the log, the audit and metrics; the client
/// hears what everybody hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The address is banned.
    Banned(Ban),
    /// The address lies in a network that may not come in.
    Network(NetworkDecision),
    /// The name is on the deny-list.
    DeniedName,
    /// It happens too often.
    TooOften {
        /// When it would be taken again.
        retry_after: Duration,
    },
}

impl Refusal {
    /// A word for metrics labels and audit rows.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Banned(_) => "banned",
            Self::Network(_) => "network",
            Self::DeniedName => "denied_name",
            Self::TooOften { .. } => "too_often",
        }
    }
}

/// Keeps guessers out of one server. Shared by its connections.
#[derive(Debug)]
pub struct Defence {
    server: ServerId,
    settings: DefenceSettings,
    clock: Arc<dyn Clock>,
    hasher: RandomState,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    scores: Scores,
    connections: Bucket<Source>,
    /// By a hash of the name: whatever a client sends takes eight bytes.
    attempts: Bucket<u64>,
    /// By a hash of source and name: until when they belong together.
    familiar: Tracked<u64, Timestamp>,
}

impl Defence {
    /// Nobody has offended yet.
    pub fn new(server: ServerId, settings: DefenceSettings, clock: Arc<dyn Clock>) -> Self {
        let state = State {
            scores: Scores::new(settings.scores.clone(), settings.remembered),
            connections: Bucket::new(settings.connections, settings.remembered),
            attempts: Bucket::new(settings.attempts, settings.remembered),
            familiar: Tracked::new(settings.remembered),
        };
        Self {
            server,
            settings,
            clock,
            hasher: RandomState::new(),
            state: Mutex::new(state),
        }
    }

    /// The server that is defended.
    pub fn server(&self) -> &ServerId {
        &self.server
    }

    /// Whether a connection may be served: asked once, before anything is said to the client.
    pub fn connection(&self, address: IpAddr) -> Decision {
        let network = self.settings.networks.decide(address);
        if !network.is_allowed() {
            return Decision::Refuse(Refusal::Network(network));
        }
        let (now, mut state) = self.lock();
        if let Some(ban) = state.scores.ban_of(address, now) {
            return Decision::Refuse(Refusal::Banned(ban));
        }
        let taken = state
            .connections
            .take(Source::of(address), now, Duration::ZERO);
        decision(taken)
    }

    /// Whether somebody's credential may be looked at: asked before each attempt by password or
    /// signature. `name` is the user's, without its provider, as the client sent it. Who comes
    /// from where this user got in lately is not held back, whatever others try under his name.
    pub fn attempt(&self, address: IpAddr, name: &str) -> Decision {
        let (now, mut state) = self.lock();
        // The address may have been banned by what another connection of it did.
        if let Some(ban) = state.scores.ban_of(address, now) {
            return Decision::Refuse(Refusal::Banned(ban));
        }
        if self.settings.denied_names.contains(name) {
            return Decision::Refuse(Refusal::DeniedName);
        }
        let familiar = state.familiar.get(self.together(address, name));
        if familiar.is_some_and(|until| *until > now) {
            return Decision::Proceed {
                wait: Duration::ZERO,
            };
        }
        let patience = self.settings.patience;
        let name = self.hasher.hash_one(name);
        let taken = state.attempts.take(name, now, patience);
        Decision::Proceed {
            wait: taken.unwrap_or(patience),
        }
    }

    /// Remembers that this user got in from here.
    pub fn succeeded(&self, address: IpAddr, name: &str) {
        let (now, mut state) = self.lock();
        let until = now.plus(self.settings.familiar);
        let together = self.together(address, name);
        *state.familiar.entry(together, now, || until) = until;
    }

    /// Counts an offence. Returns the ban that it led to, for the other nodes and the audit.
    pub fn offended(&self, address: IpAddr, offence: Offence) -> Option<Ban> {
        let (now, mut state) = self.lock();
        state.scores.offended(address, offence, now)
    }

    /// How long the refusal of this address is to be held back: longer the worse it behaves.
    pub fn tarpit(&self, address: IpAddr) -> Duration {
        let (now, state) = self.lock();
        state.scores.tarpit(address, now)
    }

    /// Bans an address because staff or another node says so.
    pub fn ban(&self, ban: Ban) {
        let (now, mut state) = self.lock();
        state.scores.ban(ban, now);
    }

    /// Ends a ban and forgets what led to it. Returns whether there was one.
    pub fn unban(&self, source: Source) -> bool {
        let (now, mut state) = self.lock();
        state.scores.unban(source, now)
    }

    /// The bans that hold now, in the order of their sources.
    pub fn bans(&self) -> Vec<Ban> {
        let (now, state) = self.lock();
        state.scores.bans(now)
    }

    fn together(&self, address: IpAddr, name: &str) -> u64 {
        self.hasher.hash_one((Source::of(address), name))
    }

    fn lock(&self) -> (Timestamp, MutexGuard<'_, State>) {
        // Counters are whole after every line, so a panic elsewhere spoils nothing.
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (self.clock.now(), state)
    }
}

fn decision(taken: Result<Duration, TooOften>) -> Decision {
    match taken {
        Ok(wait) => Decision::Proceed { wait },
        Err(TooOften { retry_after }) => Decision::Refuse(Refusal::TooOften { retry_after }),
    }
}

#[cfg(test)]
mod tests {
    use model::ManualClock;

    use super::*;

    const AT_ONCE: Decision = Decision::Proceed {
        wait: Duration::ZERO,
    };

    fn defence(settings: DefenceSettings) -> (Defence, ManualClock) {
        let clock = ManualClock::new(Timestamp::from_seconds(1_790_000_000));
        let server = ServerId::generate();
        (
            Defence::new(server, settings, Arc::new(clock.clone())),
            clock,
        )
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("address")
    }

    fn reason(decision: &Decision) -> &'static str {
        match decision {
            Decision::Proceed { .. } => "proceed",
            Decision::Refuse(refusal) => refusal.reason(),
        }
    }

    #[test]
    fn names_of_the_deny_list_are_refused_and_others_are_not() {
        let (defence, _) = defence(DefenceSettings::default());
        let attempt = |name| defence.attempt(address("192.0.2.1"), name);
        assert_eq!(reason(&attempt("root")), "denied_name");
        assert_eq!(reason(&attempt("Admin")), "denied_name");
        assert_eq!(attempt("acme"), AT_ONCE);
    }

    #[test]
    fn networks_are_looked_at_before_anything_is_counted() {
        let networks = Networks::parse(["192.0.2.0/24"], []).expect("networks");
        let (defence, _) = defence(DefenceSettings {
            networks,
            ..DefenceSettings::default()
        });
        assert_eq!(defence.connection(address("192.0.2.1")), AT_ONCE);
        assert_eq!(
            reason(&defence.connection(address("198.51.100.1"))),
            "network"
        );
    }

    #[test]
    fn an_address_that_guesses_is_banned_and_comes_back_later() {
        let (defence, clock) = defence(DefenceSettings::default());
        let (guesser, other) = (address("192.0.2.1"), address("192.0.2.2"));
        let mut guesses = 0;
        let ban = loop {
            guesses += 1;
            assert!(guesses < 100, "never banned");
            if let Some(ban) = defence.offended(guesser, Offence::UnknownUser) {
                break ban;
            }
        };
        assert_eq!(reason(&defence.connection(guesser)), "banned");
        assert_eq!(reason(&defence.attempt(guesser, "acme")), "banned");
        assert_eq!(defence.connection(other), AT_ONCE);
        assert_eq!(defence.attempt(other, "acme"), AT_ONCE);
        assert_eq!(defence.bans(), std::slice::from_ref(&ban));
        clock.advance(ban.until.since(clock.now()));
        assert_eq!(defence.connection(guesser), AT_ONCE);
        assert!(defence.bans().is_empty());
    }

    #[test]
    fn staff_and_other_nodes_ban_and_pardon() {
        let (defence, clock) = defence(DefenceSettings::default());
        let source = Source::of(address("192.0.2.1"));
        let until = clock.now().plus(Duration::from_secs(60));
        defence.ban(Ban {
            source,
            until,
            reason: "by hand".to_owned(),
        });
        assert_eq!(reason(&defence.connection(address("192.0.2.1"))), "banned");
        assert!(defence.unban(source));
        assert!(!defence.unban(source));
        assert_eq!(defence.connection(address("192.0.2.1")), AT_ONCE);
    }

    #[test]
    fn a_user_is_slowed_and_not_locked_out() {
        let settings = DefenceSettings {
            attempts: Rate {
                burst: 2,
                every: Duration::from_secs(3),
            },
            ..DefenceSettings::default()
        };
        let (defence, clock) = defence(settings);
        // Each guess from another address, as a botnet does.
        let attempt = |n: u8| defence.attempt(IpAddr::from([192, 0, 2, n]), "acme");
        let wait = |seconds| Decision::Proceed {
            wait: Duration::from_secs(seconds),
        };
        assert_eq!([attempt(1), attempt(2)], [AT_ONCE, AT_ONCE]);
        assert_eq!(
            [attempt(3), attempt(4), attempt(5)],
            [wait(3), wait(6), wait(9)]
        );
        assert_eq!([attempt(6), attempt(7)], [wait(10), wait(10)]);
        assert_eq!(
            defence.attempt(IpAddr::from([192, 0, 2, 7]), "other"),
            AT_ONCE
        );
        clock.advance(Duration::from_secs(3));
        assert_eq!(attempt(8), wait(9));
    }

    #[test]
    fn a_user_is_not_even_slowed_where_he_got_in_lately() {
        let settings = DefenceSettings {
            attempts: Rate {
                burst: 1,
                every: Duration::from_secs(60),
            },
            ..DefenceSettings::default()
        };
        let patience = Decision::Proceed {
            wait: settings.patience,
        };
        let (defence, clock) = defence(settings);
        let attempt = |address: &str| defence.attempt(self::address(address), "acme");
        defence.succeeded(address("192.0.2.1"), "acme");
        for n in 10..60_u8 {
            defence.attempt(IpAddr::from([198, 51, 100, n]), "acme");
        }
        assert_eq!(attempt("192.0.2.1"), AT_ONCE);
        assert_eq!(attempt("192.0.2.2"), patience);
        let other = || defence.attempt(address("192.0.2.1"), "other");
        assert_eq!(
            [other(), other()],
            [AT_ONCE, patience.clone()],
            "a stranger to him"
        );
        clock.advance(Duration::from_secs(31 * 24 * 60 * 60));
        assert_eq!(attempt("192.0.2.1"), AT_ONCE, "the bucket has filled up");
        assert_eq!(attempt("192.0.2.1"), patience, "and he is a stranger again");
    }

    #[test]
    fn an_address_that_connects_too_often_is_refused_until_it_calms_down() {
        let settings = DefenceSettings {
            connections: Rate {
                burst: 3,
                every: Duration::from_secs(1),
            },
            ..DefenceSettings::default()
        };
        let (defence, clock) = defence(settings);
        let connect = || defence.connection(address("2001:db8::1"));
        for _ in 0..3 {
            assert_eq!(connect(), AT_ONCE);
        }
        assert_eq!(reason(&connect()), "too_often");
        let neighbour = defence.connection(address("2001:db8::2"));
        assert_eq!(reason(&neighbour), "too_often", "one of the same /64");
        assert_eq!(defence.connection(address("2001:db8:0:1::1")), AT_ONCE);
        clock.advance(Duration::from_secs(1));
        assert_eq!(connect(), AT_ONCE);
    }
}
