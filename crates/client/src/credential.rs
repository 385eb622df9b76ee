//! How a client proves who it is.

use std::path::Path;
use std::sync::Arc;

use model::{ErrorKind, Secret};
use russh::keys::{PrivateKey, load_secret_key};

use crate::{Error, Result};

/// What a client logs in with.
#[derive(Clone)]
pub enum Credential {
    /// A password. Where the server takes none it is given to keyboard-interactive questions.
    Password(Secret<String>),
    /// A private key.
    Key(Arc<PrivateKey>),
}

impl Credential {
    /// Reads a private key that OpenSSH's tools made, without a passphrase.
    ///
    /// # Errors
    /// Where the file cannot be read or holds no such key.
    pub fn key_file(path: &Path) -> Result<Self> {
        let failed = |error: russh::keys::Error| {
            let reason = "it cannot be read as a private key without a passphrase";
            let object = path.display().to_string();
            Error::new(ErrorKind::Invalid, "read private key", object, reason).caused_by(error)
        };
        let key = load_secret_key(path, None).map_err(failed)?;
        Ok(Self::Key(Arc::new(key)))
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Password(_) => "Password",
            Self::Key(_) => "Key",
        })
    }
}
