//! What tables of providers have in common that are reached over HTTP or in AWS.

use identity::providers::Endpoint;

use crate::config::Hidden;
use crate::config::reference::{Key, key};

/// What a table says of where its provider is and who signs.
pub(super) struct Reached<'a> {
    /// The key that holds the URL, and the URL.
    pub(super) url: (&'static str, Option<&'a str>),
    /// Passwords may cross the network in clear.
    pub(super) allow_plain: bool,
    /// The key pair.
    pub(super) keys: [&'a Hidden; 2],
}

pub(super) const SERVER_ID: Key = key(
    "server_id",
    "",
    "What it knows this server as, such as an AWS Transfer server's `s-0123456789abcdef0`; the server's own id where absent.",
);
pub(super) const CA_FILE: Key = key(
    "ca_file",
    "",
    "Certificates in PEM that are trusted in instead of this machine's.",
);
pub(super) const ALLOW_PLAIN: Key = key(
    "allow_plain",
    "false",
    "Take a URL of `http://` that leads off this machine. Questions would cross the network in clear.",
);
pub(super) const ENDPOINT: Key = key(
    "endpoint",
    "",
    "The service's URL; AWS's own for the region where absent.",
);
pub(super) const ACCESS_KEY_ID: Key = key(
    "access_key_id",
    "",
    "Static credentials; the AWS credential chain (environment, files, web identity, container, instance) where absent.",
);
pub(super) const SECRET_ACCESS_KEY: Key = key("secret_access_key", "", "See `access_key_id`.");

impl Reached<'_> {
    /// What the types cannot say.
    pub(super) fn check(&self) -> Result<(), String> {
        let (key, url) = self.url;
        if let Some(url) = url {
            let parsed = Endpoint::parse(url, self.allow_plain);
            parsed.map_err(|error| format!("{key}: {error}"))?;
        }
        match self.keys.map(|key| key.secret().is_some()) {
            [true, false] | [false, true] => {
                Err("write both access_key_id and secret_access_key, or neither".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// A key that must be there and hold something.
pub(super) fn needed(key: &str, value: &str) -> Result<(), String> {
    match value.trim().is_empty() {
        true => Err(format!("write its {key}")),
        false => Ok(()),
    }
}
