//! SSH user certificates: keys that an authority vouches for (OpenSSH's PROTOCOL.certkeys).
//!
//! Pure: who calls has had the user's signature verified by the transport, and names the time.
//! Anything that is not understood refuses, so that a certificate never grants more than it says.

mod critical;
mod krl;
mod revocation;
mod trust;

use std::net::IpAddr;

use ipnet::IpNet;
use model::Timestamp;
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, Certificate, HashAlg};

pub use self::krl::InvalidKrl;
pub use self::revocation::{Revocations, Revoked};
pub use self::trust::Trust;

use self::critical::Critical;
use crate::PublicKey;

/// Why a certificate lets nobody in. For the log; the client hears what everybody hears.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateRefused {
    /// It is not a whole certificate.
    #[error("it is not a certificate: {0}")]
    Malformed(String),
    /// It is one for hosts.
    #[error("it is a host's certificate, not a user's")]
    NotForUsers,
    /// Its key is of a kind that is not taken.
    #[error("its key is not taken: {0}")]
    Key(#[source] crate::InvalidPublicKey),
    /// None of the server's authorities signed it.
    #[error("it is signed by {fingerprint}, which is none of this server's authorities")]
    UnknownAuthority {
        /// The fingerprint of the authority's key.
        fingerprint: String,
    },
    /// It is not what the authority signed, or signed with SHA-1.
    #[error("its signature is wrong, or made with SHA-1")]
    Signature,
    /// It is not valid yet.
    #[error("it is valid in {0:?} only")]
    NotYetValid(std::time::Duration),
    /// It is not valid any more.
    #[error("it has been invalid for {0:?}")]
    Expired(std::time::Duration),
    /// It names no principals, so it would be anybody's.
    #[error("it names no principals, so it would be anybody's")]
    NoPrincipals,
    /// It is somebody else's.
    #[error("none of its principals is the user's")]
    OtherPrincipal,
    /// It holds a critical option that is not understood here.
    #[error("its critical option {0:?} is not understood")]
    UnknownOption(String),
    /// It forces a command that cannot be run here.
    #[error("it forces a command other than internal-sftp")]
    ForcedCommand,
    /// It lists addresses that cannot be read.
    #[error("its source-address is not a list of addresses and networks")]
    SourceAddress,
    /// It is not for this address.
    #[error("it is not for the address {0}")]
    OtherAddress(IpAddr),
    /// It, its key or its authority is revoked.
    #[error("{0}")]
    Revoked(Revoked),
    /// Nobody can say what is revoked.
    #[error("the authorities or the lists of what is revoked cannot be read")]
    Unreadable,
}

impl CertificateRefused {
    /// A word for metrics labels and audit rows.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::NotForUsers => "not_for_users",
            Self::Key(_) => "key",
            Self::UnknownAuthority { .. } => "unknown_authority",
            Self::Signature => "signature",
            Self::NotYetValid(_) => "not_yet_valid",
            Self::Expired(_) => "expired",
            Self::NoPrincipals => "no_principals",
            Self::OtherPrincipal => "other_principal",
            Self::UnknownOption(_) => "unknown_option",
            Self::ForcedCommand => "forced_command",
            Self::SourceAddress => "source_address",
            Self::OtherAddress(_) => "other_address",
            Self::Revoked(_) => "revoked",
            Self::Unreadable => "unreadable",
        }
    }
}

/// What a valid certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified {
    /// The user's key.
    pub key: PublicKey,
    /// What the authority calls the certificate.
    pub key_id: String,
    /// Its number; 0 where the authority does not count.
    pub serial: u64,
    /// The principal by which the user was recognised.
    pub principal: String,
    /// The fingerprint of the authority's key.
    pub authority: String,
    /// From when on it is not valid any more; none for never. A session that outlives it is the
    /// caller's to end.
    pub valid_until: Option<Timestamp>,
    /// It is for SFTP alone (`force-command=internal-sftp`): SCP is to be refused.
    pub sftp_only: bool,
}

/// The authorities whose certificates a server takes, and what they revoked.
#[derive(Debug, Clone, Default)]
pub struct CertificateAuthorities {
    trusted: Vec<PublicKey>,
    revoked: Revocations,
}

impl CertificateAuthorities {
    /// The longest certificate, in bytes.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Takes the certificates of these. With no authorities no certificate is taken.
    pub fn new(trusted: Vec<PublicKey>, revoked: Revocations) -> Self {
        Self { trusted, revoked }
    }

