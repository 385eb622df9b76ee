//! The keys that a server proves itself with: made, imported and shown.

use std::str::FromStr;
use std::sync::Arc;

use model::Secret;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::RsaKeypair;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PrivateKey};

use crate::{Error, Result};

/// The smallest RSA host key taken, as current clients refuse smaller ones.
const MIN_RSA_BITS: u32 = 2048;
/// The RSA keys made here.
const RSA_BITS: usize = 3072;

/// A kind of host key that can be made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKeyAlgorithm {
    /// `ssh-ed25519`.
    Ed25519,
    /// `ecdsa-sha2-nistp256`.
    EcdsaP256,
    /// `ssh-rsa` of 3072 bits, used with SHA-2. Takes about a second to make.
    Rsa,
}

impl HostKeyAlgorithm {
    /// All of them: what a new server should have.
    pub const ALL: [Self; 3] = [Self::Ed25519, Self::EcdsaP256, Self::Rsa];

    /// The short name: `ed25519`, `ecdsa`, `rsa`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::EcdsaP256 => "ecdsa",
            Self::Rsa => "rsa",
        }
    }
}

impl FromStr for HostKeyAlgorithm {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or_else(|| {
                Error::host_key(format!(
                    "no algorithm {name:?}; there are ed25519, ecdsa and rsa"
                ))
            })
    }
}

/// One private host key.
#[derive(Clone)]
pub struct HostKey(Arc<PrivateKey>);

impl HostKey {
    /// Makes a new key. Takes CPU time: do it where blocking is allowed.
    ///
    /// # Errors
    /// [`Error::HostKey`] where the random source fails.
    pub fn generate(algorithm: HostKeyAlgorithm) -> Result<Self> {
        let mut random = russh::keys::key::safe_rng();
        let key = match algorithm {
            HostKeyAlgorithm::Ed25519 => PrivateKey::random(&mut random, Algorithm::Ed25519),
            HostKeyAlgorithm::EcdsaP256 => PrivateKey::random(
                &mut random,
                Algorithm::Ecdsa {
                    curve: EcdsaCurve::NistP256,
                },
            ),
            HostKeyAlgorithm::Rsa => {
                RsaKeypair::random(&mut random, RSA_BITS).map(PrivateKey::from)
            }
        };
        key.map(Self::new).map_err(|source| Error::HostKey {
            reason: format!("make a new {} key", algorithm.as_str()).into(),
            source: Some(source),
        })
    }

    /// Reads a private key as sshd keeps it (`BEGIN OPENSSH PRIVATE KEY`, also PKCS#1, PKCS#8,
    /// SEC1 and PuTTY's). Its fingerprint stays what it was.
    ///
    /// # Errors
    /// [`Error::HostKey`] where it is none, needs another passphrase, or is too weak.
    pub fn import(text: &str, passphrase: Option<&str>) -> Result<Self> {
        let one_line = ["ssh-", "ecdsa-", "sk-"];
        if text.contains("PUBLIC KEY-----")
            || one_line
                .iter()
                .any(|kind| text.trim_start().starts_with(kind))
        {
            return Err(Error::host_key(
                "this is a public key; import the private one (the file without .pub)",
            ));
        }
        let key = russh::keys::decode_secret_key(text, passphrase).map_err(|error| {
            Error::host_key(match error {
                russh::keys::Error::KeyIsEncrypted => {
                    "it is protected by a passphrase; give it, or remove it with ssh-keygen -p"
                        .to_owned()
                }
                other => format!("not a private key that can be read: {other}"),
            })
        })?;
        Self::usable(key)
    }

    /// The key in OpenSSH's format without a passphrase, to be sealed by who stores it.
    ///
    /// # Errors
    /// [`Error::HostKey`] where it cannot be encoded.
    pub fn to_openssh(&self) -> Result<Secret<String>> {
        let text = self.0.to_openssh(LineEnding::LF);
        text.map(|text| Secret::new(text.as_str().to_owned()))
            .map_err(|source| Error::HostKey {
                reason: "encode it in OpenSSH's format".into(),
                source: Some(source),
            })
    }

    /// `SHA256:` and the digest in base64, as clients show it.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    /// The name in the SSH protocol: `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`..
    pub fn algorithm(&self) -> String {
        self.0.algorithm().as_str().to_owned()
    }

    /// The public key in one line, as a `known_hosts` file has it behind the host's name.
    pub fn public_key(&self) -> String {
        self.0.public_key().to_openssh().unwrap_or_default()
    }

    fn new(key: PrivateKey) -> Self {
        Self(Arc::new(key))
    }

