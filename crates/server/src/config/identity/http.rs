//! `[identity.provider.http]`: an identity API behind HTTP.

use serde::{Deserialize, Serialize};

use crate::config::Hidden;
use crate::config::reference::Key;

/// `[identity.provider.http]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {}

/// Its keys, for the reference.
pub(super) const KEYS: &[Key] = &[];

impl HttpConfig {
    /// What the types cannot say.
    pub(super) fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// What is hidden when the configuration is printed.
    pub(super) fn secrets(&self) -> Vec<&Hidden> {
        Vec::new()
    }
}
