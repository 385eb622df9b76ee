//! `[log]`: what is written of a node's life, and how.

use serde::{Deserialize, Serialize};

use super::load::Fault;

/// `[log]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `human` or `json`.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,ssh=debug`.
    pub level: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For eyes.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::default(),
            level: "info".to_owned(),
        }
    }
}

impl LogConfig {
    /// Whether the level can be read.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let read = tracing_subscriber::EnvFilter::try_new(&self.level);
        read.map(drop).map_err(|error| {
            let message = format!("{:?} is not a log level: {error}", self.level);
            ("log.level", message)
        })
    }
}
