//! How a server is defended.

use std::time::Duration;

use super::{DeniedNames, Rate, ScoreSettings};
use crate::Networks;

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
                burst: 300,
                every: Duration::from_millis(100),
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
