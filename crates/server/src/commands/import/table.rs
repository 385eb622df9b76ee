//! Users of a DynamoDB table: from a scan that was printed, or from the table itself.

use std::collections::BTreeMap;

use anyhow::Context as _;
use identity::ProviderName;
use identity::providers::dynamodb::Attributes;
use moving::users::Arrivals;
use moving::users::dynamodb::{self, ATTRIBUTES};

use super::files::read_all;
use super::move_in::move_in;
use crate::cli::DynamodbArgs;
use crate::config::{Config, DynamoDbConfig};
use crate::target::State;
use crate::wiring;

/// The most users of one table.
const MOST: usize = 1_000_000;

/// Where the rows are, what their attributes are called, and what rows without some have.
struct Source {
    table: DynamoDbConfig,
    /// What the provider's words for roles mean here.
    roles: BTreeMap<String, String>,
}

pub(super) async fn from_dynamodb(mut arguments: DynamodbArgs) -> anyhow::Result<()> {
    let state = State::of(&arguments.import.target).await?;
    let source = Source::of(&arguments, &state.config)?;
    let home = arguments.import.home.as_deref();
    let home = home.or(source.table.default_home.as_deref());
    let attributes = named(&source.table.attributes());
    let mut arrivals = match arguments.files.is_empty() {
        false => dynamodb::read(&read_all(&arguments.files)?, &attributes, home)?,
        true => dynamodb::read_items(&Box::pin(source.rows()).await?, &attributes, home),
    };
    source.complete(&mut arrivals);
    arguments.import.role = arguments
        .import
        .role
        .take()
        .or_else(|| source.table.default_role.as_ref().map(|it| source.role(it)));
    move_in("dynamodb", arrivals, &arguments.import, &state).await
}

impl Source {
    fn of(arguments: &DynamodbArgs, config: &Config) -> anyhow::Result<Self> {
        let mut source = match &arguments.provider {
            Some(name) => Self::configured(name, config)?,
            None => Self {
                table: DynamoDbConfig {
                    table: arguments.table.clone().unwrap_or_default(),
                    region: arguments.region.clone().unwrap_or_default(),
                    endpoint: arguments.endpoint.clone(),
                    ..DynamoDbConfig::default()
                },
                roles: BTreeMap::new(),
            },
        };
        for pair in &arguments.attribute {
            rename(&mut source.table, pair)?;
        }
        if let Some(name) = source.table.attributes().shared() {
            anyhow::bail!("--attribute: two fields are read from the attribute {name}");
        }
        Ok(source)
    }

    fn configured(name: &str, config: &Config) -> anyhow::Result<Self> {
        let providers = &config.identity.provider;
        let found = providers.iter().find(|provider| provider.name == name);
        let found = found.with_context(|| {
            format!("the configuration names no identity provider {name:?} (identity.provider)")
        })?;
        let table = found.dynamodb.clone();
        Ok(Self {
            table: table
                .with_context(|| format!("the identity provider {name:?} is no DynamoDB table"))?,
            roles: found.roles.clone(),
        })
    }

    async fn rows(&self) -> anyhow::Result<Vec<serde_json::Value>> {
        let what = || format!("read the table {}", self.table.table);
        let name = ProviderName::parse("import").with_context(what)?;
        let table = wiring::table(name, &self.table).with_context(what)?;
        Box::pin(table.rows(MOST)).await.with_context(what)
    }

    /// A role by its name here.
    fn role(&self, word: &str) -> String {
        self.roles.get(word).map_or(word, String::as_str).to_owned()
    }

    /// What the provider makes of rows: its words for roles, its session policy.
    fn complete(&self, arrivals: &mut Arrivals) {
        for user in arrivals.users_mut() {
            let profile = &mut user.profile;
            profile.role = profile.role.take().map(|role| self.role(&role));
            let policy = profile.session_policy.take();
            profile.session_policy = policy.or_else(|| self.table.default_policy.clone());
        }
    }
}

/// The field that each attribute of the provider's is.
fn named(attributes: &Attributes) -> Vec<(String, String)> {
    let fields = [
        ("name", &attributes.user),
        ("password_hash", &attributes.password),
        ("keys", &attributes.keys),
        ("home", &attributes.home),
        ("home_type", &attributes.home_type),
        ("mappings", &attributes.home_details),
        ("role", &attributes.role),
        ("session_policy", &attributes.policy),
        ("expires", &attributes.expires),
    ];
    let fields = fields.into_iter();
    let fields = fields.map(|(field, attribute)| (field.to_owned(), attribute.clone()));
    fields.collect()
}

/// `FIELD=ATTRIBUTE`.
fn rename(table: &mut DynamoDbConfig, pair: &str) -> anyhow::Result<()> {
    let (field, attribute) = pair.split_once('=').unwrap_or_default();
    let place = match field {
        "name" => &mut table.user_attribute,
        "password_hash" => &mut table.password_attribute,
        "keys" => &mut table.keys_attribute,
        "home" => &mut table.home_attribute,
        "home_type" => &mut table.home_type_attribute,
        "mappings" => &mut table.mappings_attribute,
        "role" => &mut table.role_attribute,
        "session_policy" => &mut table.policy_attribute,
        "expires" => &mut table.expires_attribute,
        _ => anyhow::bail!(
            "--attribute {pair:?} is not FIELD=ATTRIBUTE; fields are {}",
            ATTRIBUTES.map(|(name, _)| name).join(", ")
        ),
    };
    anyhow::ensure!(
        !attribute.is_empty(),
        "--attribute {pair:?} names no attribute"
    );
    attribute.clone_into(place);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attributes_of_the_import_are_those_of_the_provider() {
        let provider = named(&Attributes::default());
        let import = ATTRIBUTES.map(|(field, name)| (field.to_owned(), name.to_owned()));
        assert_eq!(provider, import);
    }

    #[test]
    fn every_field_can_be_in_another_attribute() {
        let mut table = DynamoDbConfig::default();
        for (field, _) in ATTRIBUTES {
            rename(&mut table, &format!("{field}=my_{field}")).expect("a field");
        }
        for (field, attribute) in named(&table.attributes()) {
            assert_eq!(attribute, format!("my_{field}"));
        }
        for wrong in ["", "name", "name=", "password=pw", "=x"] {
            rename(&mut table, wrong).expect_err(wrong);
        }
    }
}
