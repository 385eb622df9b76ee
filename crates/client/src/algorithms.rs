//! Which algorithms the client speaks: those of today first, and behind them what the servers that
//! partners are moved away from may have alone.

use std::borrow::Cow;

use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{Preferred, cipher, compression, kex, mac};

const KEX: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_G16_SHA512,
    kex::DH_G14_SHA256,
    kex::DH_GEX_SHA256,
    kex::DH_G14_SHA1,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

const HOST_KEYS: &[Algorithm] = &[
    Algorithm::Ed25519,
    ecdsa(EcdsaCurve::NistP256),
    ecdsa(EcdsaCurve::NistP384),
    ecdsa(EcdsaCurve::NistP521),
    rsa(Some(HashAlg::Sha512)),
    rsa(Some(HashAlg::Sha256)),
    rsa(None),
];

const CIPHERS: &[cipher::Name] = &[
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_128_CTR,
    cipher::AES_192_CTR,
    cipher::AES_256_CTR,
    cipher::AES_128_CBC,
    cipher::AES_256_CBC,
];

const MACS: &[mac::Name] = &[
    mac::HMAC_SHA256_ETM,
    mac::HMAC_SHA512_ETM,
    mac::HMAC_SHA256,
    mac::HMAC_SHA512,
    mac::HMAC_SHA1_ETM,
    mac::HMAC_SHA1,
];

/// All of them; of host keys those alone that are of the kind named, where one is.
pub(crate) fn preferred(host_key: Option<HostKeyKind>) -> Preferred {
    let wanted = |algorithm: &&Algorithm| host_key.is_none_or(|kind| kind.has(algorithm));
    Preferred {
        kex: Cow::Borrowed(KEX),
        key: HOST_KEYS.iter().filter(wanted).cloned().collect(),
        host_key_certificates: Cow::Borrowed(&[]),
        cipher: Cow::Borrowed(CIPHERS),
        mac: Cow::Borrowed(MACS),
        compression: Cow::Borrowed(&[compression::NONE]),
    }
}

/// A kind of host key: a server has one of each at most, and clients remember one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostKeyKind {
    /// `ssh-ed25519`.
    Ed25519,
    /// `ecdsa-sha2-nistp256`.
    P256,
    /// `ecdsa-sha2-nistp384`.
    P384,
    /// `ecdsa-sha2-nistp521`.
    P521,
    /// `ssh-rsa`, however it signs.
    Rsa,
}

impl HostKeyKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Ed25519, Self::P256, Self::P384, Self::P521, Self::Rsa];

    /// The name that is on keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::P256 => "ecdsa-sha2-nistp256",
            Self::P384 => "ecdsa-sha2-nistp384",
            Self::P521 => "ecdsa-sha2-nistp521",
            Self::Rsa => "ssh-rsa",
        }
    }

    /// Whether a server that offers these algorithms has such a key.
    pub fn is_offered(self, host_keys: &[String]) -> bool {
        let has = |name: &String| Algorithm::new(name).is_ok_and(|algorithm| self.has(&algorithm));
        host_keys.iter().any(has)
    }

    fn has(self, algorithm: &Algorithm) -> bool {
        match self {
            Self::Ed25519 => *algorithm == Algorithm::Ed25519,
            Self::P256 => *algorithm == ecdsa(EcdsaCurve::NistP256),
            Self::P384 => *algorithm == ecdsa(EcdsaCurve::NistP384),
            Self::P521 => *algorithm == ecdsa(EcdsaCurve::NistP521),
            Self::Rsa => matches!(algorithm, Algorithm::Rsa { .. }),
        }
    }
}

const fn ecdsa(curve: EcdsaCurve) -> Algorithm {
    Algorithm::Ecdsa { curve }
}

const fn rsa(hash: Option<HashAlg>) -> Algorithm {
    Algorithm::Rsa { hash }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_host_key_is_asked_for_alone() {
        for kind in HostKeyKind::ALL {
            let asked = preferred(Some(kind)).key;
            assert!(!asked.is_empty() && asked.iter().all(|algorithm| kind.has(algorithm)));
            assert!(kind.is_offered(&[kind.name().to_owned()]));
        }
        assert!(HostKeyKind::Rsa.is_offered(&["rsa-sha2-512".to_owned()]));
        assert!(!HostKeyKind::Rsa.is_offered(&["ssh-dss".to_owned(), "x".to_owned()]));
        assert_eq!(preferred(None).key.len(), HOST_KEYS.len());
    }
}
