//! Identity providers, from their tables of the configuration.

use std::sync::Arc;

use anyhow::Context as _;
use identity::provider::{Configured, Provider, ProviderSettings};
use identity::providers::ldap::Ldap;
use identity::{AuthenticationMethods, BUILT_IN, Identity, NamePattern, ProviderName, Routing};
use model::Clock;

use super::{cloud, identity};
use crate::config::{IdentityConfig, ProviderConfig, ProviderKind};
use crate::target::State;

/// Who is asked about logins: the built-in users, and the providers of the configuration.
///
/// # Errors
/// Where a provider cannot be set up. None is asked anything yet.
pub(crate) fn with_providers(state: &State) -> anyhow::Result<Identity> {
    let identity = identity(state)?;
    Providers::of(&state.config.identity, &state.clock)?.take_over(&identity);
    Ok(identity)
}

/// The providers of a configuration, before anybody asks them.
pub(crate) struct Providers {
    configured: Vec<Configured>,
    routing: Routing,
    methods: AuthenticationMethods,
}

impl Providers {
    /// Reads their files: certificates, passwords of accounts.
    ///
    /// # Errors
    /// Where one cannot be set up.
    pub(crate) fn of(config: &IdentityConfig, clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        let configured = config.provider.iter().map(|provider| {
            let built = provider_of(provider, clock);
            anyhow::Ok(Configured {
                provider: built
                    .with_context(|| format!("identity.provider {:?}", provider.name))?,
                settings: settings(provider),
            })
        });
        Ok(Self {
            configured: configured.collect::<anyhow::Result<_>>()?,
            routing: routing(config)?,
            methods: AuthenticationMethods::parse(&config.methods)?,
        })
    }

    /// They are asked from the next login on.
    pub(crate) fn take_over(self, identity: &Identity) {
        identity.set_providers(self.configured, self.routing, self.methods);
    }
}

/// Each kind is built here.
fn provider_of(
    config: &ProviderConfig,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Arc<dyn Provider>> {
    let name = ProviderName::parse(&config.name)?;
    let clock = Arc::clone(clock);
    let table = "it has no table of its own";
    match config.kind {
        ProviderKind::Http => cloud::http(name, config.http.as_ref().context(table)?, clock),
        ProviderKind::Lambda => cloud::lambda(name, config.lambda.as_ref().context(table)?),
        ProviderKind::DynamoDb => cloud::dynamodb(name, config.dynamodb.as_ref().context(table)?),
        ProviderKind::Ldap => ldap(config, clock),
    }
}

fn ldap(config: &ProviderConfig, clock: Arc<dyn Clock>) -> anyhow::Result<Arc<dyn Provider>> {
    let own = config.ldap.as_ref().context("it has no table of its own")?;
    let name = ProviderName::parse(&config.name)?;
    Ok(Arc::new(Ldap::new(name, own.settings()?, clock)?))
}

fn settings(config: &ProviderConfig) -> ProviderSettings {
    ProviderSettings {
        deadline: config.deadline.duration(),
        concurrency: config.concurrency as usize,
        key_cache: config.key_cache.duration(),
        password_cache: config.password_cache.duration(),
        roles: config.roles.clone(),
        ..ProviderSettings::default()
    }
}

/// Built-in users alone take names whole, whatever stands in them.
fn routing(config: &IdentityConfig) -> anyhow::Result<Routing> {
    if config.provider.is_empty() {
        return Ok(Routing::single(ProviderName::parse(BUILT_IN)?));
    }
    let names = config
        .provider
        .iter()
        .map(|provider| provider.name.as_str());
    let names = names.chain([BUILT_IN]).map(ProviderName::parse);
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let patterns = config.patterns.iter().map(|text| NamePattern::parse(text));
    let patterns = patterns.collect::<Result<Vec<_>, _>>()?;
    let default = ProviderName::parse(&config.default)?;
    Ok(Routing::new(names, Some(default)).with_patterns(patterns))
}
