//! Whom a TLS connection to a directory trusts.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// A connector that trusts the certificates of this PEM file, or those of the machine. There is
/// no way to trust everybody. TLS sessions are resumed, so that most logins cost no full handshake.
///
/// # Errors
/// What is wrong with the file, or that the machine has no certificates.
pub(crate) fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, String> {
    let roots = match ca_file {
        Some(path) => of_file(path)?,
        None => of_machine()?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn of_file(path: &Path) -> Result<RootCertStore, String> {
    let name = path.display();
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| format!("read {name}: {error}"))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| format!("read {name}: {error}"))?;
        let added = roots.add(certificate);
        added
            .map_err(|error| format!("{name} holds a certificate that cannot be used: {error}"))?;
    }
    match roots.is_empty() {
        true => Err(format!("{name} holds no certificate in PEM")),
        false => Ok(roots),
    }
}

fn of_machine() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    match roots.is_empty() {
        true => Err("this machine has no CA certificates: name a `ca_file`".to_owned()),
        false => Ok(roots),
    }
}
