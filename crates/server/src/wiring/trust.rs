//! The files of certificate authorities and of revoked keys, read again when they change.

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::Context as _;
use identity::PublicKey;
use identity::certificate::{CertificateAuthorities, Revocations, Trust};

use crate::config::IdentityConfig;

/// The files, and what tells their states apart.
#[derive(Debug)]
pub(crate) struct TrustFiles {
    authorities: Vec<PathBuf>,
    revoked: Vec<PathBuf>,
    seen: Vec<Option<(SystemTime, u64)>>,
}

impl TrustFiles {
    /// The files of this configuration, and what they say now.
    ///
    /// # Errors
    /// Where one cannot be read: a node does not start without knowing what is revoked.
    pub(crate) fn read(config: &IdentityConfig) -> anyhow::Result<(Self, Trust)> {
        let mut files = Self {
            authorities: config.certificate_authorities.clone(),
            revoked: config.revoked_keys.clone(),
            seen: Vec::new(),
        };
        files.seen = files.stamps();
        let trust = files.trust()?;
        Ok((files, trust))
    }

    /// What the files say, where they have changed since the last look. Files that cannot be read
    /// any more are trusted in nothing: no key and no certificate is taken until they can be.
    pub(crate) fn changed(&mut self) -> Option<Trust> {
        let now = self.stamps();
        if now == self.seen {
            return None;
        }
        self.seen = now;
        Some(self.trust().unwrap_or_else(|error| {
            tracing::error!(
                error = format!("{error:#}"),
                "keys and certificates are refused until this can be read"
            );
            Trust::unreadable()
        }))
    }

    fn stamps(&self) -> Vec<Option<(SystemTime, u64)>> {
        let stamp = |path: &PathBuf| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        let files = self.authorities.iter().chain(&self.revoked);
        files.map(stamp).collect()
    }

    fn trust(&self) -> anyhow::Result<Trust> {
        let mut authorities = Vec::new();
        for path in &self.authorities {
            let text = std::fs::read_to_string(path);
            let text = text.with_context(|| format!("read authorities {}", path.display()))?;
            for line in text.lines().map(str::trim) {
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let key = PublicKey::parse(line);
                authorities.push(key.with_context(|| format!("in {}", path.display()))?);
            }
        }
        let mut revoked = Revocations::default();
        for path in &self.revoked {
            let list = std::fs::read(path);
            let list = list.with_context(|| format!("read revoked keys {}", path.display()))?;
            let list = Revocations::parse_krl(&list);
            revoked.extend(list.with_context(|| format!("in {}", path.display()))?);
        }
        Ok(Trust::new(CertificateAuthorities::new(
            authorities,
            revoked,
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEI8iQmcyjFAQDneBn9pMYwAnETwedAPXNogoeazFKx1 ca";

    #[test]
    fn a_file_that_goes_away_takes_all_trust_with_it() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("ca.pub");
        std::fs::write(&path, format!("# ours\n\n{KEY}\n")).expect("written");
        let config = IdentityConfig {
            certificate_authorities: vec![path.clone()],
            ..IdentityConfig::default()
        };
        let (mut files, trust) = TrustFiles::read(&config).expect("read");
        assert!(trust.takes_certificates());
        assert!(files.changed().is_none());
        std::fs::remove_file(&path).expect("removed");
        let trust = files.changed().expect("it changed");
        assert!(!trust.takes_certificates());
        assert!(trust.revokes(b"any key"));
        assert!(files.changed().is_none(), "said once");
        std::fs::write(&path, KEY).expect("written");
        assert!(files.changed().expect("again").takes_certificates());
        assert!(
            TrustFiles::read(&IdentityConfig {
                revoked_keys: vec![path],
                ..config
            })
            .is_err(),
            "a key is no list of revoked ones"
        );
    }
}
