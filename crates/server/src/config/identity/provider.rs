//! `[[identity.provider]]`: one provider, and the bounds that every kind keeps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{DynamoDbConfig, HttpConfig, LambdaConfig, LdapConfig, dynamodb, http, lambda, ldap};
use crate::config::reference::{Key, key};
use crate::config::{Hidden, Span};

/// Which protocol a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// API Gateway, as AWS Transfer asks it.
    Http,
    /// A function, as AWS Transfer invokes it.
    Lambda,
    /// A table of users.
    DynamoDb,
    /// LDAP and Active Directory.
    Ldap,
}

impl ProviderKind {
    /// As the file names it, and the table that is its own.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Lambda => "lambda",
            Self::DynamoDb => "dynamodb",
            Self::Ldap => "ldap",
        }
    }
}

/// `[[identity.provider]]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// Its name, as behind `@@`.
    pub name: String,
    /// What it speaks.
    pub kind: ProviderKind,
    /// What one question may take.
    #[serde(default = "ten_seconds")]
    pub deadline: Span,
    /// Questions at the same time.
    #[serde(default = "concurrency")]
    pub concurrency: u32,
    /// How long an admission to a question for keys counts.
    #[serde(default = "ten_seconds")]
    pub key_cache: Span,
    /// How long a password that was right counts.
    #[serde(default = "never")]
    pub password_cache: Span,
    /// What its words for roles mean here.
    #[serde(default)]
    pub roles: BTreeMap<String, String>,
    /// For `http`.
    pub http: Option<HttpConfig>,
    /// For `lambda`.
    pub lambda: Option<LambdaConfig>,
    /// For `dynamodb`.
    pub dynamodb: Option<DynamoDbConfig>,
    /// For `ldap`.
    pub ldap: Option<LdapConfig>,
}

/// The tables of a provider, with their keys.
pub(in crate::config) const TABLES: &[(&str, &[Key])] = &[
    ("[identity.provider]", KEYS),
    ("identity.provider.http", http::KEYS),
    ("identity.provider.lambda", lambda::KEYS),
    ("identity.provider.dynamodb", dynamodb::KEYS),
    ("identity.provider.ldap", ldap::KEYS),
    ("identity.provider.ldap.attributes", ldap::ATTRIBUTES),
    ("identity.provider.ldap.groups", ldap::GROUPS),
    ("[identity.provider.ldap.rule]", ldap::RULE),
];

#[rustfmt::skip]
const KEYS: &[Key] = &[
    key("name", "", "Its name, as behind `@@`: 1 to 32 of a-z, 0-9, `-` and `_`."),
    key("kind", "", "`http`, `lambda`, `dynamodb` or `ldap`; each has a table of its own, below."),
    key("deadline", "\"10s\"", "What one question may take, waiting for a place included. Then the login is refused."),
    key("concurrency", "32", "Questions at the same time; the others wait."),
    key("key_cache", "\"10s\"", "How long an admission to a question for keys counts for further connections. `0ms`: never."),
    key("password_cache", "\"0ms\"", "How long a password that was right counts. One that was changed or locked at the provider is good for that long."),
    key("roles", "{}", "What the provider's words for roles mean here: `{ \"its word or ARN\" = \"role\" }`. Anything else must be the ARN of a role."),
];

fn ten_seconds() -> Span {
    Span::seconds(10)
}

fn never() -> Span {
    Span::seconds(0)
}

fn concurrency() -> u32 {
    32
}

impl ProviderConfig {
    /// What the types cannot say.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.concurrency == 0 || self.deadline.duration().is_zero() {
            return Err("concurrency and deadline must not be 0".to_owned());
        }
        let tables = [
            (ProviderKind::Http, self.http.is_some()),
            (ProviderKind::Lambda, self.lambda.is_some()),
            (ProviderKind::DynamoDb, self.dynamodb.is_some()),
            (ProviderKind::Ldap, self.ldap.is_some()),
        ];
        for (kind, there) in tables {
            let (table, own) = (kind.as_str(), kind == self.kind);
            match (own, there) {
                (true, false) => return Err(format!("write its [identity.provider.{table}]")),
                (false, true) => {
                    let kind = self.kind.as_str();
                    return Err(format!("it has a table {table:?} and its kind is {kind:?}"));
                }
                _ => {}
            }
        }
        let checks = [
            self.http.as_ref().map(HttpConfig::check),
            self.lambda.as_ref().map(LambdaConfig::check),
            self.dynamodb.as_ref().map(DynamoDbConfig::check),
            self.ldap.as_ref().map(LdapConfig::check),
        ];
        checks.into_iter().flatten().collect()
    }

    /// Where it is, for people: a URL, a function, a table.
    pub(crate) fn place(&self) -> String {
        let places = [
            self.http.as_ref().map(|http| http.url.clone()),
            self.lambda.as_ref().map(|lambda| lambda.function.clone()),
            self.dynamodb.as_ref().map(|table| table.table.clone()),
            self.ldap.as_ref().map(|ldap| ldap.urls.join(" ")),
        ];
        places.into_iter().flatten().collect()
    }

    /// What is hidden when the configuration is printed.
    pub(super) fn secrets(&self) -> Vec<&Hidden> {
        let tables = [
            self.http.as_ref().map(HttpConfig::secrets),
            self.lambda.as_ref().map(LambdaConfig::secrets),
            self.dynamodb.as_ref().map(DynamoDbConfig::secrets),
            self.ldap.as_ref().map(LdapConfig::secrets),
        ];
        tables.into_iter().flatten().flatten().collect()
    }
}
