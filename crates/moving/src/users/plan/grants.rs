//! What users are given together: groups, roles and their policies, made where there are none.

use database::{Group, NewRole, Policy, User, UserLimits};
use model::GroupId;
use policy::Permissions;

use super::planner::Planner;
use crate::users::Finding;
use crate::users::arrivals::{ArrivingGroup, ArrivingRole};

impl Planner<'_> {
    /// The group of this name; made where there is none.
    pub(super) fn group(&mut self, name: &str) -> GroupId {
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
    pub(super) fn role(&mut self, word: &str, user: &User) -> Result<String, Finding> {
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
}

impl ArrivingGroup {
    /// A group of which no more is told.
    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            description: String::new(),
            permissions: Permissions::ALL,
            limits: UserLimits::default(),
        }
    }
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
