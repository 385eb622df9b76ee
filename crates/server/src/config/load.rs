//! From text to [`Config`]: errors name file, line and key, and suggest the nearest name.

use std::collections::BTreeMap;
use std::path::Path;

use storage::Connection;

use super::{Config, ConfigError, StoreConfig, env};

/// Reads `file`, overlays the `PIERHEAD_*` variables of `environment`, and checks the whole.
///
/// # Errors
/// [`ConfigError`] names file, line and key of the first thing that is wrong.
pub fn load(file: &Path, environment: &BTreeMap<String, String>) -> Result<Config, ConfigError> {
    let origin = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .map_err(|error| ConfigError::new(&origin, format!("read the configuration: {error}")))?;
    load_text(&origin, &text, environment)
}

/// The same from text that was read already.
///
/// # Errors
/// See [`load`].
pub fn load_text(
    origin: &str,
    text: &str,
    environment: &BTreeMap<String, String>,
) -> Result<Config, ConfigError> {
    // The file alone first: its errors have lines.
    let from_file =
        toml::from_str::<Config>(text).map_err(|error| file_error(origin, text, &error))?;
    let mut table: toml::Table =
        toml::from_str(text).map_err(|error| file_error(origin, text, &error))?;
    let overlaid = env::overlay(&mut table, environment)?;
    let config = if overlaid.is_empty() {
        from_file
    } else {
        table
            .try_into::<Config>()
            .map_err(|error: toml::de::Error| {
                ConfigError::new(overlaid.join(", "), suggest(error.message()))
            })?
    };
    check(&config).map_err(|(key, message)| {
        let error = ConfigError::new(origin, format!("{key}: {message}"));
        match line_of_key(text, key) {
            Some(line) => error.at(line),
            None => error,
        }
    })?;
    Ok(config)
}

fn file_error(origin: &str, text: &str, error: &toml::de::Error) -> ConfigError {
    let Some(span) = error.span() else {
        return ConfigError::new(origin, suggest(error.message()));
    };
    let before = text.get(..span.start).unwrap_or("");
    let line = before.matches('\n').count() + 1;
    let key = key_at(text, line);
    let message = suggest(error.message());
    let message = if key.is_empty() {
        message
    } else {
        format!("{key}: {message}")
    };
    ConfigError::new(origin, message).at(line)
}

/// The full key that line `line` (from 1) sets, as `table.key`; empty where it sets none.
fn key_at(text: &str, line: usize) -> String {
    let mut table = "";
    for (index, content) in text.lines().enumerate().take(line) {
        let content = content.trim();
        if let Some(name) = content
            .strip_prefix('[')
            .and_then(|rest| rest.split(']').next())
        {
            table = name.trim_matches(['[', ']', ' ']);
            if index + 1 == line {
                return table.to_owned();
            }
        } else if index + 1 == line {
            let key = content.split('=').next().unwrap_or("").trim();
            return if table.is_empty() {
                key.to_owned()
            } else {
                format!("{table}.{key}")
            };
        }
    }
    table.to_owned()
}

fn line_of_key(text: &str, key: &str) -> Option<usize> {
    (1..=text.lines().count()).find(|line| key_at(text, *line) == key)
}

/// Turns serde's list of expected names into one suggestion.
fn suggest(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let (true, Some(wrong)) = (unknown, quoted.next()) else {
        return message.to_owned();
    };
    let known: Vec<&str> = quoted.collect();
    let what = if message.starts_with("unknown field") {
        "key"
    } else {
        "value"
    };
    let nearest = known
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(wrong, a).total_cmp(&strsim::jaro_winkler(wrong, b)));
    match nearest {
        Some(near) if strsim::jaro_winkler(wrong, near) > 0.7 => {
            format!("unknown {what} {wrong:?}; did you mean {near:?}?")
        }
        _ => format!("unknown {what} {wrong:?}; known here: {}", known.join(", ")),
    }
}

