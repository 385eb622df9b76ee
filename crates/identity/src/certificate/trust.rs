//! Which keys and certificates are trusted now: what the files said when they were read last.

use std::net::IpAddr;

use model::Timestamp;

use super::{CertificateAuthorities, CertificateRefused, Certified};
use crate::PublicKey;

/// The authorities and what is revoked, or that nobody can say.
#[derive(Debug, Clone)]
pub struct Trust(Option<CertificateAuthorities>);

impl Trust {
    /// What was read.
    pub fn new(authorities: CertificateAuthorities) -> Self {
        Self(Some(authorities))
    }

    /// The files cannot be read: no key and no certificate is taken, since it might be revoked.
    pub fn unreadable() -> Self {
        Self(None)
    }

    /// Whether certificates are taken from anybody.
    pub fn takes_certificates(&self) -> bool {
        self.0.as_ref().is_some_and(|known| !known.is_empty())
    }

    /// Whether a key of its own, as it travels in SSH, is not to be taken.
    pub fn revokes(&self, blob: &[u8]) -> bool {
        let Some(known) = &self.0 else { return true };
        PublicKey::from_blob(blob).is_ok_and(|key| known.is_revoked(&key))
    }

    /// See [`CertificateAuthorities::validate`].
    ///
    /// # Errors
    /// [`CertificateRefused`] says why not.
    pub fn validate(
        &self,
        blob: &[u8],
        principals: &[&str],
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Certified, CertificateRefused> {
        let known = self.0.as_ref().ok_or(CertificateRefused::Unreadable)?;
        known.validate(blob, principals, address, now)
    }

    /// Whether a certificate that was taken would still be, by what is revoked now.
    pub(crate) fn still_takes(&self, certified: &Certified) -> bool {
        self.0
            .as_ref()
            .is_none_or(|known| known.still_takes(certified))
    }

    /// Whether a key that was taken, by its fingerprint, would still be.
    pub(crate) fn still_takes_key(&self, fingerprint: &str) -> bool {
        self.0
            .as_ref()
            .is_none_or(|known| !known.revokes_fingerprint(fingerprint))
    }
}

impl Default for Trust {
    /// Nobody is an authority, and nothing is revoked.
    fn default() -> Self {
        Self::new(CertificateAuthorities::default())
    }
}
