//! `[database]`: where the state of all nodes is, and how long a write waits for it.

use serde::{Deserialize, Serialize};

use super::load::Fault;
use super::{Hidden, Span};

/// `[database]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// `sqlite://PATH` or `postgres://…`; `sqlite://DATA/pierhead.db` where absent.
    pub url: Hidden,
    /// How long a write is tried again while the database does not answer.
    pub write_deadline: Span,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: Hidden::default(),
            write_deadline: Span::seconds(30),
        }
    }
}

impl DatabaseConfig {
    /// Whether it is a database that this program knows.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let known = ["sqlite://", "postgres://", "postgresql://"];
        let is_known = |url: &str| known.iter().any(|scheme| url.starts_with(scheme));
        match self.url.secret() {
            Some(url) if !is_known(url.expose()) => Err((
                "database.url",
                "must begin with sqlite:// or postgres://".to_owned(),
            )),
            _ => Ok(()),
        }
    }
}
