//! Which keys a user gets, and which he loses.

use database::{KeyBounds, SshKey, User};
use model::KeyId;

use super::Record;
use super::planner::Planner;
use crate::users::arrivals::{ArrivingKey, ArrivingUser};

impl Planner<'_> {
    /// The keys that a user gets, and those that he loses: what the source has now and had then.
    pub(super) fn keys(
        &self,
        user: &User,
        arriving: &ArrivingUser,
        before: Option<&Record>,
    ) -> (Vec<SshKey>, Vec<KeyId>) {
        let have = self.here.keys_of(user.id);
        let then: &[String] = before.map_or(&[], |record| &record.keys);
        let now = fingerprints(arriving);
        let has = |fingerprint: &str| have.iter().any(|key| key.fingerprint == fingerprint);
        let new = arriving.keys.iter().filter_map(|arriving| {
            let fingerprint = arriving.key.fingerprint();
            // One that came before and is gone here was taken away here.
            let wanted = !has(&fingerprint) && !then.contains(&bounded(arriving));
            wanted.then(|| self.made(user, arriving))
        });
        let mut new: Vec<SshKey> = new.collect();
        let gone = |key: &&SshKey| {
            let mark = marked(&key.fingerprint, &key.bounds);
            then.contains(&mark) && !now.contains(&mark)
        };
        let lost: Vec<&SshKey> = have.iter().filter(gone).collect();
        // The same key within other bounds comes anew in the place of the old one.
        for again in &arriving.keys {
            let fingerprint = again.key.fingerprint();
            if lost.iter().any(|key| key.fingerprint == fingerprint) {
                new.push(self.made(user, again));
            }
        }
        (new, lost.into_iter().map(|key| key.id).collect())
    }

    fn made(&self, user: &User, arriving: &ArrivingKey) -> SshKey {
        SshKey {
            id: KeyId::generate(),
            user: user.id,
            algorithm: arriving.key.algorithm().to_owned(),
            body: arriving.key.body(),
            fingerprint: arriving.key.fingerprint(),
            comment: arriving.key.comment().to_owned(),
            created: self.options.now,
            bounds: arriving.bounds.clone(),
        }
    }
}

/// How a key is written down: its fingerprint, and its bounds where it has any.
fn marked(fingerprint: &str, bounds: &KeyBounds) -> String {
    match serde_json::to_string(bounds).as_deref() {
        Ok("{}") | Err(_) => fingerprint.to_owned(),
        Ok(bounds) => format!("{fingerprint} {bounds}"),
    }
}

fn bounded(key: &ArrivingKey) -> String {
    marked(&key.key.fingerprint(), &key.bounds)
}

pub(super) fn fingerprints(arriving: &ArrivingUser) -> Vec<String> {
    let mut all: Vec<String> = arriving.keys.iter().map(bounded).collect();
    all.sort();
    all
}
