//! What a password that is set has to satisfy.
//!
//! As NIST SP 800-63B advises: length, and what is known to guessers; no rules about kinds of
//! characters, which make passwords worse.

use std::path::PathBuf;

use model::{Secret, UserName};

use crate::Passwords;
use crate::breached::{BreachedList, BreachedListError};

/// Why a password cannot be set. Shown to the person who chose it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum WeakPassword {
    /// It has too few characters.
    #[error("set password: it must have {0} characters or more")]
    TooShort(usize),
    /// It has too many bytes.
    #[error("set password: it must have {} bytes or fewer", Passwords::MAX_BYTES)]
    TooLong,
    /// It holds a control character, which clients do not send as it is typed.
    #[error("set password: it must not hold control characters")]
    Control,
    /// It is the same few characters over and over.
    #[error("set password: it must have {0} different characters or more")]
    Monotonous(usize),
    /// It is made of the user's own name.
    #[error("set password: it must not be made of the user's name or of this service's")]
    OwnName,
    /// Guessers know it.
    #[error("set password: it is on a list of passwords that became known; choose another")]
    Breached,
    /// The check itself broke off.
    #[error("set password: it could not be checked; try again")]
    Unchecked,
    /// The list cannot be read. The password is not set then.
    #[error(transparent)]
    List(#[from] BreachedListError),
}

/// What a password has to satisfy.
#[derive(Debug, Clone)]
pub struct PasswordRules {
    /// The fewest characters.
    pub characters: usize,
    /// The fewest different characters.
    pub different: usize,
    /// Names of the house, of which passwords must not be made either.
    pub names: Vec<String>,
}

impl Default for PasswordRules {
    fn default() -> Self {
        Self {
            characters: 12,
            different: 5,
            names: vec!["pierhead".to_owned()],
        }
    }
}

/// The rules, and where the list of breached passwords lies, if there is one.
#[derive(Debug, Clone, Default)]
pub struct PasswordPolicy {
    /// The rules.
    pub rules: PasswordRules,
    /// The list. It is opened at each check, so a file that is renamed into its place counts at
    /// once, and one that is gone lets no password be set.
    pub breached: Option<PathBuf>,
}

impl PasswordPolicy {
    /// Whether this user can have this password. Reads the disk on a thread of its own.
    ///
    /// # Errors
    /// [`WeakPassword`] says what it lacks, or that the list cannot be read.
    pub async fn check(
        &self,
        password: &Secret<String>,
        user: &UserName,
    ) -> Result<(), WeakPassword> {
        let (policy, password, user) = (self.clone(), password.clone(), user.clone());
        let checked = tokio::task::spawn_blocking(move || {
            let list = policy.breached.as_deref().map(BreachedList::open);
            policy
                .rules
                .check(&password, &user, list.transpose()?.as_ref())
        });
        checked.await.unwrap_or(Err(WeakPassword::Unchecked))
    }
}

impl PasswordRules {
    /// Whether this user can have this password. Reads the list from the disk, if there is one:
    /// not on an async thread.
    ///
    /// # Errors
    /// [`WeakPassword`] says what it lacks.
    pub fn check(
        &self,
        password: &Secret<String>,
        user: &UserName,
        breached: Option<&BreachedList>,
    ) -> Result<(), WeakPassword> {
        let text = password.expose();
        if text.len() > Passwords::MAX_BYTES {
            return Err(WeakPassword::TooLong);
        }
        let characters = self.characters.max(Passwords::MIN_BYTES);
        if text.chars().count() < characters {
            return Err(WeakPassword::TooShort(characters));
        }
        if text.chars().any(char::is_control) {
            return Err(WeakPassword::Control);
        }
        if text.chars().collect::<std::collections::HashSet<_>>().len() < self.different {
            return Err(WeakPassword::Monotonous(self.different));
        }
        if self.is_made_of_names(text, user) {
            return Err(WeakPassword::OwnName);
        }
        match breached.map(|list| list.contains(password)).transpose()? {
            Some(true) => Err(WeakPassword::Breached),
            _ => Ok(()),
        }
    }

