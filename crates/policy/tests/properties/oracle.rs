//! The slow obvious evaluator: it reads the JSON anew for each request, rewrites texts as texts,
//! and matches by trying everything.

use serde_json::Value;

use crate::generate::{Asked, Person};
use crate::signs::{Sign, matches, signs, text_of};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed,
    DeniedByStatement,
    NotAllowed,
}

pub(crate) fn decide(sets: &[Vec<Value>], person: &Person, asked: &Asked) -> Verdict {
    let matching = |documents: &[Value], effect: &str| {
        documents.iter().any(|document| {
            let world = World {
                person,
                asked,
                variables: document["Version"] == "2012-10-17",
                denies: effect == "Deny",
            };
            let mut of_effect = list(&document["Statement"]).into_iter();
            of_effect.any(|statement| statement["Effect"] == effect && world.matches(&statement))
        })
    };
    if sets.iter().any(|set| matching(set, "Deny")) {
        return Verdict::DeniedByStatement;
    }
    match sets.iter().all(|set| matching(set, "Allow")) {
        true => Verdict::Allowed,
        false => Verdict::NotAllowed,
    }
}

struct World<'a> {
    person: &'a Person,
    asked: &'a Asked,
    variables: bool,
    denies: bool,
}

impl World<'_> {
    fn matches(&self, statement: &Value) -> bool {
        // Unresolved variables: an Allow is void, in a Deny they fit.
        if !self.denies && self.has_unresolved(statement) {
            return false;
        }
        self.action(statement) && self.resource(statement) && self.conditions(statement)
    }

    fn action(&self, statement: &Value) -> bool {
        let asked = signs(&self.asked.action.as_str().to_lowercase());
        let named = |pattern: &Value| {
            let pattern: Vec<Sign> = signs(&pattern.as_str().unwrap().to_lowercase());
            matches(&pattern, &text_of(&asked))
        };
        match statement.get("Action") {
            Some(patterns) => list(patterns).iter().any(named),
            None => !list(&statement["NotAction"]).iter().any(named),
        }
    }

    fn resource(&self, statement: &Value) -> bool {
        let (patterns, negated) = match statement.get("Resource") {
            Some(patterns) => (list(patterns), false),
            None => (list(&statement["NotResource"]), true),
        };
        let unresolved = |pattern: &Value| {
            self.pattern(path(pattern).unwrap_or_default(), true)
                .is_none()
        };
        if self.denies && patterns.iter().any(unresolved) {
            return true;
        }
        let asked = match &self.asked.key {
            Some(key) => format!("{}/{key}", self.asked.bucket),
            None => self.asked.bucket.clone(),
        };
        let named = patterns.iter().any(|pattern| {
            pattern == "*"
                || path(pattern).is_some_and(|path| {
                    matches(
                        &self.pattern(path, true).unwrap(),
                        &asked.chars().collect::<Vec<_>>(),
                    )
                })
        });
        named != negated
    }

    fn conditions(&self, statement: &Value) -> bool {
        let Some(block) = statement.get("Condition") else {
            return true;
        };
        block.as_object().unwrap().iter().all(|(operator, keys)| {
            let mut keys = keys.as_object().unwrap().iter();
            keys.all(|(key, values)| self.condition(operator, key, &list(values)))
        })
    }

    fn condition(&self, operator: &str, key: &str, values: &[Value]) -> bool {
        let values: Vec<String> = values.iter().map(written).collect();
        let actual = self.value(&key.to_lowercase());
        if operator == "Null" {
            return values.contains(&actual.is_none().to_string());
        }
        let textual = operator.contains("String") || operator.contains("Arn");
        if self.denies && textual && values.iter().any(|text| self.pattern(text, true).is_none()) {
            return true;
        }
        let Some(actual) = actual else {
            return if operator.starts_with("ForAllValues:") {
                true
            } else if operator.starts_with("ForAnyValue:") {
                false
            } else {
                operator.contains("Not") || operator.ends_with("IfExists")
            };
        };
        let operator = operator.rsplit(':').next().unwrap();
        let operator = operator.strip_suffix("IfExists").unwrap_or(operator);
        let positive = operator.replace("Not", "");
        let any = values
            .iter()
            .any(|wanted| self.fits(&positive, &actual, wanted));
        any != operator.contains("Not")
    }

    fn fits(&self, operator: &str, actual: &str, wanted: &str) -> bool {
        let number = |text: &str| text.parse::<i64>().unwrap();
        let same_case = |text: &str| text.to_lowercase();
        let literal = || {
            text_of(&self.pattern(wanted, false).unwrap())
                .into_iter()
                .collect::<String>()
        };
        let actual_signs: Vec<char> = actual.chars().collect();
        match operator {
            "StringEquals" => literal() == actual,
            "StringEqualsIgnoreCase" => same_case(&literal()) == same_case(actual),
            "StringLike" => matches(&self.pattern(wanted, true).unwrap(), &actual_signs),
            "ArnLike" | "ArnEquals" if wanted == "*" => true,
            "ArnLike" | "ArnEquals" => {
                let (wanted, actual) = (fields(wanted), fields(actual));
                wanted.len() == actual.len()
                    && wanted.iter().zip(&actual).all(|(wanted, actual)| {
                        let actual: Vec<char> = actual.chars().collect();
                        matches(&self.pattern(wanted, true).unwrap(), &actual)
                    })
            }
            "IpAddress" => within(wanted, actual),
            "Bool" => wanted == actual,
            other => {
                let wanted = if wanted == "1970-01-01T00:16:41Z" {
                    "1001"
                } else {
                    wanted
                };
                let (actual, wanted) = (number(actual), number(wanted));
                match other
                    .trim_start_matches("Numeric")
                    .trim_start_matches("Date")
                {
                    "Equals" => actual == wanted,
                    "LessThan" => actual < wanted,
                    "LessThanEquals" => actual <= wanted,
                    "GreaterThan" => actual > wanted,
                    "GreaterThanEquals" => actual >= wanted,
                    _ => panic!("{other}"),
                }
            }
        }
    }

    fn value(&self, key: &str) -> Option<String> {
        let (asked, person) = (self.asked, self.person);
        match key {
            "s3:prefix" => asked.prefix.clone(),
            "s3:delimiter" => asked.prefix.as_ref().map(|_| "/".to_owned()),
            "s3:max-keys" => asked.max_keys.map(|keys| keys.to_string()),
            "s3:x-amz-server-side-encryption" => asked.encryption.clone(),
            "s3:x-amz-server-side-encryption-aws-kms-key-id" => asked.kms_key.clone(),
            "aws:sourceip" => person
                .source_ip
                .map(|ip| ip.map(|b| b.to_string()).join(".")),
            "aws:currenttime" | "aws:epochtime" => Some("1000".to_owned()),
            "aws:securetransport" => Some(person.secure.to_string()),
            "aws:username" => Some(person.name.clone()),
            other => panic!("{other}"),
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        let home = self.person.home.as_ref();
        match name {
            "transfer:username" | "aws:username" => Some(self.person.name.clone()),
            "transfer:homebucket" => home.map(|(bucket, _)| bucket.clone()),
            "transfer:homefolder" => home.map(|(_, folder)| folder.clone()),
            "transfer:homedirectory" => home.map(|(bucket, folder)| {
                format!("{bucket}/{folder}")
                    .trim_end_matches('/')
                    .to_owned()
            }),
            "aws:sourceip" => self.value("aws:sourceip"),
            other => panic!("{other}"),
        }
    }

    /// The signs of a text; nothing where a variable has no value.
    fn pattern(&self, text: &str, wild: bool) -> Option<Vec<Sign>> {
        let home = self.person.home.as_ref();
        let is_bucket = self.variables && home.is_some_and(|(_, folder)| folder.is_empty());
        let mut found = Vec::new();
        let mut rest = text;
        // Whether a name begins here, as the text says it, whatever variables stand for.
        let mut begins = true;
        let mut home = false;
        while let Some(sign) = rest.chars().next() {
            if self.variables && rest.starts_with("${") {
                let (inner, after) = rest[2..].split_once('}').unwrap();
                rest = after;
                // A home that is a whole bucket has no folder, and no slash behind it.
                if is_bucket && inner.eq_ignore_ascii_case("transfer:HomeFolder") {
                    rest = match begins {
                        true => after.strip_prefix('/').unwrap_or(after),
                        false => after,
                    };
                    continue;
                }
                begins = false;
                if ["*", "?", "$"].contains(&inner) {
                    found.push(Sign::Itself(inner.chars().next().unwrap()));
                    home = false;
                    continue;
                }
                let (name, default) = match inner.split_once(", ") {
                    Some((name, default)) => (name, Some(default.trim_matches('\'').to_owned())),
                    None => (inner, None),
                };
                let name = name.to_lowercase();
                found.extend(self.variable(&name).or(default)?.chars().map(Sign::Itself));
                home = name.contains("home");
                continue;
            }
            let wildcard = wild && (sign == '*' || sign == '?');
            if wildcard && home {
                found.push(Sign::End);
            }
            home = false;
            begins = sign == '/';
            found.push(match sign {
                '*' if wild => Sign::Many,
                '?' if wild => Sign::One,
                other => Sign::Itself(other),
            });
            rest = &rest[sign.len_utf8()..];
        }
        Some(found)
    }

    fn has_unresolved(&self, statement: &Value) -> bool {
        let resources = ["Resource", "NotResource"].map(|name| list(&statement[name]));
        let unresolved =
            |pattern: &Value| path(pattern).is_some_and(|path| self.pattern(path, true).is_none());
        if resources.iter().flatten().any(unresolved) {
            return true;
        }
        let Some(block) = statement.get("Condition").and_then(Value::as_object) else {
            return false;
        };
        block.iter().any(|(operator, keys)| {
            let textual = operator.contains("String") || operator.contains("Arn");
            let mut values = keys.as_object().unwrap().values().flat_map(list);
            textual && values.any(|value| self.pattern(&written(&value), true).is_none())
        })
    }
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    }
}

fn written(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn path(pattern: &Value) -> Option<&str> {
    pattern.as_str().unwrap().strip_prefix("arn:aws:s3:::")
}

/// Colons within variables do not count.
fn fields(text: &str) -> Vec<String> {
    let hidden = text.replace("${aws:username}", "\u{1}");
    hidden
        .splitn(6, ':')
        .map(|field| field.replace('\u{1}', "${aws:username}"))
        .collect()
}

fn within(net: &str, address: &str) -> bool {
    let bits = |text: &str| {
        text.split('.')
            .fold(0_u64, |all, byte| all * 256 + byte.parse::<u64>().unwrap())
    };
    let (net, length) = net.split_once('/').unwrap_or((net, "32"));
    let rest = 1_u64 << (32 - length.parse::<u32>().unwrap());
    bits(net) / rest == bits(address) / rest
}
