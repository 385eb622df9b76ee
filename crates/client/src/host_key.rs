//! Whether a server is who it should be: fingerprints, and what is done with them.

use std::fmt;
use std::str::FromStr;

/// The SHA-256 fingerprint of a host key, as OpenSSH prints it: `SHA256:` and 43 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(String);

/// A text that is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no fingerprint: `ssh-keygen -lf` prints one, such as SHA256:AbC..")]
pub struct InvalidFingerprint(String);

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
        let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        let digest = text
            .strip_prefix("SHA256:")
            .map(|it| it.trim_end_matches('='));
        match digest {
            Some(digest) if digest.len() == 43 && digest.bytes().all(base64) => {
                Ok(Self(format!("SHA256:{digest}")))
            }
            _ => Err(InvalidFingerprint(text.to_owned())),
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Fingerprint {
    pub(crate) fn of(key: &russh::keys::PublicKey) -> Self {
        Self(key.fingerprint(russh::keys::HashAlg::Sha256).to_string())
    }
}

/// Which host keys are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostKeyCheck {
    /// One of these; an empty list takes none.
    Known(Vec<Fingerprint>),
    /// Whatever the server shows: on the first visit, where the operator said so. The caller keeps
    /// [`crate::Seen::host_key`] for the next one.
    TrustFirst,
}

impl HostKeyCheck {
    pub(crate) fn takes(&self, shown: &Fingerprint) -> bool {
        match self {
            Self::Known(known) => known.contains(shown),
            Self::TrustFirst => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";

    #[test]
    fn fingerprints_are_read_as_openssh_prints_them() {
        let read: Fingerprint = TEXT.parse().expect("valid");
        assert_eq!(read.to_string(), TEXT);
        assert_eq!(format!("{TEXT}=").parse(), Ok(read.clone()));
        for wrong in ["", "SHA256:", "MD5:00:11", &TEXT[..20], "SHA256:4!"] {
            assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
        }
        assert!(HostKeyCheck::TrustFirst.takes(&read));
        assert!(HostKeyCheck::Known(vec![read.clone()]).takes(&read));
        assert!(!HostKeyCheck::Known(Vec::new()).takes(&read));
    }
}
