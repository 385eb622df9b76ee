//! `[secrets]`: what seals the database's secrets, and how keys are written.

use model::Secret;
use serde::{Deserialize, Serialize};

use super::Hidden;
use super::load::Fault;

/// `[secrets]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecretsConfig {
    /// 32 bytes in base64: seals the host keys in the database. They lie there open where absent.
    pub sealing_key: Hidden,
}

impl SecretsConfig {
    /// Whether the key is one.
    pub(super) fn check(&self) -> Result<(), Fault> {
        check_key("secrets.sealing_key", &self.sealing_key)
    }
}

/// Whether a key, where there is one, has 256 bits.
pub(super) fn check_key(name: &'static str, key: &Hidden) -> Result<(), Fault> {
    if key.secret().is_some_and(|text| key_bytes(text).is_none()) {
        let message = "must be 32 bytes in base64 (openssl rand -base64 32)";
        return Err((name, message.to_owned()));
    }
    Ok(())
}

/// A 256-bit key from its base64 text.
pub(crate) fn key_bytes(text: &Secret<String>) -> Option<[u8; 32]> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(text.expose().trim())
        .ok()?
        .try_into()
        .ok()
}
