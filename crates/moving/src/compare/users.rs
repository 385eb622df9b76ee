//! Who is compared: a file of partners with what each logs in with.

use std::collections::HashSet;
use std::path::PathBuf;

use client::Credential;
use model::{ErrorKind, Secret};
use serde::Deserialize;

use crate::{Error, Result};

/// A partner, and what he logs in with.
#[derive(Debug, Clone)]
pub struct Partner {
    /// His name, the same on both servers.
    pub name: String,
    /// His password or key.
    pub credential: Credential,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    users: Vec<WrittenUser>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenUser {
    name: String,
    password: Option<String>,
    key: Option<PathBuf>,
}

impl Partner {
    /// Reads a file of partners: TOML with a table `[[users]]` for each, of `name` and either
    /// `password` or `key`, a file with a private key.
    ///
    /// # Errors
    /// `Invalid` where it is no such text, and where a key cannot be read. No password is repeated.
    pub fn parse_all(text: &str) -> Result<Vec<Self>> {
        let invalid = |why: String| Error::new(ErrorKind::Invalid, "read", "the users", why);
        // The text of its errors repeats lines, and with them passwords.
        let written: Written =
            toml::from_str(text).map_err(|error| invalid(error.message().to_owned()))?;
        let mut names = HashSet::new();
        if written.users.is_empty() {
            return Err(invalid("there are none".to_owned()));
        }
        let mut partners = Vec::with_capacity(written.users.len());
        for user in written.users {
            if !names.insert(user.name.clone()) {
                return Err(invalid(format!("{} stands in it twice", user.name)));
            }
            let credential = match (user.password, user.key) {
                (Some(password), None) => Credential::Password(Secret::new(password)),
                (None, Some(file)) => Credential::key_file(&file)
                    .map_err(|error| invalid(format!("{}: {error}", user.name)).caused_by(error))?,
                _ => {
                    let why = format!("{} needs either a password or a key", user.name);
                    return Err(invalid(why));
                }
            };
            partners.push(Self {
                name: user.name,
                credential,
            });
        }
        Ok(partners)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partners_are_read_and_no_password_is_repeated() {
        let text = "[[users]]\nname = \"ann\"\npassword = \"hunter2\"\n";
        let partners = Partner::parse_all(text).expect("a partner");
        assert_eq!(partners[0].name, "ann");
        for wrong in [
            String::new(),
            "users = []".to_owned(),
            format!("{text}key = \"/nowhere\"\n"),
            format!("{text}pass = \"hunter2\"\n"),
            format!("{text}{text}"),
            "[[users]]\nname = \"ann\"\n".to_owned(),
            "[[users]]\nname = \"ann\"\npassword = hunter2\n".to_owned(),
            "[[users]]\nname = \"ann\"\nkey = \"/nowhere\"\n".to_owned(),
        ] {
            let error = Partner::parse_all(&wrong).expect_err(&wrong);
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
