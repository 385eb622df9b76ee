//! What a move would do, user by user.

mod grants;
mod keys;
mod password;
mod planner;

use std::collections::HashMap;

use database::{Group, NewRole, Policy, SshKey, User};
use model::KeyId;
use serde::{Deserialize, Serialize};

use self::planner::Planner;
use super::arrivals::{Arrivals, ArrivingPassword};
use super::finding::{Finding, Weight};
use super::here::Here;
use super::options::Options;
use super::passwords::Prepared;
use super::profile::Profile;

/// What a move would do.
#[derive(Debug)]
pub struct Plan {
    pub(in crate::users) epoch: u64,
    pub(in crate::users) source: &'static str,
    pub(in crate::users) steps: Vec<Step>,
    /// Users of whom nothing is new.
    pub(in crate::users) unchanged: usize,
    pub(in crate::users) groups: Vec<Group>,
    pub(in crate::users) roles: Vec<NewRole>,
    pub(in crate::users) policies: Vec<Policy>,
    pub(in crate::users) findings: Vec<Finding>,
}

/// A user who is made or changed.
#[derive(Debug)]
pub(in crate::users) struct Step {
    /// As he is to be.
    pub(in crate::users) user: User,
    pub(in crate::users) is_new: bool,
    /// What changes of him.
    pub(in crate::users) changes: Vec<&'static str>,
    /// The password that he is to have, where it changes.
    pub(in crate::users) password: Option<ArrivingPassword>,
    pub(in crate::users) keys: Vec<SshKey>,
    pub(in crate::users) lost_keys: Vec<KeyId>,
    pub(in crate::users) record: Record,
    pub(in crate::users) mark: Option<String>,
}

/// What is written down of a user: all that the source said, but his password.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::users) struct Record {
    pub(in crate::users) profile: Profile,
    /// The fingerprints of his keys.
    #[serde(default)]
    pub(in crate::users) keys: Vec<String>,
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
