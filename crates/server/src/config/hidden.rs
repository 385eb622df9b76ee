//! `Hidden`: a text of the configuration that is never printed.

use std::fmt;

use model::Secret;
use serde::{Deserialize, Serialize};

/// A text of the configuration that is never printed. Empty means absent.
#[derive(Clone, Default, Deserialize)]
#[serde(from = "String")]
pub struct Hidden(Option<Secret<String>>);

impl Hidden {
    /// The secret, where one was given.
    pub fn secret(&self) -> Option<&Secret<String>> {
        self.0.as_ref()
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self((!text.is_empty()).then(|| Secret::new(text)))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "[redacted]"
        } else {
            "absent"
        })
    }
}

impl Serialize for Hidden {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(_) => serializer.serialize_str("[redacted]"),
            None => serializer.serialize_none(),
        }
    }
}
