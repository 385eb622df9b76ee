//! The state of an account elsewhere: the password policy overlay of OpenLDAP and its kin
//! (draft-behera-ldap-password-policy), 389 Directory Server, and shadow accounts (RFC 2307).

use model::Timestamp;

use super::super::client::Entry;
use super::super::refusal::Refusal;
use super::time::generalized;
use super::{Policy, State};

/// What is read.
pub(super) const ATTRIBUTES: [&str; 8] = [
    "pwdAccountLockedTime",
    "pwdReset",
    "pwdChangedTime",
    "pwdStartTime",
    "pwdEndTime",
    "pwdPolicySubentry",
    "nsAccountLock",
    "shadowExpire",
];

pub(super) fn state(entry: &Entry, policy: &Policy, now: Timestamp) -> Result<State, String> {
    let starts = time(entry, "pwdStartTime")?;
    let expires = earlier(time(entry, "pwdEndTime")?, shadow_expires(entry));
    let over = starts.is_some_and(|at| at > now) || expires.is_some_and(|at| at <= now);
    let refusal = if is_true(entry, "nsAccountLock") {
        Some(Refusal::Disabled)
    } else if over {
        Some(Refusal::AccountExpired)
    } else if is_locked(entry, policy, now) {
        Some(Refusal::Locked)
    } else if is_true(entry, "pwdReset") {
        Some(Refusal::MustChangePassword)
    } else if is_password_old(entry, policy, now) {
        Some(Refusal::PasswordExpired)
    } else {
        None
    };
    Ok(State { refusal, expires })
}

fn is_true(entry: &Entry, name: &str) -> bool {
    entry
        .text(name)
        .is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

fn time(entry: &Entry, name: &str) -> Result<Option<Timestamp>, String> {
    let Some(text) = entry.text(name) else {
        return Ok(None);
    };
    match generalized(text) {
        Some(time) => Ok(Some(time)),
        None => Err(format!("`{name}` holds no time in UTC")),
    }
}

/// A day since 1970 on which the account is not to be used any more.
fn shadow_expires(entry: &Entry) -> Option<Timestamp> {
    let day = entry.number("shadowExpire").filter(|day| *day >= 0)?;
    Some(Timestamp::from_seconds(day.saturating_mul(86_400)))
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

/// The time stays in the entry when the lock is over, until the next bind. A lock of which
/// nobody knows how long it holds, holds.
fn is_locked(entry: &Entry, policy: &Policy, now: Timestamp) -> bool {
    let Some(text) = entry.text("pwdAccountLockedTime") else {
        return false;
    };
    match (generalized(text), policy.lockout) {
        (Some(since), Some(lockout)) if since.as_seconds() > 0 => since.plus(lockout) > now,
        _ => true,
    }
}

fn is_password_old(entry: &Entry, policy: &Policy, now: Timestamp) -> bool {
    let changed = entry.text("pwdChangedTime").and_then(generalized);
    match (changed, policy.max_age) {
        (Some(changed), Some(age)) => changed.plus(age) <= now,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_273_103);

    fn refusal(name: &str, value: &str, policy: &Policy) -> Option<Refusal> {
        let mut entry = Entry::new("uid=a");
        entry.insert(name, vec![value.as_bytes().to_vec()]);
        state(&entry, policy, NOW).unwrap().refusal
    }

    #[test]
    fn states_are_told_apart() {
        let policy = Policy {
            max_age: Some(Duration::from_secs(3600)),
            lockout: Some(Duration::from_secs(600)),
        };
        for (name, value, expected) in [
            ("cn", "x", None),
            ("nsAccountLock", "TRUE", Some(Refusal::Disabled)),
            ("pwdReset", "TRUE", Some(Refusal::MustChangePassword)),
            ("pwdReset", "FALSE", None),
            (
                "pwdAccountLockedTime",
                "20261121145500Z",
                Some(Refusal::Locked),
            ),
            ("pwdAccountLockedTime", "20261121144000Z", None),
            (
                "pwdAccountLockedTime",
                "000001010000Z",
                Some(Refusal::Locked),
            ),
            ("pwdAccountLockedTime", "who knows", Some(Refusal::Locked)),
            ("pwdChangedTime", "20261121145000Z", None),
            (
                "pwdChangedTime",
                "20261121135000Z",
                Some(Refusal::PasswordExpired),
            ),
            (
                "pwdEndTime",
                "20261121145000Z",
                Some(Refusal::AccountExpired),
            ),
            (
                "pwdStartTime",
                "20261122000000Z",
                Some(Refusal::AccountExpired),
            ),
            ("shadowExpire", "20000", Some(Refusal::AccountExpired)),
            ("shadowExpire", "-1", None),
            ("shadowExpire", "99999", None),
        ] {
            assert_eq!(refusal(name, value, &policy), expected, "{name}: {value}");
        }
    }

    #[test]
    fn a_lock_without_a_known_end_holds() {
        let long_ago = refusal(
            "pwdAccountLockedTime",
            "20200101000000Z",
            &Policy::default(),
        );
        assert_eq!(long_ago, Some(Refusal::Locked));
    }

    #[test]
    fn a_time_that_cannot_be_read_admits_nobody() {
        let mut entry = Entry::new("uid=a");
        entry.insert("pwdEndTime", vec![b"tomorrow".to_vec()]);
        assert!(state(&entry, &Policy::default(), NOW).is_err());
    }
}
