//! `Bounds`: what a user may do and have at most, by his own row and his group's.

use database::{Database, User, UserLimits};
use policy::Permissions;

use crate::names::Names;
use crate::{Error, Result};

/// The bounds of one session. They stay what they were at its beginning: a change ends it.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// What both grant; a mapping may grant less.
    pub(crate) permissions: Permissions,
    /// Of every limit the smaller one.
    pub(crate) limits: UserLimits,
    /// The names that both allow.
    pub(crate) names: Names,
}

impl Bounds {
    /// Reads those of a user.
    pub(crate) async fn of(user: &User, database: &Database) -> Result<Self> {
        let Some(id) = user.group else {
            return Ok(Self {
                permissions: user.permissions,
                limits: user.limits.clone(),
                names: Names::of([&user.limits]),
            });
        };
        let group = database.groups().by_id(id).await;
        let group = group.map_err(|error| Error::database("open session of", &user.name, error))?;
        // Groups with members are not removed; without its group nobody may do anything.
        let Some(group) = group else {
            return Ok(Self {
                permissions: Permissions::NONE,
                limits: user.limits.clone(),
                names: Names::default(),
            });
        };
        Ok(Self {
            permissions: user.permissions.and(group.permissions),
            limits: smaller(&user.limits, &group.limits),
            names: Names::of([&user.limits, &group.limits]),
        })
    }
}

/// Of every number the smaller one.
fn smaller(one: &UserLimits, other: &UserLimits) -> UserLimits {
    UserLimits {
        sessions: least(one.sessions, other.sessions),
        bytes: least(one.bytes, other.bytes),
        files: least(one.files, other.files),
        file_size: least(one.file_size, other.file_size),
        upload_rate: least(one.upload_rate, other.upload_rate),
        download_rate: least(one.download_rate, other.download_rate),
        ..one.clone()
    }
}

fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_limits_the_smaller_one_holds() {
        assert_eq!(least(Some(1), Some(2)), Some(1));
        assert_eq!(least(None, Some(2)), Some(2));
        assert_eq!(least(Some(1), None), Some(1));
        assert_eq!(least::<u64>(None, None), None);
    }
}
