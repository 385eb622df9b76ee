//! The members of a JSON object, taken one by one and held to their types.

use std::collections::BTreeMap;
use std::fmt;

use model::ErrorKind;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

/// An answer that is not one, so that nobody is let in by it. It names the member that is wrong,
/// and never what it holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read the identity provider's answer: {member}: {fault}")]
pub struct InvalidResponse {
    pub(super) member: String,
    pub(super) fault: String,
}

/// What stands for the member where the answer is none as a whole.
pub(super) const ANSWER: &str = "the answer";

impl InvalidResponse {
    pub(super) fn new(member: impl Into<String>, fault: impl Into<String>) -> Self {
        Self {
            member: member.into(),
            fault: fault.into(),
        }
    }

    /// Whether the answer is none as a whole, whoever was asked about.
    pub fn is_whole(&self) -> bool {
        self.member == ANSWER
    }

    /// The member that is wrong: `Policy`, `HomeDirectoryDetails[3].Target`; `the answer` where
    /// it is none as a whole.
    pub fn member(&self) -> &str {
        &self.member
    }

    /// `Unavailable`: the provider is at fault, not the client.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Unavailable
    }
}

/// An object's members. JSON lets a name stand twice and does not say which counts; here that is
/// an error.
#[derive(Debug)]
pub(super) struct Members(BTreeMap<String, Value>);

impl Members {
    /// Takes a member out. One that is `null` is there, and of the wrong type.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    /// Takes a text of at most `bytes` bytes.
    pub(super) fn text(
        &mut self,
        name: &str,
        bytes: usize,
    ) -> Result<Option<String>, InvalidResponse> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() > bytes => Err(InvalidResponse::new(
                name,
                format!("it is longer than {bytes} bytes"),
            )),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_type(name, "a string", &other)),
        }
    }
}

/// "it must be a string, and is a list".
pub(super) fn wrong_type(name: &str, wanted: &str, found: &Value) -> InvalidResponse {
    let found = match found {
        Value::Null => "null (leave it out instead)",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    InvalidResponse::new(name, format!("it must be {wanted}, and is {found}"))
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member stands twice"));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}
