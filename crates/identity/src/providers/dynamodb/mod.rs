//! The provider `dynamodb`: a row for each user, and no function in between.

mod row;
mod rows;
mod settings;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::BoxFuture;
use model::UserName;
use tokio::sync::OnceCell;

use self::row::{Found, Row};
pub use self::settings::{Attributes, Defaults, DynamoDbSettings};
use super::contract;
use super::fault::of_the_call;
use super::transport::{InvalidRoots, Transport};
use crate::ProviderName;
use crate::contract::Asked;
use crate::provider::{
    Answer, Credential, PasswordCheck, Profile, Provider, ProviderError, Question,
};

/// A table of users.
#[derive(Debug)]
pub struct DynamoDbProvider {
    name: ProviderName,
    settings: DynamoDbSettings,
    transport: Transport,
    client: OnceCell<Client>,
}

type Item = HashMap<String, AttributeValue>;

impl DynamoDbProvider {
    /// A table that is asked as `settings` say; nothing is reached yet.
    ///
    /// # Errors
    /// Where TLS cannot work with these certificates.
    pub fn new(name: ProviderName, settings: DynamoDbSettings) -> Result<Self, InvalidRoots> {
        let transport = Transport::new(&settings.roots, settings.access.endpoint.as_ref())?;
        Ok(Self {
            name,
            settings,
            transport,
            client: OnceCell::new(),
        })
    }

    async fn question(&self, user: &UserName, asked: Asked) -> Result<Found, ProviderError> {
        let mut items = self.query(user).await?;
        match (items.pop(), items.is_empty()) {
            (None, _) => Ok(Found::Refused(
                "no row of the table has this name".to_owned(),
            )),
            // Which of them is meant nobody can say.
            (Some(_), false) => Ok(Found::Refused(
                "more than one row of the table has this name: remove all but one".to_owned(),
            )),
            (Some(item), true) => Row::new(&self.settings, item, user).answer(asked),
        }
    }

    /// Rows with this name, two at most. The table's own key and an index are asked in the same
    /// way, so that rows which share a name are seen in either.
    async fn query(&self, user: &UserName) -> Result<Vec<Item>, ProviderError> {
        let names = self.settings.attributes.all();
        let alias = |at: usize| format!("#a{at}");
        let wanted: Vec<String> = (0..names.len()).map(alias).collect();
        let mut query = self
            .client()
            .await
            .query()
            .table_name(&self.settings.table)
            .set_index_name(self.settings.index.clone())
            .key_condition_expression("#a0 = :name")
            .expression_attribute_values(":name", AttributeValue::S(user.to_string()))
            .projection_expression(wanted.join(", "))
            .limit(2);
        for (at, name) in names.into_iter().enumerate() {
            query = query.expression_attribute_names(alias(at), name);
        }
        if self.settings.consistent && self.settings.index.is_none() {
            query = query.consistent_read(true);
        }
        let answer = query.send().await;
        let answer = answer.map_err(|error| of_the_call("DynamoDB", &error))?;
        Ok(answer.items.unwrap_or_default())
    }

    async fn client(&self) -> &Client {
        let access = &self.settings.access;
        let connect = async || Client::new(&access.configuration(self.transport.clone()).await);
        self.client.get_or_init(connect).await
    }
}

impl Provider for DynamoDbProvider {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, ProviderError>> {
        let asked = match question.credential {
            Credential::Keys => Asked::PublicKey,
            Credential::Certificate => Asked::Certificate,
            Credential::Password(_) => Asked::Password,
        };
        Box::pin(async move { Ok(self.question(&question.user, asked).await?.into()) })
    }

    fn knows_users_without_password(&self) -> bool {
        true
    }
}

impl From<Found> for Answer {
    fn from(found: Found) -> Self {
        match found {
            Found::Refused(why) => Self::Refused(why),
            Found::User {
                admission,
                hash,
                expires,
            } => {
                let password = hash.map_or(PasswordCheck::NotAsked, PasswordCheck::Hash);
                let profile = contract::profile(*admission, password);
                Self::Admitted(Box::new(Profile { expires, ..profile }))
            }
        }
    }
}
