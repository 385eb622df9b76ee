//! Why a connection cannot stand beside the others.

use model::BucketName;

/// Why a connection cannot stand beside the others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreConflict {
    /// There is one of this name.
    #[error("there is a store named {0} already")]
    Name(String),
    /// Another one names this bucket.
    #[error("the bucket {0} is reached through the store {1} already")]
    Bucket(String, String),
    /// It is no bucket's name, nor the beginning of one with `*` behind it.
    #[error("{0:?} is neither a bucket's name nor the beginning of one with `*` behind it")]
    Pattern(String),
    /// There is no connection of this name.
    #[error("there is no store named {0}")]
    Unknown(String),
}

pub(super) fn check_pattern(pattern: &str) -> Result<(), StoreConflict> {
    let name = pattern.strip_suffix('*').unwrap_or(pattern);
    match name.is_empty() || BucketName::parse(name).is_err() {
        true => Err(StoreConflict::Pattern(pattern.to_owned())),
        false => Ok(()),
    }
}
