//! `[[stores]]`: store connections beside `[storage]`, each with its buckets.

use model::BucketName;
use serde::{Deserialize, Serialize};
use storage::{Connection, DEFAULT_STORE, Stores};

use super::load::Fault;
use super::reference::{Key, key};
use super::{Config, EncryptionKind, LocalConfig, S3Config, StorageKind, key_bytes};

/// The key that says where the default connection stages.
const STAGING: &str = "storage.s3.staging_bucket";

impl Config {
    /// All store connections, each with its buckets and its staging: `default`, and `named` in the
    /// order of `[[stores]]`.
    ///
    /// # Errors
    /// Where they cannot stand side by side.
    pub(crate) fn connect_stores(
        &self,
        default: Connection,
        named: impl IntoIterator<Item = Connection>,
    ) -> Result<Stores, Fault> {
        let mut stores = Stores::new(default);
        for (store, connection) in self.stores.iter().zip(named) {
            let added = stores.with_store(&store.name, &store.buckets, connection);
            stores = added.map_err(|error| ("stores", error.to_string()))?;
        }
        let default = (DEFAULT_STORE, self.storage.kind, &self.storage.s3, STAGING);
        let named = self.stores.iter();
        let named = named.map(|store| (store.name.as_str(), store.kind, &store.s3, "stores"));
        for (name, kind, s3, key) in std::iter::once(default).chain(named) {
            let Some(bucket) = s3.staging_bucket.as_ref() else {
                continue;
            };
            if kind == StorageKind::S3 {
                let bucket = BucketName::parse(bucket).map_err(|error| (key, error.to_string()))?;
                let staged = stores.with_staging(name, bucket);
                stores = staged.map_err(|error| (key, error.to_string()))?;
            }
        }
        Ok(stores)
    }
}

/// One connection beside the default one.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// What targets and roles call it.
    pub name: String,
    /// The buckets that are reached through it, or beginnings of their names with `*` behind.
    pub buckets: Vec<String>,
    /// `local` or `s3`.
    pub kind: StorageKind,
    /// The local store.
    pub local: LocalConfig,
    /// An S3 endpoint.
    pub s3: S3Config,
}

impl StoreConfig {
    /// What is wrong with it by itself, if anything is.
    pub(super) fn objection(&self) -> Option<String> {
        let name = &self.name;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if name.is_empty() || !name.bytes().all(plain) {
            return Some(format!(
                "{name:?} is no name: letters, digits, '-' and '_' make one"
            ));
        }
        if self.buckets.is_empty() {
            return Some(format!("{name} has no buckets, so nothing would reach it"));
        }
        if self.kind == StorageKind::Local && self.local.root.is_none() {
            return Some(format!("{name} is local and needs local.root"));
        }
        self.s3_objection()
    }

    fn s3_objection(&self) -> Option<String> {
        let (name, s3) = (&self.name, &self.s3);
        if s3.access_key_id.secret().is_some() != s3.secret_access_key.secret().is_some() {
            return Some(format!(
                "{name}: s3.access_key_id and s3.secret_access_key go together"
            ));
        }
        if let Some(objection) = s3.role_duration_objection() {
            return Some(format!("{name}: s3.role_duration {objection}"));
        }
        let key = s3.customer_key.secret();
        if key.is_some_and(|key| key_bytes(key).is_none()) {
            return Some(format!(
                "{name}: s3.customer_key must be 32 bytes in base64"
            ));
        }
        (s3.encryption == EncryptionKind::Customer && key.is_none())
            .then(|| format!("{name}: \"customer\" needs s3.customer_key"))
    }

    /// The values that do not show when the configuration is printed.
    pub(super) fn secrets(&self) -> [Option<&str>; 3] {
        let s3 = &self.s3;
        [&s3.access_key_id, &s3.secret_access_key, &s3.customer_key]
            .map(|hidden| hidden.secret().map(|secret| secret.expose().as_str()))
    }
}

/// The keys of one, for the reference.
pub(super) const TABLE: &[Key] = &[
    key(
        "name",
        "",
        "What targets (`NAME:/BUCKET/PREFIX`) and roles call it. Letters, digits, `-` and `_`.",
    ),
    key(
        "buckets",
        "[]",
        "The buckets that are reached through it, and no more through `[storage]`; `archive-*` names all that begin so. The longest that fits counts.",
    ),
    key("kind", "\"local\"", "`local` or `s3`."),
    key(
        "local",
        "",
        "For `local`: `local.root`, the folder whose sub-folders are its buckets.",
    ),
    key(
        "s3",
        "",
        "For `s3`: the keys of `[storage.s3]`, as `s3.endpoint`.",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::config::{Changes, load_text};

    fn read(text: &str) -> Result<crate::config::Config, String> {
        let config = load_text("test.toml", text, &BTreeMap::new());
        config.map_err(|error| error.to_string())
    }

    const ARCHIVE: &str = "[[stores]]\nname = \"archive\"\nbuckets = [\"cold\", \"old-*\"]\nkind = \"s3\"\n\
         s3.endpoint = \"http://127.0.0.1:9000\"\ns3.access_key_id = \"a\"\ns3.secret_access_key = \"b\"\n";

    #[test]
    fn stores_are_read_and_a_changed_secret_needs_a_restart() {
        let config = read(ARCHIVE).unwrap();
        assert_eq!(config.stores[0].name, "archive");
        let other = read(&ARCHIVE.replace("\"b\"", "\"c\"")).unwrap();
        assert_eq!(Changes::between(&config, &other).needs_restart, ["stores"]);
    }

    #[test]
    fn stores_that_cannot_stand_side_by_side_are_refused() {
        for (text, why) in [
            (
                format!("{ARCHIVE}{ARCHIVE}"),
                "a store named archive already",
            ),
            (
                ARCHIVE.replace("archive", "default"),
                "a store named default already",
            ),
            (ARCHIVE.replace("old-*", "cold"), "the bucket cold"),
            (ARCHIVE.replace("old-*", "*"), "neither a bucket's name"),
            (ARCHIVE.replace("archive", "a b"), "is no name"),
            (
                ARCHIVE.replace("[\"cold\", \"old-*\"]", "[]"),
                "has no buckets",
            ),
            (
                ARCHIVE.replace("s3.secret_access_key = \"b\"", ""),
                "go together",
            ),
            (ARCHIVE.replace("\"s3\"", "\"local\""), "needs local.root"),
            (format!("{ARCHIVE}s3.staging_bucket = \"a/b\"\n"), "stores"),
            (
                format!("[storage]\nkind = \"s3\"\ns3.staging_bucket = \"cold\"\n{ARCHIVE}"),
                "storage.s3.staging_bucket",
            ),
            (format!("{ARCHIVE}s3.role_duration = \"5m\""), "15m to 12h"),
        ] {
            let refused = read(&text).unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }
}
