//! Certificates of the admin address, read again when their files change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::Context as _;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::TlsConfig;

/// The certificate and key of the admin address.
#[derive(Debug)]
pub(crate) struct Certificates {
    files: TlsConfig,
    current: Mutex<Current>,
}

struct Current {
    acceptor: TlsAcceptor,
    seen: Stamp,
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Current")
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

/// What tells two states of the files apart: time and length of each.
type Stamp = [Option<(SystemTime, u64)>; 2];

impl Certificates {
    /// Reads the files.
    ///
    /// # Errors
    /// Where one cannot be read, or the key does not belong to the certificate.
    pub(crate) fn load(files: TlsConfig) -> anyhow::Result<Self> {
        let seen = stamp(&files);
        let acceptor = acceptor(&files)?;
        Ok(Self {
            files,
            current: Mutex::new(Current { acceptor, seen }),
        })
    }

    /// The acceptor for a new connection; of the new files where they changed and are usable.
    /// A renewal that is half done keeps the old ones and is tried again.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(&self.files);
        if now != current.seen {
            match acceptor(&self.files) {
                Ok(acceptor) => {
                    *current = Current {
                        acceptor,
                        seen: now,
                    };
                    tracing::info!(certificate = %self.files.certificate.display(), "admin certificate reloaded");
                }
                Err(error) => {
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "admin certificate not reloaded"
                    );
                }
            }
        }
        current.acceptor.clone()
    }
}

fn stamp(files: &TlsConfig) -> Stamp {
    let of = |path: &PathBuf| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    [of(&files.certificate), of(&files.key)]
}

fn acceptor(files: &TlsConfig) -> anyhow::Result<TlsAcceptor> {
    let chain = read_chain(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .with_context(|| format!("read the admin key {}", files.key.display()))?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .context("choose TLS versions")?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .with_context(|| format!("use the admin certificate {}", files.certificate.display()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn read_chain(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let what = || format!("read the admin certificate {}", path.display());
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .with_context(what)?
        .collect::<Result<_, _>>()
        .with_context(what)?;
    anyhow::ensure!(!chain.is_empty(), "no certificate in {}", path.display());
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::*;

    /// Writes a new certificate for `localhost` to the files and returns it.
    fn renew(files: &TlsConfig) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&files.certificate, made.cert.pem()).unwrap();
        std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        made.cert.der().clone()
    }

    /// Whether a client that trusts `certificate` alone gets through.
    async fn is_served(certificate: &CertificateDer<'static>, certificates: &Certificates) -> bool {
        let mut trusted = RootCertStore::empty();
        trusted.add(certificate.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(trusted)
            .with_no_client_auth();
        let (near, far) = tokio::io::duplex(64 * 1024);
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let (client, _server) = tokio::join!(
            connector.connect(name, near),
            certificates.acceptor().accept(far)
        );
        client.is_ok()
    }

    #[tokio::test]
    async fn a_renewed_certificate_is_served_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let files = TlsConfig {
            certificate: folder.path().join("cert.pem"),
            key: folder.path().join("key.pem"),
        };
        let first = renew(&files);
        let certificates = Certificates::load(files.clone()).unwrap();
        assert!(is_served(&first, &certificates).await);
        let second = renew(&files);
        assert!(is_served(&second, &certificates).await);
        assert!(!is_served(&first, &certificates).await);
        std::fs::write(&files.key, "half a file").unwrap();
        assert!(is_served(&second, &certificates).await, "the old one stays");
    }

    #[test]
    fn a_missing_certificate_is_named() {
        let files = TlsConfig {
            certificate: "/nowhere/c.pem".into(),
            key: "/nowhere/k.pem".into(),
        };
        let error = Certificates::load(files).expect_err("missing");
        assert!(error.to_string().contains("/nowhere/c.pem"), "{error}");
    }
}
