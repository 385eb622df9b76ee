//! `[identity.provider.http]`: an identity API behind HTTP.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::aws::{self, Reached, needed};
use crate::config::Hidden;
use crate::config::reference::{Key, key};

/// `[identity.provider.http]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Up to `/servers`.
    pub url: String,
    /// What it knows this server as.
    pub server_id: Option<String>,
    /// Certificates that are trusted in.
    pub ca_file: Option<PathBuf>,
    /// Passwords may cross the network in clear.
    pub allow_plain: bool,
    /// Sign for `execute-api` in this region.
    pub signing_region: Option<String>,
    /// Static credentials.
    pub access_key_id: Hidden,
    /// See `access_key_id`.
    pub secret_access_key: Hidden,
}

/// Its keys, for the reference.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    key("url", "", "Its URL up to `/servers`: `https://a1b2.execute-api.eu-west-1.amazonaws.com/prod`. Redirects are not followed."),
    aws::SERVER_ID,
    aws::CA_FILE,
    aws::ALLOW_PLAIN,
    key("signing_region", "", "Sign requests (SigV4, `execute-api`) for this region, as APIs with `AWS_IAM` authorization want it. Unsigned where absent."),
    aws::ACCESS_KEY_ID,
    aws::SECRET_ACCESS_KEY,
];

impl HttpConfig {
    /// What the types cannot say.
    pub(super) fn check(&self) -> Result<(), String> {
        needed("url", &self.url)?;
        let reached = Reached {
            url: ("url", Some(&self.url)),
            allow_plain: self.allow_plain,
            keys: [&self.access_key_id, &self.secret_access_key],
        };
        reached.check()?;
        if self.signing_region.is_none() && self.access_key_id.secret().is_some() {
            return Err("it has credentials and no signing_region to sign for".to_owned());
        }
        Ok(())
    }

    /// What is hidden when the configuration is printed.
    pub(super) fn secrets(&self) -> Vec<&Hidden> {
        vec![&self.access_key_id, &self.secret_access_key]
    }
}
