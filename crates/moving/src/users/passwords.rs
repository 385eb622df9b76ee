//! Passwords that move: those that are hashed here, and how it is told that one did not change.

use std::collections::HashSet;

use futures::StreamExt as _;
use identity::{HashFormat, PasswordHash, Passwords};
use model::{Secret, UserId, UserName};
use sha2::{Digest, Sha256};

use super::arrivals::{Arrivals, ArrivingPassword};
use super::here::Here;
use crate::{Error, Result};

/// How many passwords wait for a place to be hashed in.
const AT_ONCE: usize = 64;

/// A password that was made here, for its user to be told.
#[derive(Debug, Clone)]
pub struct Generated {
    /// Whose it is.
    pub name: UserName,
    /// The password.
    pub password: Secret<String>,
}

/// What must be known of passwords before anything is planned: it takes a while.
#[derive(Debug, Default)]
pub struct Prepared {
    /// Users whose plain password is the one that they have here.
    pub(super) same: HashSet<UserName>,
}

impl Prepared {
    /// Tries the plain passwords of a source on users who are here. `progress` hears of each.
    ///
    /// # Errors
    /// `Internal` where hashing fails.
    pub async fn new(
        arrivals: &Arrivals,
        here: &Here,
        passwords: &Passwords,
        progress: &(dyn Fn() + Sync),
    ) -> Result<Self> {
        let tried = arrivals.users().iter().filter_map(|arriving| {
            let ArrivingPassword::Plain(password) = &arriving.password else {
                return None;
            };
            let hash = here.user(&arriving.name)?.password_hash.as_ref()?;
            Some((&arriving.name, password, hash))
        });
        let tried: Vec<_> = tried.collect();
        let checks = futures::stream::iter(tried).map(|(name, password, hash)| async move {
            let right = passwords.verify(password, Some(hash)).await;
            progress();
            right.map(|right| right.then(|| name.clone()))
        });
        let mut checks = checks.buffer_unordered(AT_ONCE);
        let mut same = HashSet::new();
        while let Some(checked) = checks.next().await {
            same.extend(checked.map_err(|error| not_hashed(&error))?);
        }
        Ok(Self { same })
    }

    /// How many have to be tried.
    pub fn work(arrivals: &Arrivals, here: &Here) -> usize {
        let plain = |password: &ArrivingPassword| matches!(password, ArrivingPassword::Plain(_));
        let users = arrivals.users().iter();
        users
            .filter(|user| plain(&user.password) && here.user(&user.name).is_some())
            .count()
    }
}

pub(super) fn not_hashed(error: &identity::Error) -> Error {
    Error::new(error.kind(), "hash", "a password", error.to_string())
}

/// What is written down of a password in place of a digest.
const PLAIN: &str = "plain";
const GENERATED: &str = "generated";
const UNSALTED: &str = "unsalted";

/// What is written down of a password, so that the next move can tell whether it changed. A hash
/// without a salt could be guessed by its digest, so it has none.
pub(super) fn mark(password: &ArrivingPassword, user: UserId) -> Option<String> {
    match password {
        ArrivingPassword::None => None,
        ArrivingPassword::Plain(_) => Some(PLAIN.to_owned()),
        ArrivingPassword::Generate => Some(GENERATED.to_owned()),
        ArrivingPassword::Hash(hash) if is_unsalted(hash) => Some(UNSALTED.to_owned()),
        ArrivingPassword::Hash(hash) => {
            let digest = Sha256::new()
                .chain_update("moved password ")
                .chain_update(user.to_string())
                .chain_update(hash.expose());
            let digest = digest.finalize();
            Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
        }
    }
}

fn is_unsalted(hash: &Secret<String>) -> bool {
    let format = PasswordHash::parse(hash.expose()).map(|hash| hash.format());
    matches!(
        format,
        Ok(HashFormat::Md5
            | HashFormat::Sha1
            | HashFormat::Sha256
            | HashFormat::Sha512
            | HashFormat::Sha224)
            | Err(_)
    )
}

/// Whether the mark is of an unsalted hash.
pub(super) fn cannot_tell(mark: &str) -> bool {
    mark == UNSALTED
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> ArrivingPassword {
        ArrivingPassword::Hash(Secret::new(text.to_owned()))
    }

    #[test]
    fn marks_give_nothing_away_that_can_be_guessed() {
        let (one, two) = (UserId::generate(), UserId::generate());
        let salted = hash("{SSHA}zLnnSwYzaC7/4tKJ52RSKXdjlmVOYUNsNGFjbA==");
        let mark_of = |password| mark(password, one);
        assert_eq!(mark_of(&ArrivingPassword::None), None);
        let unsalted = mark(&hash("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="), one);
        assert_eq!(unsalted.as_deref(), Some(UNSALTED));
        let plain = ArrivingPassword::Plain(Secret::new("correct horse".to_owned()));
        assert_eq!(mark_of(&plain).as_deref(), Some(PLAIN));
        let digest = mark_of(&salted).expect("a digest");
        assert_eq!(digest.len(), 64);
        assert_eq!(Some(digest.clone()), mark_of(&salted));
        assert_ne!(Some(digest), mark(&salted, two));
    }
}
