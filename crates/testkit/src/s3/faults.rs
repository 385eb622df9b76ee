//! What goes wrong, where and how often.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::operation::Operation;
use crate::dice::Dice;

/// What happens to a request.
#[derive(Debug, Clone)]
pub enum Effect {
    /// It is answered with this status and S3 error code, and has no effect.
    Status(u16, &'static str),
    /// The same, with a `Retry-After` of so many seconds.
    RetryAfter(u16, &'static str, u64),
    /// It is served after this time.
    Latency(Duration),
    /// The connection is cut before it takes effect.
    CutBefore,
    /// It takes effect, then the connection is cut without an answer.
    LoseReply,
    /// It takes effect, and is answered with this status and error code nevertheless: what a
    /// gateway in front of the store does, or a 200 whose body is an error.
    StatusAfter(u16, &'static str),
    /// It has no effect and no answer ever.
    Hang,
    /// It takes effect, and no answer ever comes.
    HangAfter,
    /// The answer acknowledges another checksum than it should.
    WrongChecksum,
    /// The body of the answer ends after so many bytes, and the connection with it.
    CutBody(usize),
    /// The body of the answer stops after so many bytes and says no more.
    StallBody(usize),
}

/// A fault: what happens, to which requests, how often.
#[derive(Debug, Clone)]
pub struct Fault {
    effect: Effect,
    operation: Option<&'static str>,
    key: Option<String>,
    signer: Option<String>,
    times: Option<u32>,
    chance: Option<Chance>,
    held: Option<CancellationToken>,
}

/// What strikes a request: after the gate, if there is one.
#[derive(Debug, Clone)]
pub(super) struct Blow {
    pub(super) effect: Effect,
    pub(super) held: Option<CancellationToken>,
}

#[derive(Debug, Clone)]
struct Chance {
    probability: f64,
    dice: Dice,
}

impl Fault {
    /// Happens to every request, always.
    pub fn new(effect: Effect) -> Self {
        Self {
            effect,
            operation: None,
            key: None,
            signer: None,
            times: None,
            chance: None,
            held: None,
        }
    }

    /// Only to this operation, by the API's name (`PutObject`).
    #[must_use]
    pub fn on(mut self, operation: &'static str) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Only to keys that hold this text.
    #[must_use]
    pub fn keys_with(mut self, text: impl Into<String>) -> Self {
        self.key = Some(text.into());
        self
    }

    /// Only to requests that are signed with a key pair of this id.
    #[must_use]
    pub fn signed_by(mut self, id: impl Into<String>) -> Self {
        self.signer = Some(id.into());
        self
    }

    /// Only so many times.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// With a probability between 0 and 1, the same sequence for the same seed.
    #[must_use]
    pub fn with_probability(mut self, probability: f64, seed: u64) -> Self {
        self.chance = Some(Chance {
            probability,
            dice: Dice::seeded(seed),
        });
        self
    }

    /// Only once `gate` is cancelled; until then the request waits.
    #[must_use]
    pub fn held_until(mut self, gate: CancellationToken) -> Self {
        self.held = Some(gate);
        self
    }

    fn strikes(&mut self, operation: &Operation) -> bool {
        let meant = self.operation.is_none_or(|name| name == operation.name)
            && self
                .key
                .as_ref()
                .is_none_or(|text| operation.key.contains(text))
            && self
                .signer
                .as_ref()
                .is_none_or(|id| operation.signer == *id)
            && self.times != Some(0);
        if !meant || !self.chance.as_mut().is_none_or(Chance::falls) {
            return false;
        }
        if let Some(times) = &mut self.times {
            *times -= 1;
        }
        true
    }
}

impl Chance {
    fn falls(&mut self) -> bool {
        self.dice.falls(self.probability)
    }
}

/// The faults that are there.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(super) fn add(&self, fault: Fault) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(fault);
    }

    pub(super) fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// What happens to this request: the first fault that strikes.
    pub(super) fn strike(&self, operation: &Operation) -> Option<Blow> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let strike = |fault: &mut Fault| {
            fault.strikes(operation).then(|| Blow {
                effect: fault.effect.clone(),
                held: fault.held.clone(),
            })
        };
        faults.iter_mut().find_map(strike)
    }
}
