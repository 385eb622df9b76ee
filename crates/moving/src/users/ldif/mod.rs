//! Users of an LDAP directory, as `ldapsearch -LLL` or `slapcat` writes them (LDIF, RFC 2849).

mod reader;

use std::collections::{BTreeMap, BTreeSet};

use identity::{PasswordHash, Passwords};
use model::{ErrorKind, Secret, Timestamp, UserName};

use self::reader::Entry;
use super::arrivals::{Arrivals, ArrivingPassword, ArrivingUser};
use super::bounds::{self, day};
use super::finding::Finding;
use super::options::home_for;
use super::profile::Profile;
use super::unix::authorized_keys;
use crate::{Error, Result};

/// What a group of the directory becomes here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupsAre {
    /// Nothing.
    #[default]
    Nothing,
    /// The user's group of the same name.
    Groups,
    /// The user's role of the same name.
    Roles,
}

/// How a directory is read.
#[derive(Debug, Clone)]
pub struct Directory<'a> {
    /// The attribute that holds the name that users log in with: `uid`, `sAMAccountName`.
    pub name: &'a str,
    /// The attribute that holds a home here (`/bucket/prefix`).
    pub home_attribute: Option<&'a str>,
    /// The home of those who have none of their own.
    pub home: Option<&'a str>,
    /// Only members of the group of this name move.
    pub only: Option<&'a str>,
    /// What groups become.
    pub groups: GroupsAre,
    /// The time.
    pub now: Timestamp,
}

/// Reads a directory. Entries without a name to log in with are no users; groups are looked for
/// among them, too.
///
/// # Errors
/// `Invalid` where the text is not LDIF, holds changes, or nobody who could move.
pub fn read(text: &str, directory: &Directory<'_>) -> Result<Arrivals> {
    let entries = reader::read(text)?;
    let groups = memberships(&entries);
    let mut arrivals = Arrivals::default();
    for entry in &entries {
        let Some(name) = entry.first(directory.name) else {
            continue;
        };
        let memberships = of(entry, &name, &groups);
        let wanted = directory.only;
        if wanted
            .is_some_and(|wanted| !memberships.iter().any(|it| it.eq_ignore_ascii_case(wanted)))
        {
            continue;
        }
        let mut findings = Vec::new();
        let user = user(entry, &name, &memberships, directory, &mut findings);
        arrivals.findings.append(&mut findings);
        arrivals.push_or_tell(user);
    }
    match arrivals.users().is_empty() && arrivals.findings.is_empty() {
        true => Err(nobody(directory)),
        false => Ok(arrivals),
    }
}

/// A directory that holds no users is most likely another one than was meant.
fn nobody(directory: &Directory<'_>) -> Error {
    let reason = match directory.only {
        Some(group) => format!("nobody in it is in the group {group}"),
        None => format!(
            "no entry has the attribute {}: say with --name-attribute which one holds the names that \
             users log in with",
            directory.name
        ),
    };
    Error::new(ErrorKind::Invalid, "read", "the directory", reason)
}

/// The groups of the directory: by the DN (in small letters) or the name of each member.
fn memberships(entries: &[Entry]) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in entries {
        let Some(group) = entry.first("cn") else {
            continue;
        };
        for attribute in ["member", "uniquemember", "memberuid"] {
            for member in entry.all(attribute) {
                let members = found.entry(normal(&member)).or_default();
                members.insert(group.clone());
            }
        }
    }
    found
}

fn of(entry: &Entry, name: &str, groups: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let own = entry.all("memberof");
    let mut all: BTreeSet<String> = own.iter().map(|dn| first_name(dn)).collect();
    for key in [normal(&entry.dn), normal(name)] {
        all.extend(groups.get(&key).into_iter().flatten().cloned());
    }
    all
}

/// DNs are compared without regard to the size of letters and the blanks behind commas.
fn normal(dn: &str) -> String {
    let parts: Vec<&str> = dn.split(',').map(str::trim).collect();
    parts.join(",").to_lowercase()
}

/// `acme` of `cn=acme,ou=groups,dc=example`.
fn first_name(dn: &str) -> String {
    let first = dn.split(',').next().unwrap_or(dn);
    let value = first.split_once('=').map_or(first, |(_, value)| value);
    value.trim().to_owned()
}

