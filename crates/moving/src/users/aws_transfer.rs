//! Users of AWS Transfer Family, as `aws transfer list-users` and `describe-user` print them, with
//! the policies of their roles as `aws iam` does.

use std::collections::BTreeMap;

use database::{HomeType, Mapping};
use identity::PublicKey;
use model::{ErrorKind, UserName};
use serde_json::Value;

use super::arrivals::{Arrivals, ArrivingKey, ArrivingPassword, ArrivingRole, ArrivingUser};
use super::finding::Finding;
use super::json::{documents, list, text};
use super::profile::Profile;
use super::row;
use crate::{Error, Result};

/// Reads what the two commands printed, in any number and order, and of `aws iam`:
/// `get-account-authorization-details`, `get-role`, `get-role-policy`. The value of the tag
/// `group_tag` becomes a user's group.
///
/// # Errors
/// `Invalid` where a text is not JSON to its end, or `transfer` tells of no users.
pub fn read(transfer: &[String], iam: &[String], group_tag: Option<&str>) -> Result<Arrivals> {
    let mut arrivals = Arrivals::default();
    let mut listed: Vec<String> = Vec::new();
    for file in transfer {
        for document in documents(file, "the users of AWS Transfer")? {
            if document.get("Users").is_none() && document.get("User").is_none() {
                return Err(no_users());
            }
            for user in list(&document, "Users") {
                listed.extend(text(user, "UserName").map(str::to_owned));
            }
            if let Some(told) = document.get("User") {
                let user = user(told, group_tag, &mut arrivals.findings);
                arrivals.push_or_tell(user);
            }
        }
    }
    let known = |name: &String| arrivals.users().iter().any(|it| it.name.as_str() == name);
    listed.retain(|name| !known(name));
    let missing = listed.iter().map(|name| {
        let what = "list-users names him: hand in what `aws transfer describe-user` says of him";
        Finding::fault(name, what)
    });
    let missing: Vec<Finding> = missing.collect();
    arrivals.findings.extend(missing);
    arrivals.roles = roles(&arrivals, iam)?;
    Ok(arrivals)
}

/// A text that holds something else would move nobody, and nobody would see why.
fn no_users() -> Error {
    let reason = "it has neither Users nor User: hand in what `aws transfer list-users` and \
                  `describe-user` print";
    Error::new(
        ErrorKind::Invalid,
        "read",
        "the users of AWS Transfer",
        reason,
    )
}

fn user(
    told: &Value,
    group_tag: Option<&str>,
    findings: &mut Vec<Finding>,
) -> std::result::Result<ArrivingUser, Finding> {
    let name = text(told, "UserName").unwrap_or_default();
    let name = UserName::parse(name)
        .map_err(|error| Finding::fault("describe-user", error.to_string()))?;
    if told
        .get("PosixProfile")
        .is_some_and(|posix| !posix.is_null())
    {
        let what = "his PosixProfile is for EFS, which there is none of here";
        findings.push(Finding::note(&name, what));
    }
    let group = group(told, &name, group_tag, findings);
    let Some(role) = text(told, "Role") else {
        return Err(Finding::fault(name, "describe-user names no role of his"));
    };
    let mut profile = Profile {
        group,
        role: Some(role.to_owned()),
        session_policy: text(told, "Policy").map(str::to_owned),
        ..Profile::default()
    };
    home(told, &mut profile).map_err(|why| Finding::fault(&name, why))?;
    Ok(ArrivingUser {
        password: ArrivingPassword::None,
        keys: keys(told, &name, findings),
        profile,
        name,
    })
}

/// The value of one tag; the others are told of.
fn group(
    told: &Value,
    name: &UserName,
    group_tag: Option<&str>,
    findings: &mut Vec<Finding>,
) -> Option<String> {
    let tags = list(told, "Tags").iter();
    let tags = tags.filter_map(|tag| Some((text(tag, "Key")?, text(tag, "Value"))));
    let is_group = |(key, _): &(&str, Option<&str>)| Some(*key) == group_tag;
    let (group, others): (Vec<_>, Vec<_>) = tags.partition(is_group);
    if !others.is_empty() {
        let others: Vec<&str> = others.into_iter().map(|(key, _)| key).collect();
        let what = format!("his tags have no place here: {}", others.join(", "));
        findings.push(Finding::note(name, what));
    }
    let group = group.into_iter().find_map(|(_, value)| value);
    group.map(str::to_owned)
}

