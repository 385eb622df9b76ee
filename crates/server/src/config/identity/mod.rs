//! `[identity]`: who is asked about logins, and what users have to show.

mod aws;
mod dynamodb;
mod http;
mod lambda;
mod ldap;
mod provider;

use std::path::PathBuf;

use identity::{AuthenticationMethods, NamePattern, ProviderName};
use serde::{Deserialize, Serialize};

use super::Span;

pub use self::dynamodb::DynamoDbConfig;
pub use self::http::HttpConfig;
pub use self::lambda::LambdaConfig;
pub use self::ldap::LdapConfig;
pub(super) use self::provider::TABLES;
pub use self::provider::{ProviderConfig, ProviderKind};

/// `[identity]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityConfig {
    /// What users have to show who have no methods of their own.
    pub methods: String,
    /// The provider of names that name none and match no pattern.
    pub default: String,
    /// `PATTERN=PROVIDER`: who is asked about names without `@@provider`.
    pub patterns: Vec<String>,
    /// How often users of providers are asked about again while they are in; zero for never.
    pub reauthorise: Span,
    /// How long their sessions go on while their provider does not answer.
    pub outage_grace: Span,
    /// Files with the public keys of authorities for SSH user certificates, one a line.
    pub certificate_authorities: Vec<PathBuf>,
    /// Key revocation lists, as `ssh-keygen -k` makes them.
    pub revoked_keys: Vec<PathBuf>,
    /// What authenticator apps show beside the user's name.
    pub totp_issuer: String,
    /// Providers besides the built-in users.
    pub provider: Vec<ProviderConfig>,
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self {
            methods: AuthenticationMethods::default().as_str().to_owned(),
            default: identity::BUILT_IN.to_owned(),
            patterns: Vec::new(),
            reauthorise: Span::minutes(5),
            outage_grace: Span::minutes(60),
            certificate_authorities: Vec::new(),
            revoked_keys: Vec::new(),
            totp_issuer: "Pierhead".to_owned(),
            provider: Vec::new(),
        }
    }
}

impl IdentityConfig {
    /// What the types cannot say.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        if let Err(error) = AuthenticationMethods::parse(&self.methods) {
            return Err(("identity.methods", error.to_string()));
        }
        self.check_providers()
            .map_err(|fault| ("identity.provider", fault))?;
        let known = |name: &str| {
            let configured = self.provider.iter().any(|provider| provider.name == name);
            match configured || name == identity::BUILT_IN {
                true => Ok(()),
                false => Err(format!("there is no provider {name:?}")),
            }
        };
        known(&self.default).map_err(|fault| ("identity.default", fault))?;
        for text in &self.patterns {
            let routed = NamePattern::parse(text).map_err(|error| error.to_string());
            routed
                .and_then(|(_, provider)| known(provider.as_str()))
                .map_err(|fault| ("identity.patterns", format!("{text:?}: {fault}")))?;
        }
        Ok(())
    }

    fn check_providers(&self) -> Result<(), String> {
        for (at, provider) in self.provider.iter().enumerate() {
            let name = &provider.name;
            ProviderName::parse(name).map_err(|error| error.to_string())?;
            if name == identity::BUILT_IN {
                return Err(format!("{name:?} is the name of the built-in users"));
            }
            if self.provider[..at].iter().any(|other| other.name == *name) {
                return Err(format!("there are two providers of the name {name:?}"));
            }
            provider
                .check()
                .map_err(|fault| format!("{name:?}: {fault}"))?;
        }
        Ok(())
    }

    /// The values that do not show when the configuration is printed.
    pub(super) fn secrets(&self) -> Vec<Option<&str>> {
        let hidden = self.provider.iter().flat_map(ProviderConfig::secrets);
        let secrets = hidden.map(|hidden| hidden.secret());
        secrets
            .map(|secret| secret.map(|secret| secret.expose().as_str()))
            .collect()
    }
}