/// A key, and why it cannot be.
pub(super) type Fault = (&'static str, String);

/// What the types cannot say: each section speaks of itself.
fn check(config: &Config) -> Result<(), Fault> {
    config.sftp.check()?;
    config.transfer.check()?;
    config.sweeper.check()?;
    config.log.check()?;
    config.identity.check()?;
    config.defence.check()?;
    config.node.check(&config.transfer)?;
    check_stores(config)?;
    config.storage.s3.check()?;
    config.database.check()?;
    config.secrets.check()
}

fn check_stores(config: &Config) -> Result<(), Fault> {
    if let Some(objection) = config.stores.iter().find_map(StoreConfig::objection) {
        return Err(("stores", objection));
    }
    // Names and buckets that meet are found in the way that a node would.
    let named = config.stores.iter().map(|_| Connection::Memory);
    config.connect_stores(Connection::Memory, named).map(drop)
}

/// What must not be zero.
pub(super) fn positive<N: Into<u64>, const COUNT: usize>(
    numbers: [(&'static str, N); COUNT],
) -> Result<(), Fault> {
    let mut numbers = numbers.into_iter();
    match numbers.find_map(|(key, number)| (number.into() == 0).then_some(key)) {
        Some(key) => Err((key, "must be at least 1".to_owned())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        load_text("pierhead.toml", text, &BTreeMap::new())
            .expect_err("refused")
            .to_string()
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        let config = load_text("x", "", &BTreeMap::new()).expect("valid");
        assert_eq!(config.sftp.listen[0].port(), 2222);
        assert_eq!(config.admin.listen.port(), 8022);
    }

    #[test]
    fn errors_name_file_line_and_key() {
        for (text, expected) in [
            (
                "[sftp]\nlisen = []\n",
                "pierhead.toml:2: sftp.lisen: unknown key \"lisen\"; did you mean \"listen\"?",
            ),
            (
                "\n[sftpp]\n",
                "pierhead.toml:2: sftpp: unknown key \"sftpp\"; did you mean \"sftp\"?",
            ),
            (
                "[log]\nformat = \"jsn\"\n",
                "pierhead.toml:2: log.format: unknown value \"jsn\"; did you mean \"json\"?",
            ),
            (
                "[drain]\n\ndeadline = \"soon\"\n",
                "pierhead.toml:3: drain.deadline: \"soon\" is not a duration: write 500ms, 30s, 5m, 24h or 7d",
            ),
            (
                "[sftp]\nmax_handles = 0\n",
                "pierhead.toml:2: sftp.max_handles: must be at least 1",
            ),
            (
                "[sftp]\nalgorithms = \"old\"\n",
                "pierhead.toml:2: sftp.algorithms: unknown policy \"old\"; known: default, legacy, aws-2025",
            ),
            (
                "[database]\nurl = \"mysql://x\"\n",
                "pierhead.toml:2: database.url: must begin with sqlite:// or postgres://",
            ),
        ] {
            assert_eq!(error(text), expected);
        }
        assert!(error("[sftp\n").starts_with("pierhead.toml:1: "));
    }

    #[test]
    fn identity_providers_are_checked_as_a_whole() {
        const LDAP: &str = "[[identity.provider]]\nname = \"x\"\nkind = \"ldap\"\n";
        let http = "[[identity.provider]]\nname = \"x\"\nkind = \"http\"\n";
        for (text, expected) in [
            ("[identity]\nmethods = \"NONE\"\n", "identity.methods: "),
            (
                "[identity]\ndefault = \"x\"\n",
                "there is no provider \"x\"",
            ),
            (
                "[identity]\npatterns = [\"*=x\"]\n",
                "there is no provider \"x\"",
            ),
            ("[identity]\npatterns = [\"*\"]\n", "write PATTERN=PROVIDER"),
            (LDAP, "write its [identity.provider.ldap]"),
            (
                &format!("{http}[identity.provider.ldap]\n"),
                "write its [identity.provider.http]",
            ),
            (&http.replace("x", "builtin"), "the built-in users"),
            (&http.replace("x", "X"), "is not valid"),
            (
                "[[identity.provider]]\nname = \"x\"\nkind = \"nis\"\n",
                "unknown value \"nis\"",
            ),
        ] {
            let shown = error(text);
            assert!(shown.contains(expected), "{text}: {shown}");
        }
        let named = |name: &str| http.replace('x', name);
        let twice = format!("{0}[identity.provider.http]\n{0}", named("a"));
        assert!(load_text("x", &twice, &BTreeMap::new()).is_err());
    }

    #[test]
    fn variables_overlay_the_file() {
        let variables = BTreeMap::from([
            (
                "PIERHEAD_DATABASE_URL".to_owned(),
                "postgres://x/y".to_owned(),
            ),
            ("PIERHEAD_SFTP_MAX_HANDLES".to_owned(), "7".to_owned()),
            (
                "PIERHEAD_STORAGE_S3_CHECKSUMS".to_owned(),
                "false".to_owned(),
            ),
            ("HOME".to_owned(), "/root".to_owned()),
        ]);
        let config = load_text("x", "[sftp]\nmax_handles = 3\n", &variables).expect("valid");
        assert_eq!(config.database_url().expose(), "postgres://x/y");
        assert_eq!(config.sftp.max_handles, 7);
        assert!(!config.storage.s3.checksums);
    }

    #[test]
    fn a_variable_that_names_no_key_is_refused() {
        let variables = BTreeMap::from([("PIERHEAD_DATABASE_ULR".to_owned(), "x".to_owned())]);
        let error = load_text("x", "", &variables)
            .expect_err("refused")
            .to_string();
        assert_eq!(
            error,
            "PIERHEAD_DATABASE_ULR: names no key of the configuration; did you mean PIERHEAD_DATABASE_URL?"
        );
    }

    #[test]
    fn secrets_are_not_printed() {
        let config = load_text(
            "x",
            "[database]\nurl = \"postgres://u:hunter2@h/d\"\n",
            &BTreeMap::new(),
        )
        .expect("valid");
        let printed = format!(
            "{config:?} {}",
            serde_json::to_string(&config).expect("json")
        );
        assert!(!printed.contains("hunter2"));
    }
}
