//! `[identity.provider.lambda]`: a function.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::aws::{self, Reached, needed};
use crate::config::Hidden;
use crate::config::reference::{Key, key};

/// `[identity.provider.lambda]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LambdaConfig {
    /// Its name or ARN.
    pub function: String,
    /// Its version or alias.
    pub qualifier: Option<String>,
    /// Where it is.
    pub region: String,
    /// Lambda's URL.
    pub endpoint: Option<String>,
    /// What it knows this server as.
    pub server_id: Option<String>,
    /// Certificates that are trusted in.
    pub ca_file: Option<PathBuf>,
    /// Passwords may cross the network in clear.
    pub allow_plain: bool,
    /// Static credentials.
    pub access_key_id: Hidden,
    /// See `access_key_id`.
    pub secret_access_key: Hidden,
}

/// Its keys, for the reference.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    key("function", "", "Its name or ARN. The gateway needs `lambda:InvokeFunction` on it."),
    key("qualifier", "", "Its version or alias; the latest where absent."),
    key("region", "", "The function's region."),
    aws::ENDPOINT,
    aws::SERVER_ID,
    aws::CA_FILE,
    aws::ALLOW_PLAIN,
    aws::ACCESS_KEY_ID,
    aws::SECRET_ACCESS_KEY,
];

impl LambdaConfig {
    /// What the types cannot say.
    pub(super) fn check(&self) -> Result<(), String> {
        needed("function", &self.function)?;
        needed("region", &self.region)?;
        let reached = Reached {
            url: ("endpoint", self.endpoint.as_deref()),
            allow_plain: self.allow_plain,
            keys: [&self.access_key_id, &self.secret_access_key],
        };
        reached.check()
    }

    /// What is hidden when the configuration is printed.
    pub(super) fn secrets(&self) -> Vec<&Hidden> {
        vec![&self.access_key_id, &self.secret_access_key]
    }
}
