//! `[storage]`: which store the buckets are in that no other connection names.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::S3Config;

/// `[storage]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageConfig {
    /// `local` or `s3`.
    pub kind: StorageKind,
    /// The local store.
    pub local: LocalConfig,
    /// An S3 endpoint.
    pub s3: S3Config,
}

/// Which store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageKind {
    /// A folder of this machine.
    #[default]
    Local,
    /// Amazon S3 or a server that speaks its API.
    S3,
}

/// `[storage.local]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LocalConfig {
    /// The folder whose sub-folders are buckets; `DATA/objects` where absent.
    pub root: Option<PathBuf>,
}
