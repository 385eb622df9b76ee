//! Which algorithms are offered: named policies, as data.

use std::borrow::Cow;

use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{Preferred, cipher, compression, kex, mac};

/// A named set of algorithms, most preferred first. Compression is never offered, strict key
/// exchange (against CVE-2023-48795) and `server-sig-algs` always.
#[derive(Debug, Clone, Copy)]
pub struct AlgorithmPolicy {
    name: &'static str,
    kex: &'static [kex::Name],
    signatures: &'static [Algorithm],
    ciphers: &'static [cipher::Name],
    macs: &'static [mac::Name],
}

/// Post-quantum first, nothing with SHA-1 or CBC. `aes128-gcm` stands first since it costs the
/// least and is as good as the key exchange.
const DEFAULT: AlgorithmPolicy = AlgorithmPolicy {
    name: "default",
    kex: &[
        kex::MLKEM768X25519_SHA256,
        kex::CURVE25519,
        kex::CURVE25519_PRE_RFC_8731,
        kex::ECDH_SHA2_NISTP256,
        kex::ECDH_SHA2_NISTP384,
        kex::ECDH_SHA2_NISTP521,
        kex::DH_G16_SHA512,
        kex::DH_G14_SHA256,
        kex::EXTENSION_SUPPORT_AS_SERVER,
        kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
    ],
    signatures: SHA2_SIGNATURES,
    ciphers: &[
        cipher::AES_128_GCM,
        cipher::AES_256_GCM,
        cipher::CHACHA20_POLY1305,
        cipher::AES_128_CTR,
        cipher::AES_192_CTR,
        cipher::AES_256_CTR,
    ],
    macs: SHA2_MACS,
};

/// The default and, behind it, what clients of the last decade need: SHA-1 in key exchange, MACs
/// and RSA signatures, and CBC ciphers.
const LEGACY: AlgorithmPolicy = AlgorithmPolicy {
    name: "legacy",
    kex: &[
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
        kex::EXTENSION_SUPPORT_AS_SERVER,
        kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
    ],
    signatures: &[
        Algorithm::Ed25519,
        ecdsa(EcdsaCurve::NistP256),
        ecdsa(EcdsaCurve::NistP384),
        ecdsa(EcdsaCurve::NistP521),
        rsa(Some(HashAlg::Sha512)),
        rsa(Some(HashAlg::Sha256)),
        rsa(None),
    ],
    ciphers: &[
        cipher::AES_128_GCM,
        cipher::AES_256_GCM,
        cipher::CHACHA20_POLY1305,
        cipher::AES_128_CTR,
        cipher::AES_192_CTR,
        cipher::AES_256_CTR,
        cipher::AES_128_CBC,
        cipher::AES_256_CBC,
    ],
    macs: &[
        mac::HMAC_SHA256_ETM,
        mac::HMAC_SHA512_ETM,
        mac::HMAC_SHA256,
        mac::HMAC_SHA512,
        mac::HMAC_SHA1_ETM,
        mac::HMAC_SHA1,
    ],
};

/// What AWS Transfer's security policies of 2024 and 2025 offer, as far as it is implemented here.
const AWS_2025: AlgorithmPolicy = AlgorithmPolicy {
    name: "aws-2025",
    kex: &[
        kex::MLKEM768X25519_SHA256,
        kex::ECDH_SHA2_NISTP256,
        kex::ECDH_SHA2_NISTP384,
        kex::ECDH_SHA2_NISTP521,
        kex::CURVE25519,
        kex::CURVE25519_PRE_RFC_8731,
        kex::DH_G18_SHA512,
        kex::DH_G16_SHA512,
        kex::DH_GEX_SHA256,
        kex::EXTENSION_SUPPORT_AS_SERVER,
        kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
    ],
    signatures: SHA2_SIGNATURES,
    ciphers: &[
        cipher::AES_128_GCM,
        cipher::AES_256_GCM,
        cipher::AES_128_CTR,
        cipher::AES_192_CTR,
        cipher::AES_256_CTR,
    ],
    macs: &[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM],
};

const SHA2_SIGNATURES: &[Algorithm] = &[
    Algorithm::Ed25519,
    ecdsa(EcdsaCurve::NistP256),
    ecdsa(EcdsaCurve::NistP384),
    ecdsa(EcdsaCurve::NistP521),
    rsa(Some(HashAlg::Sha512)),
    rsa(Some(HashAlg::Sha256)),
];

const SHA2_MACS: &[mac::Name] = &[
    mac::HMAC_SHA256_ETM,
    mac::HMAC_SHA512_ETM,
    mac::HMAC_SHA256,
    mac::HMAC_SHA512,
];

const POLICIES: &[AlgorithmPolicy] = &[DEFAULT, LEGACY, AWS_2025];

impl AlgorithmPolicy {
    /// The policy of this name; none where there is no such policy.
    pub fn named(name: &str) -> Option<Self> {
        POLICIES.iter().copied().find(|policy| policy.name == name)
    }

    /// The names of all policies.
    pub fn names() -> impl Iterator<Item = &'static str> {
        POLICIES.iter().map(|policy| policy.name)
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether a client may prove a key with this signature algorithm.
    pub(crate) fn accepts_signature(&self, algorithm: &Algorithm) -> bool {
        // A key in a security key (FIDO) signs with its own algorithm; there is nothing weak in it.
        let security_key = matches!(
            algorithm,
            Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256
        );
        security_key || self.signatures.contains(algorithm)
    }

    pub(crate) fn preferred(&self) -> Preferred {
        Preferred {
            kex: Cow::Borrowed(self.kex),
            key: Cow::Borrowed(self.signatures),
            host_key_certificates: Cow::Borrowed(&[]),
            cipher: Cow::Borrowed(self.ciphers),
            mac: Cow::Borrowed(self.macs),
            compression: Cow::Borrowed(&[compression::NONE]),
        }
    }
}

impl Default for AlgorithmPolicy {
    fn default() -> Self {
        DEFAULT
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
    fn only_the_legacy_policy_has_sha1() {
        for policy in POLICIES {
            let preferred = policy.preferred();
            let names: Vec<String> = (preferred.kex.iter().map(|n| n.as_ref().to_owned()))
                .chain(preferred.mac.iter().map(|n| n.as_ref().to_owned()))
                .collect();
            let has_sha1 = names.iter().any(|name| name.contains("sha1"));
            assert_eq!(has_sha1, policy.name == "legacy", "{}", policy.name);
            assert_eq!(
                policy.accepts_signature(&rsa(None)),
                policy.name == "legacy"
            );
        }
    }

    #[test]
    fn every_policy_is_strict_and_never_compresses() {
        for policy in POLICIES {
            let preferred = policy.preferred();
            assert!(
                preferred
                    .kex
                    .contains(&kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER)
            );
            assert_eq!(preferred.kex.first(), Some(&kex::MLKEM768X25519_SHA256));
            assert_eq!(preferred.cipher.first(), Some(&cipher::AES_128_GCM));
            assert_eq!(preferred.compression.as_ref(), [compression::NONE]);
        }
    }

    #[test]
    fn policies_are_found_by_name() {
        for name in AlgorithmPolicy::names() {
            assert_eq!(AlgorithmPolicy::named(name).map(|p| p.name()), Some(name));
        }
        assert!(AlgorithmPolicy::named("none").is_none());
    }
}