    /// Whether, once the names are taken out, there is less than half of the length left that a
    /// password must have.
    fn is_made_of_names(&self, password: &str, user: &UserName) -> bool {
        let mut names: Vec<String> = self.names.iter().map(|name| folded(name)).collect();
        names.push(folded(user.as_str()));
        names.extend(user.as_str().split(['@', '.', '-', '_', '\\']).map(folded));
        names.retain(|name| name.chars().count() >= 3);
        // Longer ones first, or a part would hide the whole.
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        let whole = folded(password);
        let mut rest = whole.clone();
        for name in &names {
            rest = rest.replace(name.as_str(), "");
            let backwards: String = name.chars().rev().collect();
            rest = rest.replace(&backwards, "");
        }
        rest != whole && rest.chars().count() < self.characters.div_ceil(2)
    }
}

fn folded(text: &str) -> String {
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn check(password: &str, user: &str) -> Result<(), WeakPassword> {
        let user = UserName::parse(user).expect("name");
        PasswordRules::default().check(&Secret::new(password.to_owned()), &user, None)
    }

    #[test]
    fn passwords_that_are_long_and_no_names_are_taken() {
        for password in [
            "correct horse battery",
            "größer als gedacht",
            "k8#mQ2!vRx9z",
            "acme-quarterly-7-reports",
        ] {
            check(password, "acme").expect(password);
        }
    }

    #[test]
    fn weak_passwords_are_told_what_they_lack() {
        for (password, user, why) in [
            ("", "acme", "12 characters"),
            ("elevenchars", "acme", "12 characters"),
            ("äöüßäöüßäöü", "acme", "12 characters"),
            (&"a1b2c".repeat(300), "acme", "1024 bytes"),
            ("tab\tin the middle", "acme", "control"),
            ("aaaaaaaaaaaaaaaa", "acme", "different"),
            ("abababababababab", "acme", "different"),
            ("partner-acme1", "partner-acme", "name"),
            ("AcmePartner2026", "acme.partner", "name"),
            ("emcArentrap2026", "acme.partner", "name"),
            ("bob@acme.example", "bob@acme.example", "name"),
            ("Pierhead2026!", "acme", "name"),
        ] {
            let error = check(password, user).expect_err(password).to_string();
            assert!(error.contains(why), "{password}: {error}");
            assert!(password.is_empty() || !error.contains(password), "{error}");
        }
    }

    #[test]
    fn what_became_known_is_refused_and_a_list_that_cannot_be_read_too() {
        // SHA-1 of "correct horse battery staple".
        let mut file = tempfile::NamedTempFile::new().expect("file");
        writeln!(file, "ABF7AAD6438836DBE526AA231ABDE2D0EEF74D42:1").expect("written");
        let list = BreachedList::open(file.path()).expect("list");
        let user = UserName::parse("acme").expect("name");
        let rules = PasswordRules::default();
        let check = |password: &str| {
            let password = Secret::new(password.to_owned());
            rules.check(&password, &user, Some(&list))
        };
        let known = check("correct horse battery staple");
        assert!(matches!(known, Err(WeakPassword::Breached)), "{known:?}");
        check("correct horse battery staples").expect("unknown");
        file.as_file().set_len(0).expect("cut off");
        let unread = check("correct horse battery staples");
        assert!(matches!(unread, Err(WeakPassword::List(_))), "{unread:?}");
    }

    proptest! {
        #[test]
        fn whatever_is_chosen_there_is_an_answer(password in "\\PC{0,40}", user in "[a-z@.-]{1,20}") {
            let Ok(user) = UserName::parse(&user) else { return Ok(()) };
            let secret = Secret::new(password.clone());
            if PasswordRules::default().check(&secret, &user, None).is_ok() {
                prop_assert!(password.chars().count() >= 12);
                prop_assert!(password.to_lowercase() != user.as_str());
            }
        }
    }
}
