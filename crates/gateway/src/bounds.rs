//! `Bounds`: what a user may do and have at most, by his own row and his group's.

use database::{GroupBounds, User, UserLimits};
use policy::Permissions;

use crate::names::Names;

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
    /// Those of a user and of what was found of his group.
    pub(crate) fn of(user: &User, group: Option<&GroupBounds>) -> Self {
        match (user.group, group) {
            (None, _) => Self {
                permissions: user.permissions,
                limits: user.limits.clone(),
                names: Names::of([&user.limits]),
            },
            // Groups with members are not removed; without its group nobody may do anything.
            (Some(_), None) => Self {
                permissions: Permissions::NONE,
                limits: user.limits.clone(),
                names: Names::default(),
            },
            (Some(_), Some(group)) => Self {
                permissions: user.permissions.and(group.permissions),
                limits: smaller(&user.limits, &group.limits),
                names: Names::of([&user.limits, &group.limits]),
            },
        }
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
