//! What a move would do, user by user.

use std::collections::{HashMap, HashSet};

use database::{Group, NewRole, Policy, SshKey, User};
use model::{GroupId, KeyId, UserId};
use serde::{Deserialize, Serialize};

use super::arrivals::{Arrivals, ArrivingGroup, ArrivingPassword, ArrivingRole, ArrivingUser};
use super::finding::{Finding, Weight};
use super::here::Here;
use super::options::Options;
use super::passwords::{Prepared, cannot_tell, mark};
use super::profile::Profile;

/// What a move would do.
#[derive(Debug)]
pub struct Plan {
    pub(super) epoch: u64,
    pub(super) source: &'static str,
    pub(super) steps: Vec<Step>,
    /// Users of whom nothing is new.
    pub(super) unchanged: usize,
    pub(super) groups: Vec<Group>,
    pub(super) roles: Vec<NewRole>,
    pub(super) policies: Vec<Policy>,
    pub(super) findings: Vec<Finding>,
}

/// A user who is made or changed.
#[derive(Debug)]
pub(super) struct Step {
    /// As he is to be.
    pub(super) user: User,
    pub(super) is_new: bool,
    /// What changes of him.
    pub(super) changes: Vec<&'static str>,
    /// The password that he is to have, where it changes.
    pub(super) password: Option<ArrivingPassword>,
    pub(super) keys: Vec<SshKey>,
    pub(super) lost_keys: Vec<KeyId>,
    pub(super) record: Record,
    pub(super) mark: Option<String>,
}

/// What is written down of a user: all that the source said, but his password.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) profile: Profile,
    /// The fingerprints of his keys.
    #[serde(default)]
    pub(super) keys: Vec<String>,
}

/// Says why a user cannot be as he is to be: his home, his limits, his name.
pub type Check<'a> = &'a dyn Fn(&User) -> Result<(), String>;

impl Plan {
    /// Compares a source with who is here. Nothing is changed yet.
    pub fn new(
        mut arrivals: Arrivals,
        here: &Here,
        prepared: &Prepared,
        options: &Options,
        check: Check<'_>,
    ) -> Self {
        let users = arrivals.take_users();
        let mut planner = Planner {
            here,
            prepared,
            options,
            check,
            arriving: &arrivals,
            group_ids: HashMap::new(),
            plan: Self {
                epoch: here.epoch,
                source: options.source,
                steps: Vec::new(),
                unchanged: 0,
                groups: Vec::new(),
                roles: Vec::new(),
                policies: Vec::new(),
                findings: arrivals.findings.clone(),
            },
        };
        for user in users {
            if let Err(finding) = planner.consider(user) {
                planner.plan.findings.push(finding);
            }
        }
        planner.plan
    }

