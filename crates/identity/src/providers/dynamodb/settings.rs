//! Which table, and what stands where in its rows.

use crate::providers::{AwsAccess, Roots};

/// How to read users from a table.
#[derive(Debug, Clone)]
pub struct DynamoDbSettings {
    /// Its name or ARN.
    pub table: String,
    /// The index whose partition key is the user's name; the table's own key where absent.
    pub index: Option<String>,
    /// Sees what was written a moment ago, at twice the price. Indexes cannot.
    pub consistent: bool,
    /// What the attributes are called.
    pub attributes: Attributes,
    /// What holds for rows that do not say.
    pub defaults: Defaults,
    /// Whose certificates are trusted in.
    pub roots: Roots,
    /// Region and credentials: the permission needed is `dynamodb:Query`.
    pub access: AwsAccess,
}

/// The names of a row's attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    /// The user's name: a string, and the key that is asked by.
    pub user: String,
    /// The password's hash: a string.
    pub password: String,
    /// Public keys: a set or a list of strings, or one string with a key on each line.
    pub keys: String,
    /// `HomeDirectory`: `/bucket/prefix`.
    pub home: String,
    /// `HomeDirectoryType`: `PATH` or `LOGICAL`.
    pub home_type: String,
    /// `HomeDirectoryDetails`: mappings, as a list or as a string that holds JSON.
    pub home_details: String,
    /// The role: an ARN, or a word that is mapped to a role.
    pub role: String,
    /// The session policy: a string that holds JSON.
    pub policy: String,
    /// When the account ends, in seconds since 1970: a number.
    pub expires: String,
}

impl Default for Attributes {
    /// The names of AWS Transfer's contract, and `username`, `password` and `expires` beside them.
    fn default() -> Self {
        Self {
            user: "username".to_owned(),
            password: "password".to_owned(),
            keys: "PublicKeys".to_owned(),
            home: "HomeDirectory".to_owned(),
            home_type: "HomeDirectoryType".to_owned(),
            home_details: "HomeDirectoryDetails".to_owned(),
            role: "Role".to_owned(),
            policy: "Policy".to_owned(),
            expires: "expires".to_owned(),
        }
    }
}

impl Attributes {
    /// All of them, the user's name first.
    pub(super) fn all(&self) -> [&str; 9] {
        [
            &self.user,
            &self.password,
            &self.keys,
            &self.home,
            &self.home_type,
            &self.home_details,
            &self.role,
            &self.policy,
            &self.expires,
        ]
    }

    /// Two that share a name, if any do: nothing could be read of either then.
    pub fn shared(&self) -> Option<&str> {
        let all = self.all();
        let mut rest = all.iter().enumerate();
        let twice = rest.find(|(at, name)| all.iter().skip(at + 1).any(|other| other == *name));
        twice.map(|(_, name)| *name)
    }
}

/// What holds for rows that do not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// The role. Rows without one are refused where there is no default.
    pub role: Option<String>,
    /// The session policy.
    pub policy: Option<String>,
    /// The home directory, for rows with neither a directory nor mappings;
    /// `${transfer:UserName}` in it is the user's name.
    pub home: Option<String>,
}