    /// Whether a certificate is one of this user, here and now. `blob` is the certificate as it
    /// travels in SSH; `principals` are the names he goes by: his user name, if nothing else was
    /// set.
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
        let certificate = parse(blob)?;
        let authority = self.authority(&certificate)?;
        verify_signature(&certificate, now)?;
        let key = public_key(certificate.public_key())?;
        let revoked =
            self.revoked
                .find(&key, &authority, certificate.serial(), certificate.key_id());
        if let Some(revoked) = revoked {
            return Err(CertificateRefused::Revoked(revoked));
        }
        let principal = principal(&certificate, principals)?;
        let critical = Critical::read(certificate.critical_options())?;
        critical.check_address(address)?;
        Ok(Certified {
            key,
            key_id: certificate.key_id().to_owned(),
            serial: certificate.serial(),
            principal,
            authority: authority.fingerprint(),
            valid_until: i64::try_from(certificate.valid_before())
                .ok()
                .map(Timestamp::from_seconds),
            sftp_only: critical.sftp_only,
        })
    }

    /// Whether there is any authority.
    pub fn is_empty(&self) -> bool {
        self.trusted.is_empty()
    }

    /// Whether a key of its own, without a certificate, is revoked.
    pub fn is_revoked(&self, key: &PublicKey) -> bool {
        self.revoked.holds_key(key)
    }

    /// Whether a certificate that was taken would still be: its authority is one, and nothing of
    /// it is revoked.
    fn still_takes(&self, certified: &Certified) -> bool {
        let same = |known: &&PublicKey| known.fingerprint() == certified.authority;
        let Some(authority) = self.trusted.iter().find(same) else {
            return false;
        };
        let (key, serial, key_id) = (&certified.key, certified.serial, &certified.key_id);
        self.revoked.find(key, authority, serial, key_id).is_none()
    }

    fn revokes_fingerprint(&self, fingerprint: &str) -> bool {
        self.revoked.holds_fingerprint(fingerprint)
    }

    fn authority(&self, certificate: &Certificate) -> Result<PublicKey, CertificateRefused> {
        let data = certificate.signature_key();
        let known = blob_of(data).and_then(|blob| {
            let same = |known: &&PublicKey| known.blob() == blob;
            self.trusted.iter().find(same)
        });
        known
            .cloned()
            .ok_or_else(|| CertificateRefused::UnknownAuthority {
                fingerprint: data.fingerprint(HashAlg::Sha256).to_string(),
            })
    }
}

fn parse(blob: &[u8]) -> Result<Certificate, CertificateRefused> {
    let malformed = |fault: &str| CertificateRefused::Malformed(fault.to_owned());
    if blob.len() > CertificateAuthorities::MAX_BYTES {
        return Err(malformed("it is longer than 64 KiB"));
    }
    let certificate =
        Certificate::from_bytes(blob).map_err(|error| malformed(&error.to_string()))?;
    match certificate.cert_type().is_user() {
        true => Ok(certificate),
        false => Err(CertificateRefused::NotForUsers),
    }
}

/// Its authority is known by now; the crate asks for it again.
fn verify_signature(certificate: &Certificate, now: Timestamp) -> Result<(), CertificateRefused> {
    let (after, before) = (certificate.valid_after(), certificate.valid_before());
    if matches!(
        certificate.signature().algorithm(),
        Algorithm::Rsa { hash: None }
    ) {
        return Err(CertificateRefused::Signature);
    }
    // Within the bounds by its own words, so that what fails can only be the signature.
    let fingerprint = certificate.signature_key().fingerprint(HashAlg::Sha256);
    if after < before && certificate.validate_at(after, [&fingerprint]).is_err() {
        return Err(CertificateRefused::Signature);
    }
    let seconds = u64::try_from(now.as_seconds()).unwrap_or(0);
    let apart = |later: u64, earlier: u64| std::time::Duration::from_secs(later - earlier);
    if seconds < after {
        return Err(CertificateRefused::NotYetValid(apart(after, seconds)));
    }
    match seconds < before {
        true => Ok(()),
        false => Err(CertificateRefused::Expired(apart(seconds, before))),
    }
}

fn principal(certificate: &Certificate, wanted: &[&str]) -> Result<String, CertificateRefused> {
    let names = certificate.valid_principals();
    if names.is_empty() {
        return Err(CertificateRefused::NoPrincipals);
    }
    let found = names.iter().find(|name| wanted.contains(&name.as_str()));
    found.cloned().ok_or(CertificateRefused::OtherPrincipal)
}

fn public_key(data: &KeyData) -> Result<PublicKey, CertificateRefused> {
    let blob = blob_of(data).unwrap_or_default();
    PublicKey::from_blob(&blob).map_err(CertificateRefused::Key)
}

fn blob_of(data: &KeyData) -> Option<Vec<u8>> {
    ssh_key::PublicKey::new(data.clone(), "").to_bytes().ok()
}

/// Addresses of `source-address`.
fn networks(list: &str) -> Option<Vec<IpNet>> {
    let network = |text: &str| {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        address.or_else(|_| text.parse()).ok()
    };
    list.split(',').map(network).collect()
}

#[cfg(test)]
mod tests;
