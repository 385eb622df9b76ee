//! One connection to S3: credentials, region and HTTP pool, shared by its buckets.

use std::fmt;
use std::sync::Arc;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_sdk_s3::config::{
    BehaviorVersion, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedCredentialsProvider, StalledStreamProtectionConfig, retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_sdk_s3::{Client, Config};
use tokio::sync::OnceCell;

use super::{Credentials, S3Settings};

/// A connection to a store. Cheap to clone; clones share credentials and HTTP connections.
#[derive(Clone)]
pub struct S3Client {
    inner: Arc<Inner>,
}

struct Inner {
    settings: S3Settings,
    sdk: OnceCell<Client>,
}

impl S3Client {
    /// A connection as `settings` say; nothing is reached yet.
    pub fn new(settings: S3Settings) -> Self {
        Self {
            inner: Arc::new(Inner {
                settings,
                sdk: OnceCell::new(),
            }),
        }
    }

    /// How it was set up.
    pub fn settings(&self) -> &S3Settings {
        &self.inner.settings
    }

    /// The SDK's client, built by whoever asks first. Finding the chain's credentials may look at
    /// files, so it is not done before.
    pub(super) async fn sdk(&self) -> Client {
        let build = || async { Client::from_conf(sdk_config(self.settings()).await) };
        self.inner.sdk.get_or_init(build).await.clone()
    }
}

impl fmt::Debug for S3Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Client")
            .field("endpoint", &self.inner.settings.endpoint)
            .field("region", &self.inner.settings.region)
            .finish_non_exhaustive()
    }
}

/// The SDK neither retries nor times out nor adds checksums: all three are ours, where the body
/// can be sent again and a lost answer can be told from a refusal.
async fn sdk_config(settings: &S3Settings) -> Config {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(settings.deadlines.connect)
        .build();
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(settings.region.clone()))
        .force_path_style(settings.path_style)
        .credentials_provider(credentials(settings).await)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    config.set_endpoint_url(settings.endpoint.clone());
    config.build()
}

async fn credentials(settings: &S3Settings) -> SharedCredentialsProvider {
    match &settings.credentials {
        Credentials::Chain => {
            let chain = DefaultCredentialsChain::builder()
                .region(Region::new(settings.region.clone()))
                .build();
            SharedCredentialsProvider::new(chain.await)
        }
        Credentials::Static {
            access_key,
            secret_key,
            session_token,
        } => SharedCredentialsProvider::new(aws_sdk_s3::config::Credentials::new(
            access_key,
            secret_key.expose(),
            session_token.as_ref().map(|token| token.expose().clone()),
            None,
            "pierhead configuration",
        )),
    }
}
