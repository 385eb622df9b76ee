//! Which keys differ between two configurations, and which of them a running node can take over.

use super::reference::KEYS;
use super::{Config, Hidden};

/// What a reload does with the keys that changed.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Changes {
    /// Taken over; running sessions stay.
    pub applied: Vec<String>,
    /// Takes hold at the next start.
    pub needs_restart: Vec<String>,
}

/// Keys, and tables of keys, that a running node takes over.
const LIVE: &[&str] = &[
    "sftp.algorithms",
    "sftp.banner",
    "sftp.welcome",
    "sftp.startups_begin",
    "sftp.startups_rate",
    "sftp.startups_full",
    "sftp.startups_per_address",
    "sftp.max_connections",
    "sftp.max_connections_per_address",
    "sftp.max_sessions",
    "sftp.max_sessions_per_user",
    "sftp.login_grace",
    "sftp.idle_timeout",
    "sftp.max_login_attempts",
    "log.level",
    "drain.delay",
    "drain.deadline",
];

/// Tables all of whose keys a running node takes over.
const TABLES: [&str; 2] = ["defence.", "identity."];

impl Changes {
    /// From the configuration that runs to the one that is wanted.
    pub fn between(running: &Config, wanted: &Config) -> Self {
        let (old, new) = (serde_json::to_value(running), serde_json::to_value(wanted));
        let (Ok(old), Ok(new)) = (old, new) else {
            return Self::default();
        };
        let mut changes = Self::default();
        for key in KEYS {
            let pointer = format!("/{}", key.path.replace('.', "/"));
            let differs = old.pointer(&pointer) != new.pointer(&pointer)
                || hidden(running, key.path) != hidden(wanted, key.path)
                || key.path == "stores"
                    && !running
                        .stores
                        .iter()
                        .map(secrets)
                        .eq(wanted.stores.iter().map(secrets))
                || key.path == "identity.provider"
                    && running.identity.secrets() != wanted.identity.secrets();
            if differs {
                let live = LIVE.contains(&key.path)
                    || TABLES.iter().any(|table| key.path.starts_with(table));
                let list = if live {
                    &mut changes.applied
                } else {
                    &mut changes.needs_restart
                };
                list.push(key.path.to_owned());
            }
        }
        changes
    }
}

fn secrets(store: &super::StoreConfig) -> [Option<&str>; 3] {
    store.secrets()
}

/// The values that do not show when the configuration is printed.
fn hidden<'a>(config: &'a Config, path: &str) -> Option<&'a str> {
    let value: &Hidden = match path {
        "database.url" => &config.database.url,
        "storage.s3.access_key_id" => &config.storage.s3.access_key_id,
        "storage.s3.secret_access_key" => &config.storage.s3.secret_access_key,
        "storage.s3.customer_key" => &config.storage.s3.customer_key,
        "secrets.sealing_key" => &config.secrets.sealing_key,
        _ => return None,
    };
    value.secret().map(|secret| secret.expose().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_sorted_by_what_a_reload_can_do() {
        let running = Config::default();
        let mut wanted = Config::default();
        assert_eq!(Changes::between(&running, &wanted), Changes::default());
        wanted.log.level = "debug".to_owned();
        wanted.sftp.max_sessions = 3;
        wanted.sftp.listen.clear();
        wanted.database.url = "sqlite://elsewhere".to_owned().into();
        let changes = Changes::between(&running, &wanted);
        assert_eq!(changes.applied, ["sftp.max_sessions", "log.level"]);
        assert_eq!(changes.needs_restart, ["database.url", "sftp.listen"]);
    }

    #[test]
    fn every_live_key_exists() {
        for live in LIVE {
            assert!(KEYS.iter().any(|key| key.path == *live), "{live}");
        }
    }
}
