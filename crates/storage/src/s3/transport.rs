//! The HTTP connections of one store: shared by everybody who signs requests to it.

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// One pool of connections.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    connector: SharedHttpConnector,
}

impl Transport {
    /// A pool that waits so long for a connection. Without TLS this machine's certificates are
    /// not looked for: it may have none.
    pub(super) fn new(connect: Duration, encrypted: bool) -> Self {
        let roots = match encrypted {
            true => TrustStore::default(),
            false => TrustStore::empty(),
        };
        let context = TlsContext::builder().with_trust_store(roots).build();
        let connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            // Only certificates that are given can be broken, and none are.
            .tls_context(context.unwrap_or_default())
            .proxy_config(ProxyConfig::from_env())
            .connector_settings(
                HttpConnectorSettings::builder()
                    .connect_timeout(connect)
                    .build(),
            )
            .build();
        Self {
            connector: SharedHttpConnector::new(connector),
        }
    }
}

impl HttpClient for Transport {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.connector.clone()
    }
}
