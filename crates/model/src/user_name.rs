//! The name a user logs in with.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text that cannot be a user's name here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "user name {0:?} is not valid: 1 to 100 bytes, no white space, no control characters, no '/' and no ':'"
)]
pub struct InvalidUserName(String);

/// A user's name: 1 to 100 bytes of printable text without white space, `/` and `:`. (AWS
/// Transfer asks for 3 to 100 of `[\w@.-]`; migrated Unix and LDAP names are wider than that.)
/// Names are compared as they are written.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

impl UserName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`InvalidUserName`] where it is not one.
    pub fn parse(name: &str) -> Result<Self, InvalidUserName> {
        let wrong = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | ':');
        if name.is_empty()
            || name.len() > 100
            || name.contains(wrong)
            || name == "."
            || name == ".."
        {
            return Err(InvalidUserName(name.chars().take(120).collect()));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UserName {
    type Error = InvalidUserName;

    fn try_from(name: String) -> Result<Self, InvalidUserName> {
        Self::parse(&name)
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> Self {
        name.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserName({:?})", self.0)
    }
}
