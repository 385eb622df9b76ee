//! Users of a DynamoDB table, as `aws dynamodb scan` prints it: the attributes that the identity
//! provider of the same name reads.

use model::ErrorKind;
use serde_json::Value;

use super::arrivals::Arrivals;
use super::finding::Finding;
use super::json::documents;
use super::row::Row;
use crate::{Error, Result};

/// Fields, and what attributes are called that hold them.
pub const ATTRIBUTES: [(&str, &str); 9] = [
    ("name", "username"),
    ("password_hash", "password"),
    ("keys", "PublicKeys"),
    ("home", "HomeDirectory"),
    ("home_type", "HomeDirectoryType"),
    ("mappings", "HomeDirectoryDetails"),
    ("role", "Role"),
    ("session_policy", "Policy"),
    ("expires", "expires"),
];

/// Reads what one or more scans printed. `attributes` are other names of fields, by field; `home` is
/// the home of rows that name none.
///
/// # Errors
/// `Invalid` where a text is not JSON to its end, or no scan.
pub fn read(
    texts: &[String],
    attributes: &[(String, String)],
    home: Option<&str>,
) -> Result<Arrivals> {
    let mut items = Vec::new();
    for text in texts {
        for mut document in documents(text, "the scan of a table")? {
            match document.get_mut("Items").map(Value::take) {
                Some(Value::Array(list)) => items.extend(list),
                _ => return Err(no_scan()),
            }
        }
    }
    Ok(read_items(&items, attributes, home))
}

/// Reads rows, each as a scan prints it.
pub fn read_items(
    items: &[Value],
    attributes: &[(String, String)],
    home: Option<&str>,
) -> Arrivals {
    let mut arrivals = Arrivals::default();
    for (number, item) in (1..).zip(items) {
        let row = row(item, number, attributes, &mut arrivals.findings);
        let mut findings = Vec::new();
        let user = row.read(home, &mut findings);
        arrivals.findings.append(&mut findings);
        arrivals.push_or_tell(user);
    }
    arrivals
}

/// A text that holds something else would move nobody, and nobody would see why.
fn no_scan() -> Error {
    let reason = "it has no list of Items: hand in what `aws dynamodb scan` prints";
    Error::new(ErrorKind::Invalid, "read", "the scan of a table", reason)
}

fn row(
    item: &Value,
    number: usize,
    attributes: &[(String, String)],
    findings: &mut Vec<Finding>,
) -> Row {
    let mut row = Row::at(format!("item {number}"));
    for (field, default) in ATTRIBUTES {
        let named = attributes.iter().find(|(it, _)| it == field);
        let attribute = named.map_or(default, |(_, name)| name.as_str());
        match item.get(attribute).map(plain) {
            None => {}
            Some(Some(text)) => row.set(field, text),
            Some(None) => {
                let what = format!("its attribute {attribute} is of a type that holds no {field}");
                findings.push(Finding::fault(&row.place, what));
            }
        }
    }
    // As AWS Transfer reads a home that does not say: what the provider shows, too.
    if !row.has("home_type") {
        let mapped = row.has("mappings");
        row.set("home_type", if mapped { "LOGICAL" } else { "PATH" });
    }
    row
}

/// An attribute as a text: strings, numbers, sets and lists of strings by lines, lists of maps as
/// JSON.
fn plain(attribute: &Value) -> Option<String> {
    let (kind, value) = attribute.as_object()?.iter().next()?;
    match (kind.as_str(), value) {
        ("S" | "N", Value::String(text)) => Some(text.clone()),
        ("NULL", _) => Some(String::new()),
        ("BOOL", Value::Bool(yes)) => Some(yes.to_string()),
        ("SS", Value::Array(list)) => lines(list.iter().map(Value::as_str)),
        ("L", Value::Array(list)) if list.iter().all(|it| it.get("M").is_some()) => {
            let maps: Option<Vec<Value>> = list.iter().map(map).collect();
            Some(Value::Array(maps?).to_string())
        }
        ("L", Value::Array(list)) => {
            lines(list.iter().map(|it| it.get("S").and_then(Value::as_str)))
        }
        _ => None,
    }
}

fn lines<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> Option<String> {
    let texts: Option<Vec<&str>> = texts.collect();
    texts.map(|texts| texts.join("\n"))
}

fn map(value: &Value) -> Option<Value> {
    let members = value.get("M")?.as_object()?.iter();
    let members = members.map(|(name, value)| Some((name.clone(), value.get("S")?.clone())));
    members
        .collect::<Option<serde_json::Map<_, _>>>()
        .map(Value::Object)
}
