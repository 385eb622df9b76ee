//! `RoleSession`: an IAM role as a user's sessions assume it.

use crate::crc64;

/// The longest name of a session (STS API reference, AssumeRole, `RoleSessionName`), in characters.
const NAME_MAX: usize = 64;

/// An IAM role as a user's sessions assume it. Equal ones share their credentials.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoleSession {
    /// The role's ARN.
    pub role: String,
    /// What the role's trust policy wants to hear besides.
    pub external_id: Option<String>,
    /// Whose session it is, as AWS writes it down; see [`RoleSession::name_for`].
    pub name: String,
    /// The session policy: an IAM document without variables of Pierhead's. What the role itself
    /// may do and this does not allow is denied by the store.
    pub policy: Option<String>,
}

impl RoleSession {
    /// The longest session policy, in characters: STS takes no longer one.
    pub const POLICY_MAX: usize = 2_048;

    /// The name that AWS writes a user's requests down under: his own, where that has 2 to 64
    /// letters, digits and `_+=,.@-`. Else other characters become `-`, and a checksum keeps users
    /// apart whose names would look alike.
    pub fn name_for(user: &str) -> String {
        if (2..=NAME_MAX).contains(&user.len()) && user.chars().all(is_plain) {
            return user.to_owned();
        }
        let plain = user.chars().map(|c| if is_plain(c) { c } else { '-' });
        let plain: String = plain.take(NAME_MAX - 9).collect();
        format!("{plain}-{:08x}", crc64::of([user.as_bytes()]) >> 32)
    }
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_+=,.@-".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_such_as_sts_takes_and_stay_apart() {
        assert_eq!(RoleSession::name_for("acme.in@eu-1"), "acme.in@eu-1");
        let long = "x".repeat(200);
        let odd = ["a", "a b", "a/b", "\u{fc}ber", &long, &long[..199], ""];
        let mut names: Vec<String> = odd.iter().map(|name| RoleSession::name_for(name)).collect();
        for name in &names {
            assert!((2..=NAME_MAX).contains(&name.len()), "{name}");
            assert!(name.chars().all(is_plain), "{name}");
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), odd.len(), "{names:?}");
        assert!(RoleSession::name_for("a b").starts_with("a-b-"));
    }
}
