//! `[sweeper]`: how often what dead nodes left is looked for.

use serde::{Deserialize, Serialize};

use super::Span;
use super::load::{Fault, positive};

/// `[sweeper]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SweeperConfig {
    /// How often one of the nodes looks for what dead ones left.
    pub interval: Span,
}

impl Default for SweeperConfig {
    fn default() -> Self {
        Self {
            interval: Span::seconds(300),
        }
    }
}

impl SweeperConfig {
    /// Whether it would end its rounds.
    pub(super) fn check(&self) -> Result<(), Fault> {
        positive([("sweeper.interval", self.interval.duration().as_secs())])
    }
}
