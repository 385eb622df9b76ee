//! How a provider is asked: the same bounds for every kind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Provider;
use crate::BreakerSettings;

/// The bounds that every question to a provider keeps.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// What one question may take, waiting for a place included.
    pub deadline: Duration,
    /// How many questions are out at the same time; the others wait.
    pub concurrency: usize,
    /// How long an admission to a question for keys counts; zero for never.
    pub key_cache: Duration,
    /// How long a password that was right counts; zero, the default, for never. A password that
    /// was changed or locked at the provider is good for that long.
    pub password_cache: Duration,
    /// When it is left alone.
    pub breaker: BreakerSettings,
    /// What the provider's words for roles mean here: role names by word. What stands here comes
    /// before a role's ARN.
    pub roles: BTreeMap<String, String>,
}

impl Default for ProviderSettings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            concurrency: 32,
            key_cache: Duration::from_secs(10),
            password_cache: Duration::ZERO,
            breaker: BreakerSettings::default(),
            roles: BTreeMap::new(),
        }
    }
}

/// A provider with its bounds.
#[derive(Debug, Clone)]
pub struct Configured {
    /// Who is asked.
    pub provider: Arc<dyn Provider>,
    /// How.
    pub settings: ProviderSettings,
}
