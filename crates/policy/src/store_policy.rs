//! A set of documents as the store itself is to enforce it: one document without variables of
//! ours, which S3 reads as we read the set.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::check::Check;
use crate::compiled::PolicySet;
use crate::condition::{Condition, Values};
use crate::condition_key::ConditionKey;
use crate::context::Context;
use crate::document::{Document, Version};
use crate::error::{Error, Result};
use crate::resource::{Names, ResourcePattern};
use crate::spelling::{Spelling, TooMany};
use crate::statement::{Effect, Statement};
use crate::template::{Reading, Template};
use crate::variables::{Variable, Variables};

/// A value that no request has: names hold no control characters.
const NEVER: &str = "\u{1}";

impl PolicySet {
    /// The set as one compact IAM document that stands for a session policy of STS: what it
    /// allows and denies whom `variables` are of, here, it allows and denies there.
    ///
    /// Variables have their values, literally; a home that a wildcard follows is a folder. What
    /// conditions say of the client (`aws:SourceIp`, `aws:username`, `aws:SecureTransport`) is
    /// settled here: the store sees the gateway in his place. Actions and resources of other
    /// services stay, such as those of KMS.
    ///
    /// # Errors
    /// Where homes and wildcards are so entangled that the document would grow without bound.
    pub fn for_store(&self, variables: &Variables) -> Result<String> {
        let mut statements = Vec::new();
        for document in &self.documents {
            for (position, statement) in document.statements.iter().enumerate() {
                let told = tell(document, statement, variables).map_err(|TooMany| {
                    let reason = "a home and wildcards follow each other too often";
                    Error::new(document.name(), document.place(position), reason)
                })?;
                statements.extend(told);
            }
        }
        if statements.is_empty() {
            statements.push(json!({ "Effect": "Deny", "Action": "*", "Resource": "*" }));
        }
        let document = json!({ "Version": "2012-10-17", "Statement": one_or_more(statements) });
        Ok(in_ascii(&document.to_string()))
    }
}

/// A statement; none where it matches nothing that this principal asks.
fn tell(
    document: &Document,
    statement: &Statement,
    variables: &Variables,
) -> Result<Option<Value>, TooMany> {
    let mut conditions = Map::new();
    for condition in &statement.conditions {
        let check = Check::new(condition, variables);
        match (check.unresolved(), statement.effect) {
            // Fails closed, as in the evaluator.
            (Some(_), Effect::Allow) => return Ok(None),
            (Some(_), Effect::Deny) => {}
            (None, _) if is_settled(condition.key) => {
                // These keys do not change from request to request.
                let any = Context::at(model::Timestamp::from_seconds(0));
                if !check.passes(&any, variables) {
                    return Ok(None);
                }
            }
            (None, _) => add(condition, variables, &mut conditions)?,
        }
    }
    let version = document.version == Some(Version::Current);
    let resources = match (resources(statement, version, variables)?, statement.effect) {
        (Ok((member, names)), _) => match (names.is_empty(), statement.resources.negated) {
            (false, _) => (member, one_or_more(names)),
            (true, true) => ("Resource", json!("*")),
            (true, false) => return Ok(None),
        },
        (Err(_), Effect::Allow) => return Ok(None),
        (Err(_), Effect::Deny) => ("Resource", json!("*")),
    };
    let actions = match statement.actions.negated {
        true => "NotAction",
        false => "Action",
    };
    let patterns = statement.actions.patterns.iter().map(|text| json!(text));
    let mut told = Map::new();
    told.insert("Effect".to_owned(), json!(statement.effect.to_string()));
    told.insert(actions.to_owned(), one_or_more(patterns.collect()));
    told.insert(resources.0.to_owned(), resources.1);
    if !conditions.is_empty() {
        told.insert("Condition".to_owned(), Value::Object(conditions));
    }
    Ok(Some(Value::Object(told)))
}

/// Whether the store would find another value than is meant.
fn is_settled(key: ConditionKey) -> bool {
    matches!(
        key,
        ConditionKey::SourceIp | ConditionKey::UserName | ConditionKey::SecureTransport
    )
}

