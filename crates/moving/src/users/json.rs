//! JSON as other programs write it out: one document behind the other, or lists of them.

use model::ErrorKind;
use serde_json::Value;

use crate::{Error, Result};

/// The documents of a text: those of lists one by one.
///
/// # Errors
/// `Invalid` where it is not JSON to its end; the error holds nothing of the text.
pub(super) fn documents(text: &str, what: &str) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for document in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let document = document.map_err(|error| {
            let place = format!(
                "it is not JSON at line {}, column {}",
                error.line(),
                error.column()
            );
            Error::new(ErrorKind::Invalid, "read", what, place)
        })?;
        match document {
            Value::Array(list) => all.extend(list),
            document => all.push(document),
        }
    }
    match all.is_empty() {
        true => Err(Error::new(ErrorKind::Invalid, "read", what, "it is empty")),
        false => Ok(all),
    }
}

/// A member that is a text and not empty.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    let text = value.get(name)?.as_str()?;
    Some(text).filter(|text| !text.trim().is_empty())
}

/// A member that is a list; empty where it is none.
pub(super) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    let list = value.get(name).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// A member that is a list of texts; what is none of them is left out.
pub(super) fn texts(value: &Value, name: &str) -> Vec<String> {
    let texts = list(value, name).iter().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// A member that is a number above zero.
pub(super) fn number(value: &Value, name: &str) -> Option<u64> {
    let number = value.get(name).and_then(Value::as_u64);
    number.filter(|number| *number > 0)
}

/// Whether a member is `true`.
pub(super) fn is_set(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool) == Some(true)
}
