//! Users of SFTPGo, as its `dumpdata` writes them.

mod groups;
mod permissions;
mod tree;

use database::UserLimits;
use identity::{AuthenticationMethods, PasswordHash, PublicKey};
use model::{ErrorKind, Secret, Timestamp, UserName};
use serde_json::Value;

use self::tree::Tree;
use super::arrivals::{Arrivals, ArrivingGroup, ArrivingKey, ArrivingPassword, ArrivingUser};
use super::bounds;
use super::finding::Finding;
use super::json::{documents, is_set, list, number, text, texts};
use super::profile::Profile;
use crate::{Error, Result};

/// Where local folders of a dump are to be.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// The home of users whose files are on SFTPGo's disk: `/inbox/${transfer:UserName}`.
    pub home: Option<&'a str>,
    /// What virtual folders on SFTPGo's disk go below, by their names: `/shared`.
    pub folders: Option<&'a str>,
}

/// Reads a dump.
///
/// # Errors
/// `Invalid` where it is not JSON, or no dump.
pub fn read(dump: &str, places: Places<'_>) -> Result<Arrivals> {
    let documents = documents(dump, "the dump of SFTPGo")?;
    let [dump] = documents.as_slice() else {
        return Err(not_a_dump("it holds more than one document"));
    };
    if dump.get("users").is_none_or(|users| !users.is_array()) {
        return Err(not_a_dump("it has no list of users"));
    }
    let mut arrivals = Arrivals::default();
    for (kind, why) in [
        ("admins", "staff have accounts of their own here"),
        ("api_keys", "they open SFTPGo's own API"),
        ("shares", "links to files are not served here"),
        ("event_rules", "make them anew"),
        ("roles", "they are about SFTPGo's staff"),
    ] {
        let count = list(dump, kind).len();
        if count > 0 {
            let what = format!("{count} of them stay behind: {why}");
            arrivals.findings.push(Finding::note(kind, what));
        }
    }
    arrivals.groups = list(dump, "groups").iter().filter_map(group).collect();
    for told in list(dump, "users") {
        let mut findings = Vec::new();
        let user = user(told, dump, places, &mut findings);
        arrivals.findings.append(&mut findings);
        arrivals.push_or_tell(user);
    }
    Ok(arrivals)
}

fn not_a_dump(reason: &str) -> Error {
    Error::new(ErrorKind::Invalid, "read", "the dump of SFTPGo", reason)
}

/// A group with what each member may have at most. Homes and rights of primary groups are given to
/// their members one by one: they may hold `%username%`.
fn group(told: &Value) -> Option<ArrivingGroup> {
    let settings = told.get("user_settings").unwrap_or(&Value::Null);
    Some(ArrivingGroup {
        name: text(told, "name")?.to_owned(),
        description: text(told, "description").unwrap_or_default().to_owned(),
        permissions: ::policy::Permissions::ALL,
        limits: limits(settings),
    })
}

fn user(
    told: &Value,
    dump: &Value,
    places: Places<'_>,
    findings: &mut Vec<Finding>,
) -> std::result::Result<ArrivingUser, Finding> {
    let name = text(told, "username").unwrap_or_default();
    let name = UserName::parse(name).map_err(|error| Finding::fault("user", error.to_string()))?;
    let filters = &groups::filters(told, dump);
    if texts(filters, "denied_protocols")
        .iter()
        .any(|it| it == "SSH")
    {
        return Err(Finding::skipped(name, "he may not use SSH there"));
    }
    if is_set(filters, "is_anonymous") {
        return Err(Finding::skipped(
            name,
            "he is anonymous, which nobody is here",
        ));
    }
    if !list(filters, "access_time").is_empty() {
        let what = "the hours that he may come in (access_time) cannot be kept here";
        return Err(Finding::fault(name, what));
    }
    odd(filters, &name, findings);
    let mut profile = Profile {
        limits: limits(told),
        methods: methods(filters).map(|methods| methods.to_string()),
        expires: number(told, "expiration_date").map(|millis| {
            let seconds = i64::try_from(millis / 1_000).unwrap_or(i64::MAX);
            Timestamp::from_seconds(seconds)
        }),
        // 1 is active; a dump that does not say is of an old version, whose users were.
        disabled: told.get("status").and_then(Value::as_i64).unwrap_or(1) != 1,
        ..Profile::default()
    };
    let (allow, deny) = (texts(filters, "allowed_ip"), texts(filters, "denied_ip"));
    profile.networks = bounds::networks(allow, deny)
        .map_err(|why| Finding::fault(&name, format!("his networks: {why}")))?;
    patterns(filters, &mut profile.limits, &name, findings)?;
    profile.disabled |= kept_out(filters, &name, findings);
    let primary = groups::membership(told, dump, &mut profile, &name, findings);
    let tree = Tree {
        user: told,
        primary,
        dump,
        places,
        name: &name,
    };
    tree.plant(&mut profile, findings)?;
    Ok(ArrivingUser {
        password: password(told, &name, findings),
        keys: keys(told, &name, findings),
        profile,
        name,
    })
}