    fn usable(key: PrivateKey) -> Result<Self> {
        match key.algorithm() {
            Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => Ok(Self::new(key)),
            Algorithm::Rsa { .. } => {
                let bits = (key.public_key().key_data().rsa())
                    .map_or(0, russh::keys::ssh_key::public::RsaPublicKey::key_size);
                if bits < MIN_RSA_BITS {
                    return Err(Error::host_key(format!(
                        "an RSA key of {bits} bits is too weak; {MIN_RSA_BITS} is the least"
                    )));
                }
                Ok(Self::new(key))
            }
            other => Err(Error::host_key(format!(
                "keys of the kind {} cannot be host keys here; ed25519, ecdsa and rsa can",
                other.as_str()
            ))),
        }
    }
}

impl std::fmt::Debug for HostKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HostKey({} {})", self.algorithm(), self.fingerprint())
    }
}

/// All keys of a server: at least one. Where there are several of one algorithm, the first is used.
#[derive(Debug, Clone)]
pub struct HostKeys(Vec<HostKey>);

impl HostKeys {
    /// Takes the keys of a server.
    ///
    /// # Errors
    /// [`Error::HostKey`] where there is none.
    pub fn new(keys: Vec<HostKey>) -> Result<Self> {
        if keys.is_empty() {
            return Err(Error::host_key(
                "a server needs at least one; make or import it first",
            ));
        }
        Ok(Self(keys))
    }

    /// The keys.
    pub fn iter(&self) -> impl Iterator<Item = &HostKey> {
        self.0.iter()
    }

    pub(crate) fn private(&self) -> Vec<PrivateKey> {
        self.0.iter().map(|key| key.0.as_ref().clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn generated_keys_survive_their_text_form() {
        for algorithm in [HostKeyAlgorithm::Ed25519, HostKeyAlgorithm::EcdsaP256] {
            let key = HostKey::generate(algorithm).expect("generated");
            let text = key.to_openssh().expect("encoded");
            let again = HostKey::import(text.expose(), None).expect("imported");
            assert_eq!(again.fingerprint(), key.fingerprint());
            assert!(key.fingerprint().starts_with("SHA256:"));
            assert!(!format!("{key:?}").contains("PRIVATE"));
        }
    }

    #[test]
    fn keys_of_sshd_keep_their_fingerprints() {
        let folder = tempfile::tempdir().expect("folder");
        for (kind, bits, format) in [
            ("ed25519", "256", None),
            ("ecdsa", "256", None),
            ("ecdsa", "521", None),
            ("rsa", "2048", None),
            ("rsa", "2048", Some("PEM")),
            ("ecdsa", "384", Some("PKCS8")),
        ] {
            let file = folder.path().join(format!("{kind}{bits}{format:?}"));
            let mut make = Command::new("ssh-keygen");
            make.args(["-q", "-N", "", "-t", kind, "-b", bits, "-f"])
                .arg(&file);
            if let Some(format) = format {
                make.args(["-m", format]);
            }
            assert!(make.status().expect("ssh-keygen runs").success());
            let shown = Command::new("ssh-keygen")
                .args(["-l", "-f"])
                .arg(&file)
                .output()
                .expect("ssh-keygen runs");
            let shown = String::from_utf8(shown.stdout).expect("text");
            let text = std::fs::read_to_string(&file).expect("key file");
            let key = HostKey::import(&text, None).expect("imported");
            assert!(shown.contains(&key.fingerprint()), "{shown} {key:?}");
            let public =
                std::fs::read_to_string(file.with_file_name(format!("{kind}{bits}{format:?}.pub")));
            let error = HostKey::import(&public.expect("public key"), None);
            assert!(error.expect_err("public").to_string().contains("public"));
        }
    }

    #[test]
    fn weak_locked_and_foreign_keys_are_refused_with_a_reason() {
        let folder = tempfile::tempdir().expect("folder");
        let check = |name: &str, arguments: &[&str], reason: &str| {
            let file = folder.path().join(name);
            let mut make = Command::new("ssh-keygen");
            make.args(["-q", "-f"]).arg(&file).args(arguments);
            assert!(make.status().expect("ssh-keygen runs").success());
            let text = std::fs::read_to_string(&file).expect("key file");
            let error = HostKey::import(&text, None).expect_err(name).to_string();
            assert!(error.contains(reason), "{error}");
        };
        check("weak", &["-t", "rsa", "-b", "1024", "-N", ""], "too weak");
        check("locked", &["-t", "ed25519", "-N", "secret"], "passphrase");
        assert!(HostKey::import("nonsense", None).is_err());
        assert!(HostKeys::new(Vec::new()).is_err());
    }
}
