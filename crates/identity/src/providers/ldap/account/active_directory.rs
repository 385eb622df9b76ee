//! The state of an account in Active Directory (MS-ADTS section 2.2.16, MS-SAMR).

use model::Timestamp;

use super::super::client::Entry;
use super::super::refusal::Refusal;
use super::State;
use super::time::file_time;

/// What is read.
pub(super) const ATTRIBUTES: [&str; 5] = [
    CONTROL,
    COMPUTED,
    "accountExpires",
    "pwdLastSet",
    "logonHours",
];

const CONTROL: &str = "userAccountControl";
/// Flags that time switches, so that they stand nowhere and are worked out when they are read.
const COMPUTED: &str = "msDS-User-Account-Control-Computed";

const DISABLED: i64 = 0x2;
const LOCKED: i64 = 0x10;
const PASSWORD_EXPIRED: i64 = 0x80_0000;

pub(super) fn state(entry: &Entry, now: Timestamp) -> Result<State, String> {
    let control = flags(entry, CONTROL)?;
    let computed = flags(entry, COMPUTED)?;
    let expires = entry.number("accountExpires").and_then(file_time);
    let refusal = if control & DISABLED != 0 {
        Some(Refusal::Disabled)
    } else if expires.is_some_and(|at| at <= now) {
        Some(Refusal::AccountExpired)
    } else if computed & LOCKED != 0 {
        Some(Refusal::Locked)
    } else if computed & PASSWORD_EXPIRED != 0 {
        Some(match entry.number("pwdLastSet") {
            Some(0) => Refusal::MustChangePassword,
            _ => Refusal::PasswordExpired,
        })
    } else if !within_hours(entry, now) {
        Some(Refusal::LogonHours)
    } else {
        None
    };
    Ok(State { refusal, expires })
}

fn flags(entry: &Entry, name: &str) -> Result<i64, String> {
    entry.number(name).ok_or_else(|| {
        format!("the account that searches cannot read `{name}`, so nobody knows whether the user may come in")
    })
}

/// One bit for each hour of a week in UTC, from Sunday midnight on. None is no limit.
fn within_hours(entry: &Entry, now: Timestamp) -> bool {
    let Some(hours) = entry
        .values("logonHours")
        .first()
        .filter(|it| it.len() == 21)
    else {
        return true;
    };
    // 1970 began on a Thursday.
    let hour = (now.as_seconds().div_euclid(3600) + 4 * 24).rem_euclid(7 * 24);
    // Below 168.
    let hour = hour as usize;
    hours
        .get(hour / 8)
        .is_some_and(|byte| byte >> (hour % 8) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_273_103);

    fn entry(values: &[(&str, &str)]) -> Entry {
        let mut entry = Entry::new("cn=a");
        let usual = [(CONTROL, "512"), (COMPUTED, "0"), ("accountExpires", "0")];
        for (name, value) in usual.iter().chain(values) {
            if !values.iter().any(|(other, _)| other == name) || values.contains(&(*name, *value)) {
                entry.insert(name, vec![value.as_bytes().to_vec()]);
            }
        }
        entry
    }

    #[test]
    fn states_are_told_apart() {
        for (values, refusal) in [
            (&[][..], None),
            (&[(CONTROL, "514")], Some(Refusal::Disabled)),
            (&[(COMPUTED, "16")], Some(Refusal::Locked)),
            (
                &[("accountExpires", "134397000000000000")],
                Some(Refusal::AccountExpired),
            ),
            (&[("accountExpires", "9223372036854775807")], None),
            (
                &[(COMPUTED, "8388608"), ("pwdLastSet", "0")],
                Some(Refusal::MustChangePassword),
            ),
            (
                &[(COMPUTED, "8388608"), ("pwdLastSet", "134390000000000000")],
                Some(Refusal::PasswordExpired),
            ),
        ] {
            assert_eq!(
                state(&entry(values), NOW).unwrap().refusal,
                refusal,
                "{values:?}"
            );
        }
    }

    #[test]
    fn an_account_whose_state_is_hidden_is_an_error() {
        let error = state(&Entry::new("cn=a"), NOW).unwrap_err();
        assert!(error.contains(CONTROL), "{error}");
    }

    #[test]
    fn hours_are_counted_from_sunday_in_utc() {
        // NOW is Saturday, 14:58.
        let mut hours = vec![0; 21];
        let mut entry = entry(&[]);
        entry.insert("logonHours", vec![hours.clone()]);
        assert_eq!(
            state(&entry, NOW).unwrap().refusal,
            Some(Refusal::LogonHours)
        );
        hours[(6 * 24 + 14) / 8] = 1 << ((6 * 24 + 14) % 8);
        let mut entry = self::entry(&[]);
        entry.insert("logonHours", vec![hours]);
        assert_eq!(state(&entry, NOW).unwrap().refusal, None);
        let later = NOW.plus(std::time::Duration::from_secs(120));
        assert_eq!(
            state(&entry, later).unwrap().refusal,
            Some(Refusal::LogonHours)
        );
    }
}
