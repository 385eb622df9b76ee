//! A plan becomes rows, all in one transaction.

use database::{Database, MoveIn, MovedUser};
use futures::StreamExt as _;
use identity::Passwords;
use model::{Secret, Timestamp, UserId};

use super::arrivals::ArrivingPassword;
use super::here::not_moved;
use super::passwords::{Generated, not_hashed};
use super::plan::{Plan, Step};
use crate::{Error, Result};

/// How many passwords wait for a place to be hashed in.
const AT_ONCE: usize = 64;

impl Plan {
    /// Makes the passwords that users are to get. They must be kept before [`Self::carry_out`], or
    /// they are lost.
    pub fn generate(&mut self) -> Vec<Generated> {
        let mut all = Vec::new();
        for step in &mut self.steps {
            if let Some(ArrivingPassword::Generate) = step.password {
                let password = identity::generate_password();
                step.password = Some(ArrivingPassword::Plain(password.clone()));
                let name = step.user.name.clone();
                all.push(Generated { name, password });
            }
        }
        all
    }

    /// How many passwords [`Self::carry_out`] hashes.
    pub fn work(&self) -> usize {
        let plain = |step: &&Step| matches!(step.password, Some(ArrivingPassword::Plain(_)));
        self.steps.iter().filter(plain).count()
    }

    /// Hashes what came in plain, off the async threads, then makes and changes everything in one
    /// transaction. `progress` hears of each password that is hashed.
    ///
    /// # Errors
    /// `Conflict` where somebody changed users meanwhile: plan anew. Nothing is changed then.
    /// `Invalid` where passwords are to be made and [`Self::generate`] was not called.
    pub async fn carry_out(
        &self,
        database: &Database,
        passwords: &Passwords,
        now: Timestamp,
        progress: &(dyn Fn() + Sync),
    ) -> Result<()> {
        let hashes = futures::stream::iter(&self.steps)
            .map(|step| async move {
                let hashed = hash_of(step, passwords).await;
                if let Some(ArrivingPassword::Plain(_)) = step.password {
                    progress();
                }
                hashed
            })
            .buffered(AT_ONCE)
            .collect::<Vec<_>>();
        let hashes = hashes.await.into_iter().collect::<Result<Vec<_>>>()?;
        let all = self.rows(hashes, now)?;
        let done = Box::pin(database.move_in(&all, self.epoch, now));
        done.await.map_err(not_moved)
    }

    fn rows(&self, hashes: Vec<Hashed>, now: Timestamp) -> Result<MoveIn> {
        let mut all = MoveIn {
            groups: self.groups.clone(),
            policies: self.policies.clone(),
            roles: self.roles.clone(),
            ..MoveIn::default()
        };
        for (step, hash) in self.steps.iter().zip(hashes) {
            let mut user = step.user.clone();
            let id = user.id;
            match (step.is_new, hash) {
                (true, hash) => {
                    user.password_hash = hash.flatten();
                    all.created.push(user);
                }
                (false, hash) => {
                    all.changed.push(user);
                    all.passwords.extend(hash.map(|hash| (id, hash)));
                }
            }
            all.keys.extend(step.keys.iter().cloned());
            all.lost_keys.extend(&step.lost_keys);
            all.records.push(self.record(step, id, now)?);
        }
        Ok(all)
    }

    fn record(&self, step: &Step, user: UserId, now: Timestamp) -> Result<MovedUser> {
        let record = serde_json::to_string(&step.record).map_err(|error| {
            let kind = model::ErrorKind::Internal;
            Error::new(kind, "write down", step.user.name.as_str(), "no JSON").caused_by(error)
        })?;
        Ok(MovedUser {
            user,
            source: self.source.to_owned(),
            record,
            password: step.mark.clone(),
            moved: now,
        })
    }
}

/// The hash that is to be stored: none where the password stays, none inside where he is to have no
/// password.
type Hashed = Option<Option<Secret<String>>>;

async fn hash_of(step: &Step, passwords: &Passwords) -> Result<Hashed> {
    Ok(match &step.password {
        None => None,
        Some(ArrivingPassword::None) => Some(None),
        Some(ArrivingPassword::Hash(hash)) => Some(Some(hash.clone())),
        Some(ArrivingPassword::Plain(password)) => {
            let hash = passwords.hash_again(password).await;
            Some(Some(hash.map_err(|error| not_hashed(&error))?))
        }
        Some(ArrivingPassword::Generate) => {
            let kind = model::ErrorKind::Invalid;
            let reason = "its new password was not made before";
            return Err(Error::new(
                kind,
                "hash password of",
                step.user.name.as_str(),
                reason,
            ));
        }
    })
}
