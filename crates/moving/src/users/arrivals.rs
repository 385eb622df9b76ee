//! What a source holds, before anybody asked what is here.

use std::collections::HashSet;

use database::{KeyBounds, UserLimits};
use identity::PublicKey;
use model::{Secret, UserName};
use policy::Permissions;

use super::finding::Finding;
use super::profile::Profile;

/// All that a source holds.
#[derive(Debug, Default)]
pub struct Arrivals {
    users: Vec<ArrivingUser>,
    names: HashSet<UserName>,
    /// Groups that they name, where the source says more of them than a name.
    pub groups: Vec<ArrivingGroup>,
    /// Roles that they name, with the policies that the source tells of them.
    pub roles: Vec<ArrivingRole>,
    /// What is to be known of it.
    pub findings: Vec<Finding>,
}

/// A user of another server.
#[derive(Debug, Clone)]
pub struct ArrivingUser {
    /// The name that he logs in with.
    pub name: UserName,
    /// His password.
    pub password: ArrivingPassword,
    /// His keys.
    pub keys: Vec<ArrivingKey>,
    /// All else.
    pub profile: Profile,
}

/// How a password comes over.
#[derive(Debug, Clone, Default)]
pub enum ArrivingPassword {
    /// He has none.
    #[default]
    None,
    /// As a hash of a format that is taken; it was looked at.
    Hash(Secret<String>),
    /// As it is; it is hashed here.
    Plain(Secret<String>),
    /// He gets one that is made here.
    Generate,
}

/// A key, and where and until when it opens anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrivingKey {
    /// The key.
    pub key: PublicKey,
    /// Its bounds.
    pub bounds: KeyBounds,
}

impl From<PublicKey> for ArrivingKey {
    fn from(key: PublicKey) -> Self {
        Self {
            key,
            bounds: KeyBounds::default(),
        }
    }
}

/// A group of another server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrivingGroup {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What each member may do at most.
    pub permissions: Permissions,
    /// What each member may have at most.
    pub limits: UserLimits,
}

/// A role of another server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrivingRole {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: Option<String>,
    /// What it is for.
    pub description: String,
    /// Names and documents of its policies.
    pub policies: Vec<(String, String)>,
}

impl Arrivals {
    /// Its users, each name once.
    pub fn users(&self) -> &[ArrivingUser] {
        &self.users
    }

    /// The same, to be completed by what the source does not know. Names are to stay.
    pub fn users_mut(&mut self) -> &mut [ArrivingUser] {
        &mut self.users
    }

    /// The same, to be planned with.
    pub(crate) fn take_users(&mut self) -> Vec<ArrivingUser> {
        std::mem::take(&mut self.users)
    }

    /// Keeps the first user of each name; the others are faults.
    pub(crate) fn push(&mut self, user: ArrivingUser) {
        match self.names.insert(user.name.clone()) {
            true => self.users.push(user),
            false => self.findings.push(Finding::fault(
                &user.name,
                "the name stands in the source more than once: the first one counts",
            )),
        }
    }

    /// A user, or why he is none.
    pub(crate) fn push_or_tell(&mut self, read: Result<ArrivingUser, Finding>) {
        match read {
            Ok(user) => self.push(user),
            Err(finding) => self.findings.push(finding),
        }
    }
}