type Member = (&'static str, Vec<Value>);

/// `Resource` or `NotResource`; the variable that has no value where one is named.
fn resources(
    statement: &Statement,
    version: bool,
    variables: &Variables,
) -> Result<Result<Member, Variable>, TooMany> {
    let mut all = Vec::new();
    for pattern in &statement.resources.patterns {
        match resource(pattern, version, variables)? {
            Ok(texts) => all.extend(texts.into_iter().map(Value::from)),
            Err(variable) => return Ok(Err(variable)),
        }
    }
    let member = match statement.resources.negated {
        true => "NotResource",
        false => "Resource",
    };
    Ok(Ok((member, all)))
}

fn resource(
    pattern: &ResourcePattern,
    version: bool,
    variables: &Variables,
) -> Result<Result<Vec<String>, Variable>, TooMany> {
    // What is in no store here is the other service's to read.
    let path = match &pattern.names {
        Names::Everything => return Ok(Ok(vec!["*".to_owned()])),
        Names::Paths(path) => path.clone(),
        Names::Nothing => path_of(&pattern.source, version),
    };
    let fields: Vec<&str> = pattern.source.splitn(6, ':').take(5).collect();
    let fields = fields.join(":");
    let tokens = match path.fill(variables) {
        Ok(tokens) => tokens,
        // Nothing here is about such a resource.
        Err(_) if pattern.names == Names::Nothing => return Ok(Ok(Vec::new())),
        Err(variable) => return Ok(Err(variable)),
    };
    let spelt = Spelling::Pattern.spell(&tokens)?;
    let spelt = spelt.into_iter().map(|path| format!("{fields}:{path}"));
    Ok(Ok(spelt.collect()))
}

fn path_of(source: &str, version: bool) -> Template {
    let reading = Reading {
        variables: version,
        wildcards: true,
    };
    let path = source.splitn(6, ':').nth(5).unwrap_or_default();
    // The whole was understood when the document was read.
    Template::parse(path, reading).unwrap_or_default()
}

/// Puts a condition beside those that are there.
fn add(
    condition: &Condition,
    variables: &Variables,
    conditions: &mut Map<String, Value>,
) -> Result<(), TooMany> {
    let values = values(condition, variables)?;
    let operator = condition.operator.to_string();
    let keys = conditions.entry(operator).or_insert_with(|| json!({}));
    if let Value::Object(keys) = keys {
        let values = values.into_iter().map(Value::from).collect();
        keys.insert(condition.key.to_string(), one_or_more(values));
    }
    Ok(())
}

/// Every variable has a value.
fn values(condition: &Condition, variables: &Variables) -> Result<Vec<String>, TooMany> {
    let templates: Vec<Vec<Template>> = match &condition.values {
        Values::Text(texts) => texts.iter().map(|text| vec![text.clone()]).collect(),
        Values::Arn(arns) => arns.iter().map(|arn| arn.0.clone()).collect(),
        _ => return Ok(condition.written.clone()),
    };
    let spelling = match condition.has_wildcards() {
        true => Spelling::Pattern,
        false => Spelling::Text,
    };
    let mut all = Vec::new();
    for fields in templates {
        let mut spelt: Vec<String> = vec![String::new()];
        for (position, field) in fields.iter().enumerate() {
            let colon = if position > 0 { ":" } else { "" };
            let tokens = field.fill(variables).unwrap_or_default();
            let ends = spelling.spell(&tokens)?;
            let longer = |start: &String| -> Vec<String> {
                let join = |end: &String| format!("{start}{colon}{end}");
                ends.iter().map(join).collect()
            };
            spelt = spelt.iter().flat_map(longer).collect();
            crate::spelling::check(spelt.len())?;
        }
        all.extend(spelt);
    }
    if all.is_empty() {
        all.push(NEVER.to_owned());
    }
    Ok(all)
}

fn one_or_more(mut values: Vec<Value>) -> Value {
    match values.len() {
        1 => values.remove(0),
        _ => Value::Array(values),
    }
}

/// The same JSON without characters beyond ASCII: STS takes none beyond Latin-1.
fn in_ascii(json: &str) -> String {
    let mut written = String::with_capacity(json.len());
    let mut units = [0; 2];
    for character in json.chars() {
        if character.is_ascii() {
            written.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut units) {
            // Texts take whatever is written to them.
            let _ = write!(written, "\\u{unit:04x}");
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variables::Home;

    fn told(statement: &Value, version: &str, home: &str) -> Value {
        let text = json!({ "Version": version, "Statement": statement }).to_string();
        let document = Document::parse("x", &text).unwrap();
        let set = PolicySet::new("set", vec![document]).unwrap();
        let variables = Variables::new("a*")
            .at_home(Home::parse(home).unwrap())
            .from("192.0.2.7".parse().unwrap());
        let told = set.for_store(&variables).unwrap();
        assert!(told.is_ascii() && !told.contains(' '), "{told}");
        serde_json::from_str::<Value>(&told).unwrap()["Statement"].take()
    }

    const NOW: &str = "2012-10-17";

    #[test]
    fn homes_are_folders_and_values_literal() {
        let statement = json!({
            "Sid": "Home", "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": "arn:aws:s3:::${transfer:HomeDirectory}*"
        });
        let wanted = json!({
            "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": ["arn:aws:s3:::b/\u{142}/${?}", "arn:aws:s3:::b/\u{142}/${?}/*"]
        });
        assert_eq!(told(&statement, NOW, "/b/\u{142}/?"), wanted);
        let statement = json!({
            "Effect": "Allow", "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::b/${transfer:UserName}/*"
        });
        let resource = &told(&statement, NOW, "/b")["Resource"];
        assert_eq!(resource, "arn:aws:s3:::b/a${*}/*");
        let resource = &told(&statement, "2008-10-17", "/b")["Resource"];
        assert_eq!(resource, "arn:aws:s3:::b/${$}{transfer:UserName}/*");
    }

    #[test]
    fn what_is_said_of_the_client_is_settled_here() {
        let from = |network: &str| {
            json!({
                "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b",
                "Condition": {
                    "IpAddress": { "aws:SourceIp": network },
                    "Bool": { "aws:SecureTransport": "true" },
                    "StringLike": { "s3:prefix": ["${transfer:HomeFolder}/*"], "aws:username": "a*" }
                }
            })
        };
        let statement = told(&from("192.0.2.0/24"), NOW, "/b/h");
        assert_eq!(
            statement["Condition"],
            json!({ "StringLike": { "s3:prefix": "h/*" } })
        );
        let nothing = json!({ "Effect": "Deny", "Action": "*", "Resource": "*" });
        assert_eq!(told(&from("198.51.100.0/24"), NOW, "/b/h"), nothing);
    }

    #[test]
    fn other_services_keep_what_is_theirs() {
        let statement = json!({
            "Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": "arn:aws:kms:eu-west-1:111122223333:key/1"
        });
        assert_eq!(told(&statement, NOW, "/b"), statement);
    }
}
