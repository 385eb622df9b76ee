//! All rows of a table, for users who move in from it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use super::{DynamoDbProvider, Item};
use crate::provider::ProviderError;
use crate::providers::fault::of_the_call;

impl DynamoDbProvider {
    /// All rows of the table, whatever the index, each as `aws dynamodb scan` prints it, with the
    /// attributes of the settings alone. The permission needed is `dynamodb:Scan`. What a type
    /// other than those of the settings' attributes holds is left out: `{"B": null}`.
    ///
    /// # Errors
    /// Where the table does not answer, or has more than `most` rows.
    pub async fn rows(&self, most: usize) -> Result<Vec<Value>, ProviderError> {
        let mut rows = Vec::new();
        let mut from: Option<Item> = None;
        loop {
            let (items, next) = self.page(from.take()).await?;
            rows.extend(items.into_iter().map(document));
            if rows.len() > most {
                let why = format!("the table has more than {most} rows");
                return Err(ProviderError::unusable(why));
            }
            match next {
                Some(next) => from = Some(next),
                None => return Ok(rows),
            }
        }
    }

    /// Some rows, and where the next ones begin.
    async fn page(&self, from: Option<Item>) -> Result<(Vec<Item>, Option<Item>), ProviderError> {
        let names = self.settings.attributes.all();
        let alias = |at: usize| format!("#a{at}");
        let wanted: Vec<String> = (0..names.len()).map(alias).collect();
        let mut scan = self
            .client()
            .await
            .scan()
            .table_name(&self.settings.table)
            .projection_expression(wanted.join(", "))
            // What was written a moment ago moves, too.
            .consistent_read(true)
            .set_exclusive_start_key(from);
        for (at, name) in names.into_iter().enumerate() {
            scan = scan.expression_attribute_names(alias(at), name);
        }
        let answer = scan.send().await;
        let answer = answer.map_err(|error| of_the_call("DynamoDB", &error))?;
        let next = answer.last_evaluated_key.filter(|key| !key.is_empty());
        Ok((answer.items.unwrap_or_default(), next))
    }
}

fn document(item: Item) -> Value {
    let members = item.into_iter().map(|(name, value)| (name, typed(value)));
    Value::Object(members.collect())
}

/// A value beside its type, as DynamoDB's JSON has it.
fn typed(value: AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::Bool(yes) => json!({"BOOL": yes}),
        AttributeValue::Null(_) => json!({"NULL": true}),
        AttributeValue::Ss(texts) => json!({"SS": texts}),
        AttributeValue::Ns(numbers) => json!({"NS": numbers}),
        AttributeValue::L(list) => {
            json!({"L": list.into_iter().map(typed).collect::<Vec<_>>()})
        }
        AttributeValue::M(members) => {
            let members: HashMap<String, Value> = members
                .into_iter()
                .map(|(name, value)| (name, typed(value)))
                .collect();
            json!({"M": members})
        }
        _ => json!({"B": null}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_beside_their_types() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let mapping = HashMap::from([("Entry".to_owned(), text("/"))]);
        let item = Item::from([
            ("username".to_owned(), text("acme")),
            ("expires".to_owned(), AttributeValue::N("7".to_owned())),
            (
                "PublicKeys".to_owned(),
                AttributeValue::Ss(vec!["a".to_owned()]),
            ),
            (
                "HomeDirectoryDetails".to_owned(),
                AttributeValue::L(vec![AttributeValue::M(mapping)]),
            ),
            ("Policy".to_owned(), AttributeValue::Null(true)),
            (
                "Role".to_owned(),
                AttributeValue::B(aws_sdk_dynamodb::primitives::Blob::new("x")),
            ),
        ]);
        let expected = json!({
            "username": {"S": "acme"},
            "expires": {"N": "7"},
            "PublicKeys": {"SS": ["a"]},
            "HomeDirectoryDetails": {"L": [{"M": {"Entry": {"S": "/"}}}]},
            "Policy": {"NULL": true},
            "Role": {"B": null},
        });
        assert_eq!(document(item), expected);
    }
}