/// What has no place here, and is told.
fn odd(filters: &Value, name: &UserName, findings: &mut Vec<Finding>) {
    for (found, what) in [
        (
            is_set(filters, "require_password_change"),
            "he was to change his password, which SFTP cannot do",
        ),
        (
            number(filters, "password_expiration").is_some(),
            "passwords do not get old here",
        ),
    ] {
        if found {
            findings.push(Finding::note(name, what));
        }
    }
}

/// Whether he must stay outside at first, so that he does not get in by less than there.
fn kept_out(filters: &Value, name: &UserName, findings: &mut Vec<Finding>) -> bool {
    let totp = filters.get("totp_config").unwrap_or(&Value::Null);
    let over_ssh = texts(totp, "protocols").iter().any(|it| it == "SSH");
    let denied = texts(filters, "denied_login_methods");
    let is_denied = |method: &str| denied.iter().any(|it| it == method);
    for (found, what) in [
        (
            is_set(totp, "enabled") && over_ssh,
            "his one-time passwords are sealed by SFTPGo, so he comes disabled: `pierhead user totp \
             enrol` gives him new ones, then `pierhead user disable --undo`",
        ),
        (
            EVERY_METHOD.iter().all(|method| is_denied(method)),
            "every way to log in is denied to him there: he comes disabled",
        ),
    ] {
        if found {
            findings.push(Finding::note(name, what));
            return true;
        }
    }
    false
}

/// All that SFTPGo lets users log in by over SSH.
const EVERY_METHOD: [&str; 5] = [
    "publickey",
    "password",
    "keyboard-interactive",
    "publickey+password",
    "publickey+keyboard-interactive",
];

/// Limits of a user, or of a group's members. Zero is none.
fn limits(told: &Value) -> UserLimits {
    let filters = told.get("filters").unwrap_or(&Value::Null);
    // Rates are in KiB a second there.
    let rate = |name| number(told, name).map(|kib| kib.saturating_mul(1024));
    let sessions = number(told, "max_sessions");
    UserLimits {
        sessions: sessions.map(|number| u32::try_from(number).unwrap_or(u32::MAX)),
        bytes: number(told, "quota_size"),
        files: number(told, "quota_files"),
        file_size: number(filters, "max_upload_file_size"),
        upload_rate: rate("upload_bandwidth"),
        download_rate: rate("download_bandwidth"),
        ..UserLimits::default()
    }
}

/// Patterns of names. Those that deny in one folder deny in all: that takes away rather than gives.
fn patterns(
    filters: &Value,
    limits: &mut UserLimits,
    name: &UserName,
    findings: &mut Vec<Finding>,
) -> std::result::Result<(), Finding> {
    for rule in list(filters, "file_patterns") {
        let path = text(rule, "path").unwrap_or("/");
        let (allowed, denied) = (
            texts(rule, "allowed_patterns"),
            texts(rule, "denied_patterns"),
        );
        if path != "/" && !allowed.is_empty() {
            let what = format!("names that are allowed in {path} alone cannot be kept");
            return Err(Finding::fault(name, what));
        }
        if path != "/" && !denied.is_empty() {
            let what = format!("names that were denied in {path} are denied everywhere here");
            findings.push(Finding::note(name, what));
        }
        limits.allowed_names.extend(allowed);
        limits.denied_names.extend(denied);
    }
    limits.denied_names.dedup();
    Ok(())
}

/// What he has to show, by what is denied.
fn methods(filters: &Value) -> Option<AuthenticationMethods> {
    let denied = texts(filters, "denied_login_methods");
    let is_denied = |method: &str| denied.iter().any(|it| it == method);
    let key = !is_denied("publickey");
    let password = !(is_denied("password") || is_denied("password-over-SSH"))
        || !is_denied("keyboard-interactive");
    match (key, password) {
        _ if denied.is_empty() => None,
        (true, true) => Some(AuthenticationMethods::PublicKeyOrPassword),
        (true, false) => Some(AuthenticationMethods::PublicKey),
        (false, true) => Some(AuthenticationMethods::Password),
        (false, false) => Some(AuthenticationMethods::PublicKeyAndPassword),
    }
}

fn password(told: &Value, name: &UserName, findings: &mut Vec<Finding>) -> ArrivingPassword {
    let Some(stored) = text(told, "password") else {
        return ArrivingPassword::None;
    };
    match PasswordHash::parse(stored) {
        Ok(_) => ArrivingPassword::Hash(Secret::new(stored.to_owned())),
        Err(error) => {
            let what = format!("his password cannot be taken over: {error}");
            findings.push(Finding::fault(name, what));
            ArrivingPassword::None
        }
    }
}

fn keys(told: &Value, name: &UserName, findings: &mut Vec<Finding>) -> Vec<ArrivingKey> {
    let mut keys = Vec::new();
    for (number, key) in (1..).zip(texts(told, "public_keys")) {
        match PublicKey::parse(&key) {
            Ok(key) => keys.push(key.into()),
            Err(error) => {
                let about = format!("{name}, key {number}");
                findings.push(Finding::fault(about, format!("{error}: it stays behind")));
            }
        }
    }
    keys
}
