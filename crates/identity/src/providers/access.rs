//! Access to AWS: region, endpoint, and who signs.

use std::sync::Arc;
use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_types::retry::RetryConfig;
use model::{Clock, Secret, Timestamp};
use tokio::sync::Mutex;

use super::endpoint::Endpoint;
use super::fault::chain;
use super::transport::Transport;
use crate::provider::ProviderError;

/// How to reach a service of AWS, or one that speaks like it.
#[derive(Debug, Clone)]
pub struct AwsAccess {
    /// The region.
    pub region: String,
    /// Its URL; AWS's own for the region where absent.
    pub endpoint: Option<Endpoint>,
    /// Who signs.
    pub credentials: AwsCredentials,
}

/// Who signs requests.
#[derive(Debug, Clone, Default)]
pub enum AwsCredentials {
    /// What the AWS SDK finds: environment, shared files, web identity, container, instance role.
    #[default]
    Chain,
    /// A fixed key pair.
    Static {
        /// Access key id.
        access_key: String,
        /// Secret access key.
        secret_key: Secret<String>,
    },
}

impl AwsAccess {
    /// How a client of any service is made, which goes out by `transport`. A question is asked once
    /// more where the service says that it may be; how long all of it takes is bounded around it.
    pub(super) async fn configuration(&self, transport: Transport) -> SdkConfig {
        let retries = RetryConfig::standard()
            .with_max_attempts(2)
            .with_initial_backoff(Duration::from_millis(100));
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .credentials_provider(self.credentials.provider(&self.region).await)
            .http_client(transport)
            .retry_config(retries)
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        config.set_endpoint_url(self.endpoint.as_ref().map(|url| url.as_str().to_owned()));
        config.build()
    }
}

impl AwsCredentials {
    /// Finding the chain's credentials may look at files, so it is done at the first question.
    pub(super) async fn provider(&self, region: &str) -> SharedCredentialsProvider {
        match self {
            Self::Chain => {
                let chain =
                    DefaultCredentialsChain::builder().region(Region::new(region.to_owned()));
                SharedCredentialsProvider::new(chain.build().await)
            }
            Self::Static {
                access_key,
                secret_key,
            } => SharedCredentialsProvider::new(Credentials::new(
                access_key,
                secret_key.expose(),
                None,
                None,
                "pierhead configuration",
            )),
        }
    }
}

/// The credentials of now, for requests that are signed here and not by the SDK.
#[derive(Debug)]
pub(super) struct CurrentCredentials {
    source: AwsCredentials,
    region: String,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    provider: Option<SharedCredentialsProvider>,
    last: Option<Credentials>,
}

/// How long before their end credentials are fetched anew.
const AHEAD: Duration = Duration::from_secs(300);

impl CurrentCredentials {
    pub(super) fn new(source: AwsCredentials, region: &str, clock: Arc<dyn Clock>) -> Self {
        Self {
            source,
            region: region.to_owned(),
            clock,
            state: Mutex::default(),
        }
    }

    /// Those of last time, unless they end soon.
    pub(super) async fn get(&self) -> Result<Credentials, ProviderError> {
        let mut state = self.state.lock().await;
        if let Some(last) = state.last.clone().filter(|last| self.lasts(last)) {
            return Ok(last);
        }
        let provider = match &state.provider {
            Some(provider) => provider.clone(),
            None => {
                let provider = self.source.provider(&self.region).await;
                state.provider.insert(provider).clone()
            }
        };
        let found = provider.provide_credentials().await;
        let found = found.map_err(|error| {
            ProviderError::unavailable(format!(
                "the gateway has no credentials to sign with: {}",
                chain(&error)
            ))
        })?;
        Ok(state.last.insert(found).clone())
    }

    fn lasts(&self, credentials: &Credentials) -> bool {
        let now = self.clock.now().plus(AHEAD);
        let end = credentials.expiry().map(Timestamp::from);
        end.is_none_or(|end| end > now)
    }
}
