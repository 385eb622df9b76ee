//! The providers `http`, `lambda` and `dynamodb`, from their tables of the configuration.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use identity::ProviderName;
use identity::provider::Provider;
use identity::providers::dynamodb::{Defaults, DynamoDbProvider, DynamoDbSettings};
use identity::providers::http::{HttpProvider, HttpSettings, Signing};
use identity::providers::lambda::{LambdaProvider, LambdaSettings};
use identity::providers::{AwsAccess, AwsCredentials, Endpoint, Roots};
use model::Clock;

use crate::config::{DynamoDbConfig, Hidden, HttpConfig, LambdaConfig};

/// An identity API.
///
/// # Errors
/// Where its URL or its certificates cannot be used.
pub(super) fn http(
    name: ProviderName,
    config: &HttpConfig,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Arc<dyn Provider>> {
    let signing = config.signing_region.as_ref().map(|region| Signing {
        region: region.clone(),
        credentials: credentials(&config.access_key_id, &config.secret_access_key),
    });
    let settings = HttpSettings {
        endpoint: Endpoint::parse(&config.url, config.allow_plain)?,
        server_id: config.server_id.clone(),
        roots: roots(config.ca_file.as_deref())?,
        signing,
    };
    Ok(Arc::new(HttpProvider::new(name, settings, clock)?))
}

/// A function.
///
/// # Errors
/// See [`http`].
pub(super) fn lambda(
    name: ProviderName,
    config: &LambdaConfig,
) -> anyhow::Result<Arc<dyn Provider>> {
    let access = AwsAccess {
        region: config.region.clone(),
        endpoint: endpoint(config.endpoint.as_deref(), config.allow_plain)?,
        credentials: credentials(&config.access_key_id, &config.secret_access_key),
    };
    let settings = LambdaSettings {
        function: config.function.clone(),
        qualifier: config.qualifier.clone(),
        server_id: config.server_id.clone(),
        roots: roots(config.ca_file.as_deref())?,
        access,
    };
    Ok(Arc::new(LambdaProvider::new(name, settings)?))
}

/// A table.
///
/// # Errors
/// See [`http`].
pub(super) fn dynamodb(
    name: ProviderName,
    config: &DynamoDbConfig,
) -> anyhow::Result<Arc<dyn Provider>> {
    Ok(Arc::new(table(name, config)?))
}

/// The same table, for users who move in from it.
///
/// # Errors
/// See [`http`].
pub(crate) fn table(
    name: ProviderName,
    config: &DynamoDbConfig,
) -> anyhow::Result<DynamoDbProvider> {
    let access = AwsAccess {
        region: config.region.clone(),
        endpoint: endpoint(config.endpoint.as_deref(), config.allow_plain)?,
        credentials: credentials(&config.access_key_id, &config.secret_access_key),
    };
    let settings = DynamoDbSettings {
        table: config.table.clone(),
        index: config.index.clone(),
        consistent: config.consistent,
        attributes: config.attributes(),
        defaults: Defaults {
            role: config.default_role.clone(),
            policy: config.default_policy.clone(),
            home: config.default_home.clone(),
        },
        roots: roots(config.ca_file.as_deref())?,
        access,
    };
    Ok(DynamoDbProvider::new(name, settings)?)
}

fn endpoint(url: Option<&str>, plain: bool) -> anyhow::Result<Option<Endpoint>> {
    let endpoint = url.map(|url| Endpoint::parse(url, plain));
    Ok(endpoint.transpose()?)
}

fn roots(file: Option<&Path>) -> anyhow::Result<Roots> {
    let Some(file) = file else {
        return Ok(Roots::System);
    };
    let pem = std::fs::read(file).with_context(|| format!("read ca_file {}", file.display()))?;
    Roots::from_pem(&pem).with_context(|| format!("use ca_file {}", file.display()))
}

fn credentials(access: &Hidden, secret: &Hidden) -> AwsCredentials {
    match (access.secret(), secret.secret()) {
        (Some(access), Some(secret)) => AwsCredentials::Static {
            access_key: access.expose().clone(),
            secret_key: secret.clone(),
        },
        _ => AwsCredentials::Chain,
    }
}