    /// How many faults there are. Nothing should be moved then, unless they may stay behind.
    pub fn faults(&self) -> usize {
        let faults = self.findings.iter();
        faults
            .filter(|finding| finding.weight == Weight::Fault)
            .count()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

struct Planner<'a> {
    here: &'a Here,
    prepared: &'a Prepared,
    options: &'a Options,
    check: Check<'a>,
    arriving: &'a Arrivals,
    /// Groups that are made, by name.
    group_ids: HashMap<String, GroupId>,
    plan: Plan,
}

impl Planner<'_> {
    fn consider(&mut self, mut arriving: ArrivingUser) -> Result<(), Finding> {
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
        if none && known.is_none() && !self.options.certificates {
            let why = "he has neither a password nor a key that could be taken over: he could not \
                       log in";
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
    fn before(
        &self,
        name: &model::UserName,
        known: Option<&User>,
    ) -> Result<Option<Record>, Finding> {
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

    /// The group of this name; made where there is none.
    fn group(&mut self, name: &str) -> GroupId {
        if let Some(id) = self
            .here
            .group(name)
            .or_else(|| self.group_ids.get(name).copied())
        {
            return id;
        }
        let told = self.arriving.groups.iter().find(|group| group.name == name);
        let told = told.cloned().unwrap_or_else(|| ArrivingGroup::named(name));
        let group = Group {
            id: GroupId::generate(),
            server: self.here.server.clone(),
            name: told.name,
            description: told.description,
            created: self.options.now,
            permissions: told.permissions,
            limits: told.limits,
            changed: self.options.now,
        };
        self.group_ids.insert(name.to_owned(), group.id);
        let id = group.id;
        self.plan.groups.push(group);
        id
    }

    /// The name of the role that a source names by its ARN or name; made where the source tells of
    /// it.
    fn role(&mut self, word: &str, user: &User) -> Result<String, Finding> {
        if let Some(role) = self.here.role(word) {
            return Ok(role.name.clone());
        }
        let is_it = |name: &str, arn: Option<&str>| arn == Some(word) || name == word;
        let planned = self.plan.roles.iter();
        let mut planned = planned.filter(|role| is_it(&role.name, role.arn.as_deref()));
        if let Some(role) = planned.next() {
            return Ok(role.name.clone());
        }
        let told = self.arriving.roles.iter();
        let mut told = told.filter(|role| is_it(&role.name, role.arn.as_deref()));
        let Some(told) = told.next() else {
            let why = format!(
                "his role {word} is not known here, and nobody could log in with it: make it with \
                 `pierhead role add`"
            );
            return Err(Finding::fault(&user.name, why));
        };
        self.make_role(told)
    }

    fn make_role(&mut self, told: &ArrivingRole) -> Result<String, Finding> {
        let about = format!("role {}", told.name);
        let name = free_name(&told.name, |name| {
            self.here.roles.iter().any(|role| role.name == name)
                || self.plan.roles.iter().any(|role| role.name == name)
        });
        let mut names = Vec::new();
        for (policy, document) in &told.policies {
            if let Err(error) = policy::Document::parse(policy, document) {
                let why = format!(
                    "its policy {policy} is not understood: {}: {}",
                    error.place(),
                    error.reason()
                );
                return Err(Finding::fault(about, why));
            }
            names.push(self.make_policy(&format!("{name}-{policy}"), document));
        }
        if names.is_empty() {
            let why = "the source does not say what it allows: its users may do nothing until it \
                       has a policy (`pierhead role set NAME --policy ..`)";
            self.plan.findings.push(Finding::note(about, why));
        }
        if let Some(arn) = &told.arn {
            let why = format!(
                "its policies hold here, and this server reaches the bucket by its own credentials: \
                 to reach it as {arn}, let that role be assumed and run `pierhead role set {name} \
                 --iam-role {arn}`"
            );
            let about = format!("role {name}");
            self.plan.findings.push(Finding::note(about, why));
        }
        self.plan.roles.push(NewRole {
            name: name.clone(),
            arn: told.arn.clone(),
            description: told.description.clone(),
            policies: names,
            ..NewRole::default()
        });
        Ok(name)
    }

    /// The name of a policy with this document.
    fn make_policy(&mut self, wanted: &str, document: &str) -> String {
        let here = &self.here.policies;
        let same = |policy: &&Policy| policy.name == short(wanted) && policy.document == document;
        if let Some(same) = here.iter().chain(&self.plan.policies).find(same) {
            return same.name.clone();
        }
        let name = free_name(wanted, |name| {
            here.iter()
                .chain(&self.plan.policies)
                .any(|policy| policy.name == name)
        });
        self.plan.policies.push(Policy {
            name: name.clone(),
            document: document.to_owned(),
            created: self.options.now,
            changed: self.options.now,
        });
        name
    }

    /// The keys that a user gets, and those that he loses: what the source has now and had then.
    fn keys(
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
            wanted.then(|| SshKey {
                id: KeyId::generate(),
                user: user.id,
                algorithm: arriving.key.algorithm().to_owned(),
                body: arriving.key.body(),
                fingerprint,
                comment: arriving.key.comment().to_owned(),
                created: self.options.now,
                bounds: arriving.bounds.clone(),
            })
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
                new.push(SshKey {
                    id: KeyId::generate(),
                    user: user.id,
                    algorithm: again.key.algorithm().to_owned(),
                    body: again.key.body(),
                    fingerprint,
                    comment: again.key.comment().to_owned(),
                    created: self.options.now,
                    bounds: again.bounds.clone(),
                });
            }
        }
        (new, lost.into_iter().map(|key| key.id).collect())
    }

    /// The password that a user is to have, where it is another than the source said last.
    fn password(
        &mut self,
        user: &User,
        arriving: &ArrivingUser,
        is_new: bool,
    ) -> Option<ArrivingPassword> {
        let wanted = arriving.password.clone();
        if is_new {
            return match wanted {
                ArrivingPassword::None => None,
                wanted => Some(wanted),
            };
        }
        let moved = self.here.moved.get(&user.id);
        let moved = moved.filter(|moved| moved.source == self.options.source);
        let then = moved.and_then(|moved| moved.password.as_deref());
        let stored = user.password_hash.as_ref();
        match &wanted {
            ArrivingPassword::None => (then.is_some() && stored.is_some()).then_some(wanted),
            ArrivingPassword::Plain(_) => {
                (!self.prepared.same.contains(&user.name)).then_some(wanted)
            }
            ArrivingPassword::Generate => (then.is_none() && stored.is_none()).then_some(wanted),
            ArrivingPassword::Hash(hash) => {
                if stored.is_some_and(|stored| stored.expose() == hash.expose()) {
                    return None;
                }
                let now = mark(&wanted, user.id);
                match then {
                    Some(then) if cannot_tell(then) && now.as_deref() == Some(then) => {
                        let why = "he has logged in since he moved; whether his password was \
                                   changed at the source since cannot be told by a hash without a \
                                   salt, so the one that he has here stays";
                        self.plan.findings.push(Finding::note(&user.name, why));
                        None
                    }
                    then => (then != now.as_deref()).then_some(wanted),
                }
            }
        }
    }
}

impl ArrivingGroup {
    /// A group of which no more is told.
    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            description: String::new(),
            permissions: policy::Permissions::ALL,
            limits: database::UserLimits::default(),
        }
    }
}

/// How a key is written down: its fingerprint, and its bounds where it has any.
fn marked(fingerprint: &str, bounds: &database::KeyBounds) -> String {
    match serde_json::to_string(bounds).as_deref() {
        Ok("{}") | Err(_) => fingerprint.to_owned(),
        Ok(bounds) => format!("{fingerprint} {bounds}"),
    }
}

fn bounded(key: &super::ArrivingKey) -> String {
    marked(&key.key.fingerprint(), &key.bounds)
}

fn fingerprints(arriving: &ArrivingUser) -> Vec<String> {
    let mut all: Vec<String> = arriving.keys.iter().map(bounded).collect();
    all.sort();
    all
}

/// Names of roles and policies have 64 characters at most.
fn short(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let fitting = name.chars().map(|c| if fits(c) { c } else { '-' });
    fitting.take(64).collect()
}

/// A name that is not taken: the wanted one, or with a number behind it.
fn free_name(wanted: &str, taken: impl Fn(&str) -> bool) -> String {
    let name = short(wanted);
    if !taken(&name) {
        return name;
    }
    let stem: String = name.chars().take(58).collect();
    let numbered = (2_u32..).map(|number| format!("{stem}-{number}"));
    numbered
        .into_iter()
        .find(|name| !taken(name))
        .unwrap_or(name)
}
