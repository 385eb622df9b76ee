//! Who got in from where lately, and whose mistakes a success takes back.

use std::time::Duration;

use model::Timestamp;

use super::source::Source;
use super::tracked::{Fades, Tracked};

/// Wrong guesses at a familiar name from a banned source, after which it is a stranger's there.
const GUESSES_FROM_BANNED: u32 = 5;

/// What is known of names at sources, each by the hash of both.
#[derive(Debug)]
pub(super) struct Pairs {
    pairs: Tracked<u64, Pair>,
    /// Until when some user is no stranger there.
    sources: Tracked<Source, Timestamp>,
    /// Credentials that were refused, by the hash of source, name and credential, and until when
    /// the same again is no new guess.
    guesses: Tracked<u64, Timestamp>,
}

#[derive(Debug)]
struct Pair {
    familiar: Timestamp,
    /// What refusals of this name added to the source's score, and until when that counts.
    slips: Duration,
    slipped: Timestamp,
    guessed: u32,
}

impl Fades for Pair {
    fn gone(&self) -> Timestamp {
        self.familiar.max(self.slipped)
    }
}

impl Pairs {
    pub(super) fn new(most: usize) -> Self {
        Self {
            pairs: Tracked::new(most),
            sources: Tracked::new(most),
            guesses: Tracked::new(most),
        }
    }

    /// Whether this name got in from there lately.
    pub(super) fn is_familiar(&self, pair: u64, now: Timestamp) -> bool {
        self.pairs.get(pair).is_some_and(|pair| pair.familiar > now)
    }

    /// Whether anybody got in from there lately.
    pub(super) fn knows(&self, source: Source, now: Timestamp) -> bool {
        self.sources.get(source).is_some_and(|until| *until > now)
    }

    /// Whether this guess is a new one. The same again tells its author nothing: so a forgotten
    /// script with an old password is no guesser, however often it comes.
    pub(super) fn is_new(&mut self, guess: u64, until: Timestamp, now: Timestamp) -> bool {
        let mut new = false;
        let known = self.guesses.entry(guess, now, || {
            new = true;
            until
        });
        new |= *known <= now;
        *known = until;
        new
    }

    /// Counts a refusal of this name.
    pub(super) fn slipped(&mut self, pair: u64, weight: Duration, now: Timestamp) {
        let pair = self.entry(pair, now);
        if pair.slipped <= now {
            pair.slips = Duration::ZERO;
        }
        pair.slips = pair.slips.saturating_add(weight);
        pair.slipped = pair.slipped.max(now).plus(weight);
    }

    /// Counts a refusal of a familiar name from a banned source.
    pub(super) fn guessed(&mut self, pair: u64, now: Timestamp) {
        let pair = self.entry(pair, now);
        pair.guessed = pair.guessed.saturating_add(1);
        if pair.guessed >= GUESSES_FROM_BANNED {
            pair.familiar = now;
        }
    }

    /// Remembers that this name got in. Returns what its own mistakes added to the score, and
    /// until when it was familiar before.
    pub(super) fn succeeded(
        &mut self,
        pair: u64,
        source: Source,
        until: Timestamp,
        now: Timestamp,
    ) -> (Duration, Timestamp) {
        self.learn_source(source, until, now);
        let pair = self.entry(pair, now);
        let before = pair.familiar;
        pair.familiar = before.max(until);
        pair.guessed = 0;
        let slips = std::mem::take(&mut pair.slips);
        let slips = if pair.slipped > now {
            slips
        } else {
            Duration::ZERO
        };
        pair.slipped = now;
        (slips, before)
    }

    /// Takes over that this name got in at another node.
    pub(super) fn learn(&mut self, pair: u64, source: Source, until: Timestamp, now: Timestamp) {
        self.learn_source(source, until, now);
        let pair = self.entry(pair, now);
        if pair.guessed < GUESSES_FROM_BANNED {
            pair.familiar = pair.familiar.max(until);
        }
    }

    fn learn_source(&mut self, source: Source, until: Timestamp, now: Timestamp) {
        let known = self.sources.entry(source, now, || until);
        *known = (*known).max(until);
    }

    fn entry(&mut self, pair: u64, now: Timestamp) -> &mut Pair {
        self.pairs.entry(pair, now, || Pair {
            familiar: now,
            slips: Duration::ZERO,
            slipped: now,
            guessed: 0,
        })
    }
}
