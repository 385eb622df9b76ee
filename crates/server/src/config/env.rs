//! The `PIERHEAD_*` variables: `storage.s3.secret_access_key` is
//! `PIERHEAD_STORAGE_S3_SECRET_ACCESS_KEY`.

use std::collections::BTreeMap;

use super::ConfigError;
use super::reference::KEYS;

const PREFIX: &str = "PIERHEAD_";
/// Variables that are not the gateway's: the tests' own.
const FOREIGN: &str = "PIERHEAD_TEST_";

/// The variables of this process that are text.
pub fn process_environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Puts the variables' values into `table` and returns their names.
pub(super) fn overlay(
    table: &mut toml::Table,
    environment: &BTreeMap<String, String>,
) -> Result<Vec<String>, ConfigError> {
    let mut overlaid = Vec::new();
    let ours = |name: &str| name.starts_with(PREFIX) && !name.starts_with(FOREIGN);
    for (name, value) in environment.iter().filter(|(name, _)| ours(name)) {
        let key = KEYS
            .iter()
            .find(|key| variable(key.path) == *name)
            .ok_or_else(|| ConfigError::new(name, unknown(name)))?;
        set(table, key.path, typed(key.default, value)).ok_or_else(|| {
            ConfigError::new(name, format!("{} is not a table in the file", key.path))
        })?;
        overlaid.push(name.clone());
    }
    Ok(overlaid)
}

/// The variable for a key.
pub(super) fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "_").to_ascii_uppercase())
}

fn unknown(name: &str) -> String {
    let score = |key: &str| strsim::jaro_winkler(name, &variable(key));
    let nearest = KEYS
        .iter()
        .max_by(|a, b| score(a.path).total_cmp(&score(b.path)));
    let nearest = nearest.map(|key| variable(key.path)).unwrap_or_default();
    format!("names no key of the configuration; did you mean {nearest}?")
}

/// Numbers, truth values and lists are written as in the file; anything else is text.
fn typed(default: &str, value: &str) -> toml::Value {
    let text = || toml::Value::String(value.to_owned());
    if default.starts_with('"') || default.is_empty() {
        return text();
    }
    let line: Result<toml::Table, _> = toml::from_str(&format!("value = {value}"));
    line.ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(text)
}

fn set(table: &mut toml::Table, path: &str, value: toml::Value) -> Option<()> {
    match path.split_once('.') {
        None => {
            table.insert(path.to_owned(), value);
            Some(())
        }
        Some((first, rest)) => {
            let inner = table
                .entry(first)
                .or_insert_with(|| toml::Value::Table(toml::Table::new()))
                .as_table_mut()?;
            set(inner, rest, value)
        }
    }
}
