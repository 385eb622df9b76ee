//! `[drain]`: how a node goes down.

use serde::{Deserialize, Serialize};

use super::Span;

/// `[drain]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DrainConfig {
    /// From SIGTERM to the end of listening.
    pub delay: Span,
    /// How long running transfers may go on after that.
    pub deadline: Span,
}

impl Default for DrainConfig {
    fn default() -> Self {
        Self {
            delay: Span::seconds(0),
            deadline: Span::seconds(60),
        }
    }
}
