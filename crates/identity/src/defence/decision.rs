//! What is to be done with a connection or an attempt, and why.

use std::time::Duration;

use database::Ban;

use super::TooOften;
use crate::NetworkDecision;

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

impl Decision {
    pub(super) const AT_ONCE: Self = Self::Proceed {
        wait: Duration::ZERO,
    };
}

/// Why a connection or an attempt is refused. For the log, the audit and metrics; the client
/// hears what everybody hears.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The address is banned.
    #[error("the address is banned: {}", .0.reason)]
    Banned(Box<Ban>),
    /// The address lies in a network that may not come in.
    #[error("{0}")]
    Network(NetworkDecision),
    /// The name is on the deny-list.
    #[error("the name is on the deny-list")]
    DeniedName,
    /// It happens too often.
    #[error("too many connections in a short time")]
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

impl From<Result<Duration, TooOften>> for Decision {
    fn from(taken: Result<Duration, TooOften>) -> Self {
        match taken {
            Ok(wait) => Self::Proceed { wait },
            Err(TooOften { retry_after }) => Self::Refuse(Refusal::TooOften { retry_after }),
        }
    }
}
