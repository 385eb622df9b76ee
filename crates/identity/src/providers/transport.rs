//! The way out to providers: TLS with chosen roots, no redirects, bounded answers.

use std::error::Error as StdError;
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::{LengthLimitError, Limited};
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use super::endpoint::Endpoint;
use crate::contract::IdentityResponse;

/// Why certificates are not such as TLS can trust in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read the certificates to trust in: {0}")]
pub struct InvalidRoots(String);

/// Whose certificates are trusted in.
#[derive(Debug, Clone, Default)]
pub enum Roots {
    /// What this machine trusts in.
    #[default]
    System,
    /// These alone, whole and of PEM.
    Pem(Vec<u8>),
}

impl Roots {
    /// Takes the certificates of a PEM file, one or more. They alone are trusted in.
    ///
    /// # Errors
    /// [`InvalidRoots`] where there is none, or one is broken.
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidRoots> {
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| InvalidRoots(error.to_string()))?;
            let added = store.add(certificate);
            added.map_err(|error| InvalidRoots(error.to_string()))?;
        }
        match store.is_empty() {
            true => Err(InvalidRoots("there is none in it".to_owned())),
            false => Ok(Self::Pem(pem.to_vec())),
        }
    }

    /// Where TLS is not spoken this machine's certificates are not looked for: it may have none.
    fn store(&self, endpoint: Option<&Endpoint>) -> TrustStore {
        match self {
            _ if endpoint.is_some_and(|endpoint| !endpoint.is_encrypted()) => TrustStore::empty(),
            Self::System => TrustStore::default(),
            Self::Pem(pem) => TrustStore::empty().with_pem_certificate(pem.clone()),
        }
    }
}

/// Connections to a provider, kept open between questions. A redirect is an answer like any
/// other, and never followed: a password goes where the settings say, and nowhere else.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    connector: SharedHttpConnector,
}

/// A TCP connection that does not stand by then will not.
const CONNECT: Duration = Duration::from_secs(3);
/// What is kept open of connections that nobody uses.
const IDLE: usize = 4;

impl Transport {
    pub(super) fn new(roots: &Roots, endpoint: Option<&Endpoint>) -> Result<Self, InvalidRoots> {
        let context = TlsContext::builder().with_trust_store(roots.store(endpoint));
        let context = context
            .build()
            .map_err(|error| InvalidRoots(error.to_string()))?;
        let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT);
        let connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(context)
            .connector_settings(settings.build())
            .pool_max_idle_per_host(IDLE)
            .build();
        let connector = SharedHttpConnector::new(Bounded(connector));
        Ok(Self { connector })
    }

    pub(super) fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.connector.call(request)
    }
}

/// The SDK's requests go the same way.
impl HttpClient for Transport {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.connector.clone()
    }
}

/// Breaks answers off that are longer than any can be.
#[derive(Debug)]
struct Bounded(Connector);

impl HttpConnector for Bounded {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        let bounded = |body| Limited::new(body, IdentityResponse::MAX_BYTES);
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            Ok(answer.map(|body| SdkBody::from_body_1_x(bounded(body))))
        })
    }
}

/// Whether it failed since the answer was too long.
pub(super) fn is_too_long(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<LengthLimitError>() {
            return true;
        }
        next = error.source();
    }
    false
}
