//! How one user of a source becomes one step of a plan.

use std::collections::{HashMap, HashSet};

use database::User;
use model::{GroupId, UserId, UserName};

use super::keys::fingerprints;
use super::{Check, Plan, Record, Step};
use crate::users::Finding;
use crate::users::arrivals::{Arrivals, ArrivingPassword, ArrivingUser};
use crate::users::here::Here;
use crate::users::options::Options;
use crate::users::passwords::{Prepared, mark};
use crate::users::profile::Profile;

/// A plan in the making, and what it is made by.
pub(super) struct Planner<'a> {
    pub(super) here: &'a Here,
    pub(super) prepared: &'a Prepared,
    pub(super) options: &'a Options,
    pub(super) check: Check<'a>,
    pub(super) arriving: &'a Arrivals,
    /// Groups that are made, by name.
    pub(super) group_ids: HashMap<String, GroupId>,
    pub(super) plan: Plan,
}

impl Planner<'_> {
    pub(super) fn consider(&mut self, mut arriving: ArrivingUser) -> Result<(), Finding> {
        let name = arriving.name.clone();
        let profile = &mut arriving.profile;
        profile.group = profile.group.take().or_else(|| self.options.group.clone());
        profile.role = profile.role.take().or_else(|| self.options.role.clone());
        let mut seen = HashSet::new();
        arriving
            .keys
            .retain(|key| seen.insert(key.key.fingerprint()));
        let none = matches!(arriving.password, ArrivingPassword::None) && arriving.keys.is_empty();
        let known = self.here.user(&name);
        if none && known.is_none() && !self.options.without_credentials {
            let why = "he has neither a password nor a key that could be taken over: he could not \
                       log in (--without-credentials brings him nevertheless)";
            return Err(Finding::skipped(name, why));
        }
        let before = self.before(&name, known)?;
        let user = known.cloned();
        let is_new = user.is_none();
        let mut user = user.unwrap_or_else(|| self.nobody(&arriving));
        let mut changes = self.settle(&mut user, &arriving.profile, before.as_ref())?;
        let (keys, lost_keys) = self.keys(&user, &arriving, before.as_ref());
        let password = self.password(&user, &arriving, is_new);
        (self.check)(&user).map_err(|why| Finding::fault(&name, why))?;
        if password.is_some() {
            changes.push("password");
        }
        if !keys.is_empty() || !lost_keys.is_empty() {
            changes.push("keys");
        }
        let record = Record {
            keys: fingerprints(&arriving),
            profile: arriving.profile,
        };
        if changes.is_empty() && before.as_ref() == Some(&record) {
            self.plan.unchanged += 1;
            return Ok(());
        }
        self.plan.steps.push(Step {
            mark: mark(&arriving.password, user.id),
            user,
            is_new,
            changes,
            password,
            keys,
            lost_keys,
            record,
        });
        Ok(())
    }

    /// What the source said of a user when he moved last; none where he is new, or taken over now.
    fn before(&self, name: &UserName, known: Option<&User>) -> Result<Option<Record>, Finding> {
        let Some(user) = known else { return Ok(None) };
        if let Some(provider) = &user.provider {
            let why = format!("he is a user of the identity provider {provider}");
            return Err(Finding::skipped(name, why));
        }
        let moved = self.here.moved.get(&user.id);
        match moved {
            Some(moved) if moved.source == self.options.source => {
                Ok(serde_json::from_str(&moved.record).ok())
            }
            _ if self.options.replace => Ok(None),
            Some(moved) => Err(Finding::skipped(
                name,
                format!(
                    "he is here already and came from {}: --replace takes him over",
                    moved.source
                ),
            )),
            None => Err(Finding::skipped(
                name,
                "he is here already and did not come from there: --replace takes him over",
            )),
        }
    }

    fn nobody(&self, arriving: &ArrivingUser) -> User {
        let profile = Profile::default();
        User {
            id: UserId::generate(),
            server: self.here.server.clone(),
            name: arriving.name.clone(),
            group: None,
            password_hash: None,
            home_type: profile.home_type,
            home_directory: profile.home_directory,
            mappings: Vec::new(),
            permissions: profile.permissions,
            limits: profile.limits,
            disabled: false,
            created: self.options.now,
            changed: self.options.now,
            provider: None,
            external_id: None,
            role: None,
            session_policy: None,
            methods: None,
            totp: None,
            networks: profile.networks,
            expires: None,
            last_login: None,
        }
    }

    /// Lets a user be as the source says, where it says something else than last time. Returns what
    /// changes.
    fn settle(
        &mut self,
        user: &mut User,
        now: &Profile,
        before: Option<&Record>,
    ) -> Result<Vec<&'static str>, Finding> {
        let then = before.map(|record| &record.profile);
        let old = self.profile_of(user);
        if then.is_none_or(|then| then.role != now.role) {
            let role = now.role.as_deref();
            user.role = match role {
                Some(role) => Some(self.role(role, user)?),
                None => None,
            };
        }
        if then.is_none_or(|then| then.group != now.group) {
            user.group = now.group.as_deref().map(|group| self.group(group));
        }
        macro_rules! settle {
            ($($field:ident),*) => { $(
                if then.is_none_or(|then| then.$field != now.$field) {
                    user.$field = now.$field.clone();
                }
            )* };
        }
        settle!(
            home_type,
            home_directory,
            mappings,
            permissions,
            limits,
            session_policy,
            methods,
            networks,
            expires,
            disabled
        );
        user.changed = self.options.now;
        self.check_policy(user)?;
        Ok(self.profile_of(user).differences(&old))
    }

    fn check_policy(&self, user: &User) -> Result<(), Finding> {
        let Some(policy) = &user.session_policy else {
            return Ok(());
        };
        match policy::Document::parse("session policy", policy) {
            Ok(_) => Ok(()),
            Err(error) => Err(Finding::fault(
                &user.name,
                format!(
                    "his session policy is not understood: {}: {}",
                    error.place(),
                    error.reason()
                ),
            )),
        }
    }

    /// A user who is here, as a source would tell of him.
    fn profile_of(&self, user: &User) -> Profile {
        let mut groups = self.here.groups.iter().chain(&self.plan.groups);
        let group = groups.find(|group| Some(group.id) == user.group);
        Profile {
            home_type: user.home_type,
            home_directory: user.home_directory.clone(),
            mappings: user.mappings.clone(),
            permissions: user.permissions,
            limits: user.limits.clone(),
            group: group.map(|group| group.name.clone()),
            role: user.role.clone(),
            session_policy: user.session_policy.clone(),
            methods: user.methods.clone(),
            networks: user.networks.clone(),
            expires: user.expires,
            disabled: user.disabled,
        }
    }
}