fn user(
    entry: &Entry,
    name: &str,
    memberships: &BTreeSet<String>,
    directory: &Directory<'_>,
    findings: &mut Vec<Finding>,
) -> std::result::Result<ArrivingUser, Finding> {
    let name =
        UserName::parse(name).map_err(|error| Finding::fault(&entry.dn, error.to_string()))?;
    let own = directory
        .home_attribute
        .and_then(|attribute| entry.first(attribute));
    let home = own.or_else(|| directory.home.map(str::to_owned));
    let Some(home) = home else {
        let what = "he has no home: name one for all with --home /BUCKET/${transfer:UserName}";
        return Err(Finding::fault(name, what));
    };
    let mut profile = Profile {
        home_directory: home_for(&home, &name),
        ..Profile::default()
    };
    place(&mut profile, memberships, directory.groups, &name, findings);
    standing(entry, &mut profile, directory.now, &name, findings);
    let keys: Vec<String> = entry
        .all("sshpublickey")
        .into_iter()
        .chain(entry.all("altsecurityidentities"))
        .collect();
    // Other identities than SSH keys stand there, too.
    let keys: Vec<String> = keys
        .into_iter()
        .filter(|key| key.contains(" AAAA"))
        .collect();
    Ok(ArrivingUser {
        password: password(entry, &name, findings),
        keys: authorized_keys::read(&keys.join("\n"), name.as_str(), findings),
        profile,
        name,
    })
}

fn place(
    profile: &mut Profile,
    memberships: &BTreeSet<String>,
    groups: GroupsAre,
    name: &UserName,
    findings: &mut Vec<Finding>,
) {
    let place = match groups {
        GroupsAre::Nothing => return,
        GroupsAre::Groups => &mut profile.group,
        GroupsAre::Roles => &mut profile.role,
    };
    *place = memberships.first().cloned();
    if memberships.len() > 1 {
        let all: Vec<&str> = memberships.iter().map(String::as_str).collect();
        let what = format!(
            "he is in several groups ({}): the first one counts",
            all.join(", ")
        );
        findings.push(Finding::note(name, what));
    }
}

/// Whether and until when his account is good, by what common directories say.
fn standing(
    entry: &Entry,
    profile: &mut Profile,
    now: Timestamp,
    name: &UserName,
    findings: &mut Vec<Finding>,
) {
    let says = |attribute: &str, word: &str| {
        let value = entry.first(attribute);
        value.is_some_and(|value| value.eq_ignore_ascii_case(word))
    };
    // ACCOUNTDISABLE of userAccountControl.
    let control = entry.first("useraccountcontrol");
    let control = control.and_then(|number| number.parse::<u32>().ok());
    let locked = entry.first("pwdaccountlockedtime").is_some();
    if says("nsaccountlock", "true") || locked || control.is_some_and(|bits| bits & 2 != 0) {
        profile.disabled = true;
        let what = "his account is locked or disabled there: he comes disabled";
        findings.push(Finding::note(name, what));
    }
    if says("pwdreset", "true") {
        profile.disabled = true;
        let what = "he must change his password before he gets in again, which SFTP cannot do: he \
                    comes disabled";
        findings.push(Finding::note(name, what));
    }
    let days = entry
        .first("shadowexpire")
        .and_then(|days| days.parse::<i64>().ok());
    profile.expires = days.filter(|days| *days >= 0).map(day);
    if let Some(end) = profile.expires.filter(|end| *end <= now) {
        let what = format!("his account ended on {}", bounds::date(end));
        findings.push(Finding::note(name, what));
    }
}

fn password(entry: &Entry, name: &UserName, findings: &mut Vec<Finding>) -> ArrivingPassword {
    let values = entry.all("userpassword");
    let mut why = None;
    for value in &values {
        // The empty one is of those that were no UTF-8, too.
        if value.is_empty() || value.len() > Passwords::MAX_BYTES {
            let what = "his password is empty, no text or longer than 1024 bytes: it stays behind";
            findings.push(Finding::fault(name, what));
            return ArrivingPassword::None;
        }
        match PasswordHash::parse(value) {
            Ok(_) => return ArrivingPassword::Hash(Secret::new(value.clone())),
            // What has no scheme is the password itself (RFC 4519, section 2.41).
            Err(_) if !value.starts_with('{') => {
                return ArrivingPassword::Plain(Secret::new(value.clone()));
            }
            Err(error) => why = Some(error),
        }
    }
    if let Some(error) = why {
        let scheme = values.first().and_then(|value| value.split_once('}'));
        let scheme = scheme.map_or("", |(scheme, _)| scheme);
        let locked = values.iter().any(|value| {
            let hash = value.split_once('}').map_or("", |(_, hash)| hash);
            hash.starts_with(['!', '*'])
        });
        let finding = match locked {
            true => Finding::note(name, "his password is locked: it stays behind"),
            false => {
                let scheme: String = scheme.chars().take(20).collect();
                let what = format!("his password ({scheme}}}) cannot be taken over: {error}");
                Finding::fault(name, what)
            }
        };
        findings.push(finding);
    }
    ArrivingPassword::None
}
