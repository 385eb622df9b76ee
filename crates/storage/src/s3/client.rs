//! One connection to S3: credentials, region and HTTP pool, shared by its buckets.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_sdk_s3::config::{
    BehaviorVersion, IdentityCache, ProvideCredentials, Region, RequestChecksumCalculation,
    ResponseChecksumValidation, SharedCredentialsProvider, StalledStreamProtectionConfig,
    retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_sdk_s3::{Client, Config};
use model::Clock;
use tokio::sync::OnceCell;

use super::role::RoleCredentials;
use super::transport::Transport;
use super::{ActingStore, Credentials, S3Settings, S3Store};
use crate::{Result, RoleSession};

/// Attempts of one call of STS.
const STS_ATTEMPTS: u32 = 3;

/// A connection to a store. Cheap to clone; clones share credentials and HTTP connections.
#[derive(Clone)]
pub struct S3Client {
    inner: Arc<Inner>,
}

struct Inner {
    settings: S3Settings,
    base: OnceCell<Base>,
    /// The roles that sessions have assumed now.
    roles: Mutex<HashMap<RoleSession, Weak<RoleCredentials>>>,
}

/// What everybody who signs requests begins from.
#[derive(Clone)]
struct Base {
    transport: Transport,
    credentials: SharedCredentialsProvider,
    sdk: Client,
}

/// The connection, signed for by an assumed role. Cheap to clone; while there is one, the role's
/// keys are renewed when they are used.
#[derive(Debug, Clone)]
pub(crate) struct RoleClient {
    sdk: Client,
}

impl S3Client {
    /// A connection as `settings` say; nothing is reached yet.
    pub fn new(settings: S3Settings) -> Self {
        Self {
            inner: Arc::new(Inner {
                settings,
                base: OnceCell::new(),
                roles: Mutex::default(),
            }),
        }
    }

    /// How it was set up.
    pub fn settings(&self) -> &S3Settings {
        &self.inner.settings
    }

    /// The SDK's client.
    pub(super) async fn sdk(&self) -> Client {
        self.base().await.sdk.clone()
    }

    /// Assumes a role, unless a session has it now: its keys are shared then.
    ///
    /// # Errors
    /// What STS says: `Denied`, `Invalid`, `Unavailable`.
    pub(crate) async fn assume(
        &self,
        session: &RoleSession,
        clock: &Arc<dyn Clock>,
    ) -> Result<RoleClient> {
        let base = self.base().await;
        let keys = self.role(session, base, clock);
        keys.keys().await?;
        let keys: Arc<dyn ProvideCredentials> = keys;
        let config = sdk_config(self.settings(), &base.transport)
            .credentials_provider(SharedCredentialsProvider::from(keys))
            // They know themselves when they end.
            .identity_cache(IdentityCache::no_cache());
        Ok(RoleClient {
            sdk: Client::from_conf(config.build()),
        })
    }

    fn role(
        &self,
        session: &RoleSession,
        base: &Base,
        clock: &Arc<dyn Clock>,
    ) -> Arc<RoleCredentials> {
        let roles = self.inner.roles.lock();
        let mut roles = roles.unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = roles.get(session).and_then(Weak::upgrade) {
            return found;
        }
        roles.retain(|_, keys| keys.strong_count() > 0);
        let sts = aws_sdk_sts::Client::from_conf(sts_config(self.settings(), base));
        let duration = self.settings().role_duration;
        let keys = RoleCredentials::new(session.clone(), duration, sts, Arc::clone(clock));
        let keys = Arc::new(keys);
        roles.insert(session.clone(), Arc::downgrade(&keys));
        keys
    }

    /// Built by whoever asks first. Finding the chain's credentials may look at files, so it is
    /// not done before.
    async fn base(&self) -> &Base {
        let build = || async {
            let settings = self.settings();
            let transport = Transport::new(settings.deadlines.connect, settings.is_encrypted());
            let credentials = credentials(settings).await;
            let config = sdk_config(settings, &transport).credentials_provider(credentials.clone());
            Base {
                sdk: Client::from_conf(config.build()),
                transport,
                credentials,
            }
        };
        self.inner.base.get_or_init(build).await
    }
}

impl RoleClient {
    /// A bucket as the role's session sees it.
    pub(crate) fn bucket(&self, own: &Arc<S3Store>) -> ActingStore {
        ActingStore::new(own.signed_by(self.sdk.clone()), Arc::clone(own))
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
/// can be sent again and a lost answer can be told from a refusal. Who signs is still open.
fn sdk_config(settings: &S3Settings, transport: &Transport) -> aws_sdk_s3::config::Builder {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(settings.deadlines.connect)
        .build();
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(settings.region.clone()))
        .force_path_style(settings.path_style)
        .http_client(transport.clone())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    config.set_endpoint_url(settings.endpoint.clone());
    config
}

/// Asking for keys changes nothing, so the SDK may repeat it.
fn sts_config(settings: &S3Settings, base: &Base) -> aws_sdk_sts::Config {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(settings.deadlines.connect)
        .operation_timeout(settings.deadlines.role)
        .build();
    let mut config = aws_sdk_sts::Config::builder()
        .behavior_version(aws_sdk_sts::config::BehaviorVersion::latest())
        .region(Region::new(settings.region.clone()))
        .http_client(base.transport.clone())
        .credentials_provider(base.credentials.clone())
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(STS_ATTEMPTS)
                .with_initial_backoff(settings.retries.first_pause)
                .with_max_backoff(settings.retries.longest_pause),
        )
        .timeout_config(timeouts);
    let endpoint = settings.sts_endpoint.as_ref();
    config.set_endpoint_url(endpoint.or(settings.endpoint.as_ref()).cloned());
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