fn home(told: &Value, profile: &mut Profile) -> std::result::Result<(), String> {
    let directory = text(told, "HomeDirectory");
    match text(told, "HomeDirectoryType").unwrap_or("PATH") {
        "PATH" => {
            profile.home_type = HomeType::Path;
            // A user without a directory is let in on AWS, and finds nothing that he may touch.
            let directory = directory.filter(|directory| *directory != "/");
            let why = "his HomeDirectory is missing or `/`: he has no place there, nor here";
            profile.home_directory = directory.ok_or(why)?.to_owned();
        }
        "LOGICAL" => {
            profile.home_type = HomeType::Logical;
            let mappings: Vec<row::AwsMapping> = match told.get("HomeDirectoryMappings") {
                Some(list) => serde_json::from_value(list.clone())
                    .map_err(|_| "his HomeDirectoryMappings are no list of Entry and Target")?,
                None => Vec::new(),
            };
            if mappings.is_empty() {
                return Err("his home is LOGICAL and has no HomeDirectoryMappings".to_owned());
            }
            profile.mappings = mappings.into_iter().map(Mapping::from).collect();
        }
        _ => return Err("his HomeDirectoryType is neither PATH nor LOGICAL".to_owned()),
    }
    Ok(())
}

fn keys(told: &Value, name: &UserName, findings: &mut Vec<Finding>) -> Vec<ArrivingKey> {
    let mut keys = Vec::new();
    for key in list(told, "SshPublicKeys") {
        let id = text(key, "SshPublicKeyId").unwrap_or("without an id");
        match PublicKey::parse(text(key, "SshPublicKeyBody").unwrap_or_default()) {
            Ok(key) => keys.push(key.into()),
            Err(error) => {
                let about = format!("{name}, key {id}");
                findings.push(Finding::fault(about, format!("{error}: it stays behind")));
            }
        }
    }
    keys
}

/// The roles that users name, with what IAM tells of them.
fn roles(arrivals: &Arrivals, iam: &[String]) -> Result<Vec<ArrivingRole>> {
    let mut roles: BTreeMap<String, ArrivingRole> = BTreeMap::new();
    let named = arrivals.users().iter();
    for arn in named.filter_map(|user| user.profile.role.as_deref()) {
        let name = arn.rsplit('/').next().unwrap_or(arn).to_owned();
        roles.entry(arn.to_owned()).or_insert(ArrivingRole {
            name,
            arn: Some(arn.to_owned()),
            description: String::new(),
            policies: Vec::new(),
        });
    }
    for file in iam {
        for document in documents(file, "what IAM says of roles")? {
            describe(&document, &mut roles);
        }
    }
    Ok(roles.into_values().collect())
}

fn describe(document: &Value, roles: &mut BTreeMap<String, ArrivingRole>) {
    if let Some(role) = document.get("Role")
        && let Some(known) = text(role, "Arn").and_then(|arn| roles.get_mut(arn))
    {
        known.description = text(role, "Description").unwrap_or_default().to_owned();
    }
    if let (Some(role), Some(policy)) = (text(document, "RoleName"), text(document, "PolicyName")) {
        let known = roles.values_mut().filter(|known| known.name == role);
        for known in known {
            known.give(policy, document.get("PolicyDocument"));
        }
    }
    let managed = list(document, "Policies");
    for role in list(document, "RoleDetailList") {
        let Some(known) = text(role, "Arn").and_then(|arn| roles.get_mut(arn)) else {
            continue;
        };
        for policy in list(role, "RolePolicyList") {
            let name = text(policy, "PolicyName").unwrap_or("inline");
            known.give(name, policy.get("PolicyDocument"));
        }
        for attached in list(role, "AttachedManagedPolicies") {
            let arn = text(attached, "PolicyArn");
            let policy = managed.iter().find(|policy| text(policy, "Arn") == arn);
            let name = text(attached, "PolicyName").unwrap_or("attached");
            let versions = policy.map_or(&[][..], |policy| list(policy, "PolicyVersionList"));
            let is_default = |version: &&Value| super::json::is_set(version, "IsDefaultVersion");
            let version = versions.iter().find(is_default);
            known.give(name, version.and_then(|version| version.get("Document")));
        }
    }
}

impl ArrivingRole {
    /// Adds a policy: an object, or a text that holds one. One without a document is one that is
    /// not understood, so that a role never comes over with fewer bounds than it had.
    fn give(&mut self, name: &str, document: Option<&Value>) {
        let text = match document {
            Some(Value::String(text)) => text.clone(),
            Some(object) => object.to_string(),
            None => String::new(),
        };
        self.policies.push((name.to_owned(), text));
    }
}
