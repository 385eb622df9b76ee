//! A user's row: what stands in it, as AWS Transfer's contract would say it.

use aws_sdk_dynamodb::types::AttributeValue;
use model::{Secret, Timestamp, UserName};
use serde_json::{Map, Value, json};

use super::Item;
use super::settings::DynamoDbSettings;
use crate::contract::{Admission, Asked, IdentityResponse};
use crate::provider::ProviderError;

/// What a row says about a login.
#[derive(Debug)]
pub(super) enum Found {
    /// No, and why.
    Refused(String),
    /// Yes, if the key is one of his, or the password has this hash.
    User {
        admission: Box<Admission>,
        hash: Option<Secret<String>>,
        expires: Option<Timestamp>,
    },
}

/// One row of one user.
pub(super) struct Row<'a> {
    settings: &'a DynamoDbSettings,
    item: Item,
    user: &'a UserName,
}

impl<'a> Row<'a> {
    pub(super) fn new(settings: &'a DynamoDbSettings, item: Item, user: &'a UserName) -> Self {
        Self {
            settings,
            item,
            user,
        }
    }

    /// What it says. A row is held to the contract's rules, so that it cannot say more than an
    /// identity API could.
    pub(super) fn answer(mut self, asked: Asked) -> Result<Found, ProviderError> {
        let names = self.settings.attributes.clone();
        if self.text(&names.user)?.as_deref() != Some(self.user.as_str()) {
            return Err(ProviderError::malformed(
                "the table answered with somebody else's row",
            ));
        }
        let expires = self.expires(&names.expires)?;
        let hash = self.text(&names.password)?.map(Secret::new);
        let keys = self.keys(&names.keys)?;
        let missing = match asked {
            Asked::Password if hash.is_none() => Some(&names.password),
            Asked::PublicKey if keys.is_empty() && hash.is_none() => Some(&names.keys),
            _ => None,
        };
        if let Some(name) = missing {
            return Ok(Found::Refused(self.lacks(name)));
        }
        let mut members = self.home()?;
        let role = self.text(&names.role)?;
        let Some(role) = role.or_else(|| self.settings.defaults.role.clone()) else {
            return Ok(Found::Refused(self.lacks(&names.role)));
        };
        members.insert("Role".to_owned(), role.into());
        let policy = self.text(&names.policy)?;
        if let Some(policy) = policy.or_else(|| self.settings.defaults.policy.clone()) {
            members.insert("Policy".to_owned(), policy.into());
        }
        // The contract knows no users without keys who are asked for keys; a table does.
        let contract = match keys.is_empty() {
            true if asked == Asked::PublicKey => Asked::Certificate,
            _ => asked,
        };
        if contract != Asked::Password && !keys.is_empty() {
            members.insert("PublicKeys".to_owned(), keys.into());
        }
        let body = Value::Object(members).to_string();
        match IdentityResponse::parse(body.as_bytes(), contract)? {
            IdentityResponse::Refused => Ok(Found::Refused("its role is blank".to_owned())),
            IdentityResponse::Admitted(admission) => Ok(Found::User {
                admission,
                hash: hash.filter(|_| asked == Asked::Password),
                expires,
            }),
        }
    }

    /// Where his files are, as members of the contract.
    fn home(&mut self) -> Result<Map<String, Value>, ProviderError> {
        let names = self.settings.attributes.clone();
        let mut members = Map::new();
        if let Some(kind) = self.text(&names.home_type)? {
            members.insert("HomeDirectoryType".to_owned(), kind.into());
        }
        if let Some(details) = self.details(&names.home_details)? {
            let logical = || json!("LOGICAL");
            members.entry("HomeDirectoryType").or_insert_with(logical);
            members.insert("HomeDirectoryDetails".to_owned(), details.into());
        }
        let default = match members.contains_key("HomeDirectoryDetails") {
            true => None,
            false => self.settings.defaults.home.as_ref(),
        };
        // A name holds no slash and is no dot: it cannot lead out of the folder.
        let default = default.map(|home| home.replace("${transfer:UserName}", self.user.as_str()));
        if let Some(home) = self.text(&names.home)?.or(default) {
            members.insert("HomeDirectory".to_owned(), home.into());
        }
        Ok(members)
    }

    /// A string; none where it is absent or empty.
    fn text(&mut self, name: &str) -> Result<Option<String>, ProviderError> {
        match self.item.remove(name) {
            None | Some(AttributeValue::Null(_)) => Ok(None),
            Some(AttributeValue::S(text)) if text.trim().is_empty() => Ok(None),
            Some(AttributeValue::S(text)) => Ok(Some(text)),
            Some(_) => Err(wrong_type(name, "a string")),
        }
    }

    fn keys(&mut self, name: &str) -> Result<Vec<String>, ProviderError> {
        let keys = match self.item.remove(name) {
            None | Some(AttributeValue::Null(_)) => Vec::new(),
            Some(AttributeValue::S(text)) => text.lines().map(str::to_owned).collect(),
            Some(AttributeValue::Ss(keys)) => keys,
            Some(AttributeValue::L(keys)) => {
                let text = |key| match key {
                    AttributeValue::S(key) => Ok(key),
                    _ => Err(wrong_type(name, "a list of strings")),
                };
                keys.into_iter().map(text).collect::<Result<_, _>>()?
            }
            Some(_) => return Err(wrong_type(name, "a set or a list of strings")),
        };
        let is_key = |key: &String| !key.trim().is_empty() && !key.trim().starts_with('#');
        Ok(keys.into_iter().filter(is_key).collect())
    }

    /// Mappings, as the contract has them: a string that holds a list.
    fn details(&mut self, name: &str) -> Result<Option<String>, ProviderError> {
        match self.item.remove(name) {
            Some(AttributeValue::L(list)) => {
                let list = list.into_iter().map(mapping).collect::<Option<Vec<_>>>();
                let list = list.ok_or_else(|| wrong_type(name, "a list of maps of strings"))?;
                Ok(Some(Value::Array(list).to_string()))
            }
            Some(other) => {
                self.item.insert(name.to_owned(), other);
                self.text(name)
            }
            None => Ok(None),
        }
    }

    fn expires(&mut self, name: &str) -> Result<Option<Timestamp>, ProviderError> {
        match self.item.remove(name) {
            None | Some(AttributeValue::Null(_)) => Ok(None),
            Some(AttributeValue::N(seconds)) => match seconds.parse() {
                Ok(seconds) => Ok(Some(Timestamp::from_seconds(seconds))),
                Err(_) => Err(wrong_type(name, "a whole number of seconds since 1970")),
            },
            Some(_) => Err(wrong_type(name, "a number")),
        }
    }

    fn lacks(&self, name: &str) -> String {
        match &self.settings.index {
            None => format!("his row has no attribute {name}"),
            Some(index) => {
                format!("his row has no attribute {name}, or the index {index} does not project it")
            }
        }
    }
}

fn mapping(value: AttributeValue) -> Option<Value> {
    let AttributeValue::M(members) = value else {
        return None;
    };
    let text = |(name, value)| match value {
        AttributeValue::S(text) => Some((name, Value::String(text))),
        _ => None,
    };
    let members = members.into_iter().map(text).collect::<Option<_>>()?;
    Some(Value::Object(members))
}

fn wrong_type(name: &str, wanted: &str) -> ProviderError {
    ProviderError::unusable(format!("the row's attribute {name} must be {wanted}"))
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
