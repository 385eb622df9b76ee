//! What the proxy does to connections now, and which of them are doomed.

use std::net::SocketAddr;
use std::time::Duration;

use crate::dice::Dice;

/// The state of the network. Connections that are open follow it as it changes.
#[derive(Debug, Clone)]
pub(super) struct Weather {
    pub(super) target: SocketAddr,
    pub(super) latency: Duration,
    /// Bytes per second of each direction.
    pub(super) bandwidth: Option<u64>,
    pub(super) refuse: bool,
    pub(super) swallow: bool,
    /// Grows with each cut of everything that is open.
    pub(super) storms: u64,
}

impl Weather {
    pub(super) fn fine(target: SocketAddr) -> Self {
        Self {
            target,
            latency: Duration::ZERO,
            bandwidth: None,
            refuse: false,
            swallow: false,
            storms: 0,
        }
    }
}

/// How many bytes a new connection may carry before it is cut.
#[derive(Debug, Clone, Default)]
pub(super) enum Limit {
    /// All it likes.
    #[default]
    None,
    /// So many.
    Always(u64),
    /// Some connections up to so many.
    Random {
        probability: f64,
        most: u64,
        dice: Dice,
    },
}

impl Limit {
    /// The limit of the next connection; none where it may live.
    pub(super) fn draw(&mut self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Always(bytes) => Some(*bytes),
            Self::Random {
                probability,
                most,
                dice,
            } => dice.falls(*probability).then(|| dice.below(*most + 1)),
        }
    }
}
