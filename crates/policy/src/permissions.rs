//! A set of actions, as a mount grants it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Action;

/// A word that names no action. A set that holds one is refused whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a permission: read, list, write, overwrite, rename, delete, mkdir, all or none"
)]
pub struct UnknownAction(String);

/// A set of [`Action`]s. What is not in it is denied. Written as names between commas, in a
/// fixed order: `read,list`; `all` and `none` stand for the two ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Permissions(u8);

impl Permissions {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Everything.
    pub const ALL: Self = Self(0b111_1111);
    /// Reading and listing.
    pub const READ_ONLY: Self = Self(bit(Action::Read) | bit(Action::List));

    /// Whether `action` is granted.
    pub fn allows(self, action: Action) -> bool {
        self.0 & bit(action) != 0
    }

    /// The same and `action`.
    #[must_use]
    pub fn with(self, action: Action) -> Self {
        Self(self.0 | bit(action))
    }

    /// The same without `action`.
    #[must_use]
    pub fn without(self, action: Action) -> Self {
        Self(self.0 & !bit(action))
    }

    /// What both grant.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The actions in the set.
    pub fn actions(self) -> impl Iterator<Item = Action> {
        Action::ALL
            .into_iter()
            .filter(move |action| self.allows(*action))
    }
}

const fn bit(action: Action) -> u8 {
    1 << action as u8
}

impl FromIterator<Action> for Permissions {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> Self {
        actions.into_iter().fold(Self::NONE, Self::with)
    }
}

impl FromStr for Permissions {
    type Err = UnknownAction;

    fn from_str(text: &str) -> Result<Self, UnknownAction> {
        match text.trim() {
            "all" => Ok(Self::ALL),
            "none" => Ok(Self::NONE),
            list => list.split(',').map(str::trim).map(action).collect(),
        }
    }
}

fn action(name: &str) -> Result<Action, UnknownAction> {
    Action::ALL
        .into_iter()
        .find(|action| action.as_str() == name)
        .ok_or_else(|| UnknownAction(name.chars().take(40).collect()))
}

impl TryFrom<String> for Permissions {
    type Error = UnknownAction;

    fn try_from(text: String) -> Result<Self, UnknownAction> {
        text.parse()
    }
}

impl From<Permissions> for String {
    fn from(permissions: Permissions) -> Self {
        permissions.to_string()
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ALL => return f.write_str("all"),
            Self::NONE => return f.write_str("none"),
            _ => {}
        }
        for (position, action) in self.actions().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            write!(f, "{comma}{action}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permissions({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn read_only_allows_nothing_that_changes() {
        for action in Action::ALL {
            let reading = matches!(action, Action::Read | Action::List);
            assert_eq!(Permissions::READ_ONLY.allows(action), reading, "{action}");
            assert!(Permissions::ALL.allows(action));
            assert!(!Permissions::NONE.allows(action));
        }
    }

    #[test]
    fn a_set_with_an_unknown_word_is_refused_whole() {
        for text in ["read,wriet", "", "read,,list", "READ", "all,read", "*"] {
            assert!(text.parse::<Permissions>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_both_grant_is_what_each_grants() {
        let sender = Permissions::ALL.without(Action::Read).without(Action::List);
        assert_eq!(sender.and(Permissions::READ_ONLY), Permissions::NONE);
        assert_eq!(sender.and(Permissions::ALL), sender);
    }

    proptest! {
        #[test]
        fn sets_read_back_what_they_print(bits in 0u8..128) {
            let set: Permissions = Action::ALL
                .into_iter()
                .filter(|action| bits & bit(*action) != 0)
                .collect();
            prop_assert_eq!(set.to_string().parse::<Permissions>(), Ok(set));
        }
    }
}
