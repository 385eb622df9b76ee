//! What authorities took back: certificates by number or name, keys, and whole authorities.

use std::collections::HashSet;
use std::fmt;
use std::ops::RangeInclusive;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use sha2::{Digest, Sha256};

use super::krl::{self, InvalidKrl};
use crate::PublicKey;

/// What of a certificate is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// The user's key.
    Key,
    /// The authority's key.
    Authority,
    /// The certificate, by its number.
    Serial(u64),
    /// The certificate, by the name that the authority gave it.
    KeyId,
}

impl fmt::Display for Revoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key => f.write_str("its key is revoked"),
            Self::Authority => f.write_str("its authority is revoked"),
            Self::Serial(serial) => write!(f, "its serial number {serial} is revoked"),
            Self::KeyId => f.write_str("its key id is revoked"),
        }
    }
}

/// What is revoked. Lists of several authorities go into one.
#[derive(Debug, Clone, Default)]
pub struct Revocations {
    sha256: HashSet<[u8; 32]>,
    sha1: HashSet<[u8; 20]>,
    certificates: Vec<OfAuthority>,
}

/// What is revoked of one authority's certificates, or of everybody's.
#[derive(Debug, Clone, Default)]
pub(super) struct OfAuthority {
    pub(super) authority: Option<Vec<u8>>,
    pub(super) serials: Vec<RangeInclusive<u64>>,
    pub(super) key_ids: HashSet<String>,
}

impl Revocations {
    /// Reads a key revocation list as `ssh-keygen -k` makes it. Its signatures are not looked at:
    /// who can write the file is trusted.
    ///
    /// # Errors
    /// [`InvalidKrl`] where it is not whole, or holds what is not understood, which might revoke
    /// something.
    pub fn parse_krl(list: &[u8]) -> Result<Self, InvalidKrl> {
        krl::parse(list)
    }

    /// Revokes what another list revokes, too.
    pub fn extend(&mut self, other: Self) {
        self.sha256.extend(other.sha256);
        self.sha1.extend(other.sha1);
        self.certificates.extend(other.certificates);
    }

    /// Revokes a key: a user's, with all certificates for it, or an authority's, with all of its
    /// certificates.
    pub fn revoke_key(&mut self, key: &PublicKey) {
        self.revoke_blob(key.blob());
    }

    /// Revokes the certificates of these numbers that this authority signed; of all authorities,
    /// where none is named. Certificates that have no number (0) are not among them.
    pub fn revoke_serials(&mut self, authority: Option<&PublicKey>, serials: RangeInclusive<u64>) {
        self.certificates.push(OfAuthority {
            authority: authority.map(|key| key.blob().to_vec()),
            serials: vec![serials],
            key_ids: HashSet::new(),
        });
    }

    /// Revokes the certificates of this name that this authority signed; of all authorities,
    /// where none is named.
    pub fn revoke_key_id(&mut self, authority: Option<&PublicKey>, key_id: &str) {
        self.certificates.push(OfAuthority {
            authority: authority.map(|key| key.blob().to_vec()),
            serials: Vec::new(),
            key_ids: HashSet::from([key_id.to_owned()]),
        });
    }

    pub(super) fn revoke_blob(&mut self, blob: &[u8]) {
        self.sha256.insert(Sha256::digest(blob).into());
    }

    pub(super) fn revoke_sha256(&mut self, hash: [u8; 32]) {
        self.sha256.insert(hash);
    }

    pub(super) fn revoke_sha1(&mut self, hash: [u8; 20]) {
        self.sha1.insert(hash);
    }

    pub(super) fn revoke_certificates(&mut self, certificates: OfAuthority) {
        self.certificates.push(certificates);
    }

    pub(super) fn holds_key(&self, key: &PublicKey) -> bool {
        let sha256: [u8; 32] = Sha256::digest(key.blob()).into();
        let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, key.blob());
        self.sha256.contains(&sha256) || self.sha1.contains(sha1.as_ref())
    }

    /// By `SHA256:` and the digest in base64. What is revoked by SHA-1 alone is not found so.
    pub(super) fn holds_fingerprint(&self, fingerprint: &str) -> bool {
        use base64::Engine as _;
        let digest = fingerprint.strip_prefix("SHA256:").unwrap_or_default();
        let digest = base64::engine::general_purpose::STANDARD_NO_PAD.decode(digest);
        let digest = digest
            .ok()
            .and_then(|digest| <[u8; 32]>::try_from(digest).ok());
        digest.is_some_and(|digest| self.sha256.contains(&digest))
    }

    pub(super) fn find(
        &self,
        key: &PublicKey,
        authority: &PublicKey,
        serial: u64,
        key_id: &str,
    ) -> Option<Revoked> {
        if self.holds_key(key) {
            return Some(Revoked::Key);
        }
        if self.holds_key(authority) {
            return Some(Revoked::Authority);
        }
        let all = self.certificates.iter();
        let mut of_it = all.filter(|revoked| {
            let named = revoked.authority.as_deref();
            named.is_none_or(|named| named == authority.blob())
        });
        of_it.find_map(|revoked| revoked.find(serial, key_id))
    }
}

impl OfAuthority {
    fn find(&self, serial: u64, key_id: &str) -> Option<Revoked> {
        if self.key_ids.contains(key_id) {
            return Some(Revoked::KeyId);
        }
        let numbered = serial != 0 && self.serials.iter().any(|range| range.contains(&serial));
        numbered.then_some(Revoked::Serial(serial))
    }
}
