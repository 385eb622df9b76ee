//! `[identity.provider.dynamodb]`: a table of users.

use std::path::PathBuf;

use identity::providers::dynamodb::Attributes;
use serde::{Deserialize, Serialize};

use super::aws::{self, Reached, needed};
use crate::config::Hidden;
use crate::config::reference::{Key, key};

/// `[identity.provider.dynamodb]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DynamoDbConfig {
    /// Its name or ARN.
    pub table: String,
    /// The index that finds users by their names.
    pub index: Option<String>,
    /// Where it is.
    pub region: String,
    /// DynamoDB's URL.
    pub endpoint: Option<String>,
    /// See what was written a moment ago.
    pub consistent: bool,
    /// Where the user's name stands.
    pub user_attribute: String,
    /// Where the password's hash stands.
    pub password_attribute: String,
    /// Where public keys stand.
    pub keys_attribute: String,
    /// Where the home directory stands.
    pub home_attribute: String,
    /// Where `PATH` or `LOGICAL` stands.
    pub home_type_attribute: String,
    /// Where mappings stand.
    pub mappings_attribute: String,
    /// Where the role stands.
    pub role_attribute: String,
    /// Where the session policy stands.
    pub policy_attribute: String,
    /// Where the account's end stands.
    pub expires_attribute: String,
    /// For rows without a role.
    pub default_role: Option<String>,
    /// For rows without a policy.
    pub default_policy: Option<String>,
    /// For rows without a home.
    pub default_home: Option<String>,
    /// Certificates that are trusted in.
    pub ca_file: Option<PathBuf>,
    /// Hashes may cross the network in clear.
    pub allow_plain: bool,
    /// Static credentials.
    pub access_key_id: Hidden,
    /// See `access_key_id`.
    pub secret_access_key: Hidden,
}

impl Default for DynamoDbConfig {
    fn default() -> Self {
        let attributes = Attributes::default();
        Self {
            table: String::new(),
            index: None,
            region: String::new(),
            endpoint: None,
            consistent: false,
            user_attribute: attributes.user,
            password_attribute: attributes.password,
            keys_attribute: attributes.keys,
            home_attribute: attributes.home,
            home_type_attribute: attributes.home_type,
            mappings_attribute: attributes.home_details,
            role_attribute: attributes.role,
            policy_attribute: attributes.policy,
            expires_attribute: attributes.expires,
            default_role: None,
            default_policy: None,
            default_home: None,
            ca_file: None,
            allow_plain: false,
            access_key_id: Hidden::default(),
            secret_access_key: Hidden::default(),
        }
    }
}

/// Its keys, for the reference.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    key("table", "", "Its name or ARN. The gateway needs `dynamodb:Query` on it, and on the index."),
    key("index", "", "The index whose partition key is the user's name; the table's own key where absent. It must project the attributes below."),
    key("region", "", "The table's region."),
    aws::ENDPOINT,
    key("consistent", "false", "See what was written a moment ago, at twice the price. Indexes cannot."),
    key("user_attribute", "\"username\"", "The user's name: a string, and the partition key."),
    key("password_attribute", "\"password\"", "The password's hash: a string of any format that `pierhead user` imports, base64 SHA-224 included."),
    key("keys_attribute", "\"PublicKeys\"", "Public keys: a set or a list of strings, or one string with a key on each line."),
    key("home_attribute", "\"HomeDirectory\"", "The home: `/bucket/prefix`."),
    key("home_type_attribute", "\"HomeDirectoryType\"", "`PATH` or `LOGICAL`."),
    key("mappings_attribute", "\"HomeDirectoryDetails\"", "Mappings: a list of maps of `Entry` and `Target`, or a string that holds it as JSON."),
    key("role_attribute", "\"Role\"", "The role: an ARN, or a word of the provider's `roles`."),
    key("policy_attribute", "\"Policy\"", "The session policy: a string that holds JSON."),
    key("expires_attribute", "\"expires\"", "When the account ends: a number, seconds since 1970."),
    key("default_role", "", "For rows without a role; they are refused where absent."),
    key("default_policy", "", "For rows without a session policy."),
    key("default_home", "", "For rows with neither home nor mappings; `${transfer:UserName}` in it is the user's name."),
    aws::CA_FILE,
    aws::ALLOW_PLAIN,
    aws::ACCESS_KEY_ID,
    aws::SECRET_ACCESS_KEY,
];

impl DynamoDbConfig {
    /// What the types cannot say.
    pub(super) fn check(&self) -> Result<(), String> {
        needed("table", &self.table)?;
        needed("region", &self.region)?;
        if let Some(name) = self.attributes().shared() {
            return Err(format!("two attributes have the name {name:?}"));
        }
        if self.consistent && self.index.is_some() {
            return Err("indexes cannot be read consistently: drop index or consistent".to_owned());
        }
        let reached = Reached {
            url: ("endpoint", self.endpoint.as_deref()),
            allow_plain: self.allow_plain,
            keys: [&self.access_key_id, &self.secret_access_key],
        };
        reached.check()
    }

    /// What is hidden when the configuration is printed.
    pub(super) fn secrets(&self) -> Vec<&Hidden> {
        vec![&self.access_key_id, &self.secret_access_key]
    }

    /// The names of a row's attributes.
    pub(crate) fn attributes(&self) -> Attributes {
        Attributes {
            user: self.user_attribute.clone(),
            password: self.password_attribute.clone(),
            keys: self.keys_attribute.clone(),
            home: self.home_attribute.clone(),
            home_type: self.home_type_attribute.clone(),
            home_details: self.mappings_attribute.clone(),
            role: self.role_attribute.clone(),
            policy: self.policy_attribute.clone(),
            expires: self.expires_attribute.clone(),
        }
    }
}
