//! `shadow(5)`: passwords, and until when they and their accounts are good.

use std::collections::BTreeMap;

use identity::PasswordHash;
use model::{Secret, Timestamp, UserName};

use super::accounts::Account;
use crate::users::arrivals::ArrivingPassword;
use crate::users::bounds::{date, day};
use crate::users::finding::Finding;

/// A line of `shadow`. Days are counted from 1970.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    hash: Secret<String>,
    /// When the password was changed last; 0: it must be changed before he gets in again.
    changed: Option<i64>,
    /// For how many days a password is good.
    most: Option<i64>,
    /// For how many days after that it can still be changed at a login.
    inactive: Option<i64>,
    /// From which day on the account is closed.
    expires: Option<i64>,
}

/// What his account is like.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    pub(crate) password: ArrivingPassword,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) disabled: bool,
}

/// Reads `shadow`. Lines that are none are findings, which hold nothing of them.
pub(crate) fn read(text: &str, findings: &mut Vec<Finding>) -> BTreeMap<String, Entry> {
    let mut entries = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.starts_with(['#', '+', '-']) {
            continue;
        }
        match entry(line) {
            Some((name, entry)) => {
                // The first line counts, as in the C library.
                entries.entry(name).or_insert(entry);
            }
            None => findings.push(Finding::fault(
                format!("shadow, line {number}"),
                "it does not have the nine fields of shadow(5), or a number in it is none",
            )),
        }
    }
    entries
}

fn entry(line: &str) -> Option<(String, Entry)> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, hash, changed, _, most, _, inactive, expires, _] = fields.as_slice() else {
        return None;
    };
    let number = |text: &str| match text.trim() {
        "" | "-1" => Some(None),
        text => text.parse::<i64>().ok().map(Some),
    };
    let entry = Entry {
        hash: Secret::new((*hash).to_owned()),
        changed: number(changed)?,
        most: number(most)?,
        inactive: number(inactive)?,
        expires: number(expires)?,
    };
    Some(((*name).to_owned(), entry))
}

/// What an account's line means for logins from now on.
pub(crate) fn standing(
    entry: Option<&Entry>,
    account: &Account,
    now: Timestamp,
    name: &UserName,
    findings: &mut Vec<Finding>,
) -> Standing {
    let Some(entry) = entry else {
        // As long ago, when everybody could read it.
        let hash = match account.password.as_str() {
            "x" => "*",
            old => old,
        };
        return Standing {
            password: password(hash, name, findings),
            ..Standing::default()
        };
    };
    let today = now.as_seconds().div_euclid(86_400);
    let mut standing = Standing {
        password: password(entry.hash.expose(), name, findings),
        expires: entry.expires.map(day),
        disabled: false,
    };
    if let Some(closed) = entry.expires.filter(|closed| *closed <= today) {
        let what = format!("his account ended on {}", date(day(closed)));
        findings.push(Finding::note(name, what));
    }
    let good_until = good_until(entry);
    let must_change = entry.changed == Some(0) || good_until.is_some_and(|last| last < today);
    let has_password = !matches!(standing.password, ArrivingPassword::None);
    if must_change && (has_password || entry.changed == Some(0)) {
        standing.disabled = true;
        let why = "he must change his password before he gets in again, which SFTP cannot do: he \
                   comes disabled. `pierhead user passwd`, then `pierhead user disable --undo`";
        findings.push(Finding::note(name, why));
    } else if let Some(last) = good_until.filter(|_| has_password) {
        let what = format!(
            "his password would have had to be changed after {}: passwords do not get old here",
            date(day(last))
        );
        findings.push(Finding::note(name, what));
    }
    standing
}

/// The last day that the password is good on; none where it does not get old.
fn good_until(entry: &Entry) -> Option<i64> {
    // 99,999 days is how `shadow` says never.
    let most = entry.most.filter(|most| *most < 99_999)?;
    let changed = entry.changed.filter(|changed| *changed > 0)?;
    // Within `inactive` days he may still change it at a login, which SFTP cannot do.
    let _ = entry.inactive;
    changed.checked_add(most)
}

fn password(hash: &str, name: &UserName, findings: &mut Vec<Finding>) -> ArrivingPassword {
    let mut note = |what: &str| findings.push(Finding::note(name, what));
    match hash.trim() {
        "" => {
            note("his password is empty, which nobody gets in with here");
            ArrivingPassword::None
        }
        locked if locked.starts_with(['!', '*']) => {
            if PasswordHash::parse(locked.trim_start_matches(['!', '*'])).is_ok() {
                note("his password is locked (`!`): it stays behind");
            }
            ArrivingPassword::None
        }
        hash => match PasswordHash::parse(hash) {
            Ok(_) => ArrivingPassword::Hash(Secret::new(hash.to_owned())),
            Err(error) => {
                let why = format!("his password cannot be taken over: {error}");
                findings.push(Finding::fault(name, why));
                ArrivingPassword::None
            }
        },
    }
}
