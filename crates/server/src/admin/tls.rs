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
        f.debug_struct("Current").field("seen", &self.seen).finish_non_exhaustive()
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
        Ok(Self { files, current: Mutex::new(Current { acceptor, seen }) })
    }

    /// The acceptor for a new connection; of the new files where they changed and are usable.
    /// A renewal that is half done keeps the old ones and is tried again.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(&self.files);
        if now != current.seen {
            match acceptor(&self.files) {
                Ok(acceptor) => {
                    *current = Current { acceptor, seen: now };
                    tracing::info!(certificate = %self.files.certificate.display(), "admin certificate reloaded");
                }
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "admin certificate not reloaded");
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
