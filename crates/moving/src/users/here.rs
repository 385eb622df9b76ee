//! Who and what is here when a source moves in.

use std::collections::HashMap;

use database::{Database, Group, MovedUser, Policy, Role, SshKey, User};
use model::{ErrorKind, GroupId, ServerId, UserId, UserName};

use crate::{Error, Result};

/// All users of a server with their keys, and what they may be given; as of one epoch.
#[derive(Debug)]
pub struct Here {
    pub(super) server: ServerId,
    pub(super) epoch: u64,
    pub(super) users: HashMap<UserName, User>,
    pub(super) keys: HashMap<UserId, Vec<SshKey>>,
    pub(super) moved: HashMap<UserId, MovedUser>,
    pub(super) groups: Vec<Group>,
    pub(super) roles: Vec<Role>,
    pub(super) policies: Vec<Policy>,
}

impl Here {
    /// Reads them. Who changes a user afterwards makes the move fail, and it can be tried again.
    ///
    /// # Errors
    /// `Unavailable` where the database does not answer.
    pub async fn read(database: &Database, server: &ServerId) -> Result<Self> {
        let failed = |error: database::Error| {
            let kind = error.kind();
            Error::new(kind, "read", "the users who are here", error.to_string()).caused_by(error)
        };
        // First of all: what is changed while the rest is read shows in it.
        let epoch = database.revocation().epoch().await.map_err(failed)?;
        let users = database.users().list(server).await.map_err(failed)?;
        let (moved, keys) = (database.moved_users(), database.moved_users());
        let moved = moved.list(server).await.map_err(failed)?;
        let mut by_user: HashMap<UserId, Vec<SshKey>> = HashMap::new();
        for key in keys.keys(server).await.map_err(failed)? {
            by_user.entry(key.user).or_default().push(key);
        }
        Ok(Self {
            server: server.clone(),
            epoch,
            users: users
                .into_iter()
                .map(|user| (user.name.clone(), user))
                .collect(),
            keys: by_user,
            moved: moved.into_iter().map(|row| (row.user, row)).collect(),
            groups: database.groups().list(server).await.map_err(failed)?,
            roles: database.roles().list().await.map_err(failed)?,
            policies: database.policies().list().await.map_err(failed)?,
        })
    }

    /// The user of this name, if he is one of ours: not one of an identity provider.
    pub(super) fn user(&self, name: &UserName) -> Option<&User> {
        self.users.get(name)
    }

    pub(super) fn keys_of(&self, user: UserId) -> &[SshKey] {
        self.keys.get(&user).map_or(&[], Vec::as_slice)
    }

    /// The role that is known by this ARN or name.
    pub(super) fn role(&self, word: &str) -> Option<&Role> {
        let by_arn = |role: &&Role| role.arn.as_deref() == Some(word);
        let found = self.roles.iter().find(by_arn);
        found.or_else(|| self.roles.iter().find(|role| role.name == word))
    }

    pub(super) fn group(&self, name: &str) -> Option<GroupId> {
        let found = self.groups.iter().find(|group| group.name == name);
        found.map(|group| group.id)
    }
}

/// A failure of the database while all moved in.
pub(super) fn not_moved(error: database::Error) -> Error {
    let reason = match error.kind() {
        ErrorKind::Conflict => format!("{error}; nothing was changed: run it again"),
        _ if error.outcome_unknown() => {
            format!("{error}; whether it was done is not known: run it again, which does no harm")
        }
        _ => format!("{error}; nothing was changed"),
    };
    Error::new(error.kind(), "move in", "the source", reason).caused_by(error)
}
