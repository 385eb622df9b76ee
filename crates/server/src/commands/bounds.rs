//! What somebody may do and have at most, as commands read it, change it and print it.

use std::str::FromStr;

use anyhow::Context as _;
use database::{Mapping, MappingKind, User, UserChanges, UserLimits};
use policy::Permissions;
use serde_json::json;

use crate::cli::{BoundsArgs, MemberArgs};
use crate::config::ByteSize;
use crate::target::State;

/// How a limit is taken away.
const NONE: &str = "none";

impl BoundsArgs {
    /// The permissions that were named.
    pub(super) fn permissions(&self) -> anyhow::Result<Option<Permissions>> {
        let parsed = self.permissions.as_deref().map(str::parse);
        Ok(parsed.transpose()?)
    }

    /// These limits over `old` ones; none where none was named.
    pub(super) fn limits(&self, old: &UserLimits) -> anyhow::Result<Option<UserLimits>> {
        let limits = UserLimits {
            sessions: number("--max-sessions", self.max_sessions.as_ref(), old.sessions)?,
            bytes: size("--max-bytes", self.max_bytes.as_ref(), old.bytes)?,
            files: number("--max-files", self.max_files.as_ref(), old.files)?,
            file_size: size(
                "--max-file-size",
                self.max_file_size.as_ref(),
                old.file_size,
            )?,
            allowed_names: names(self.allow_names.as_ref(), &old.allowed_names),
            denied_names: names(self.deny_names.as_ref(), &old.denied_names),
            upload_rate: size("--upload-rate", self.upload_rate.as_ref(), old.upload_rate)?,
            download_rate: size(
                "--download-rate",
                self.download_rate.as_ref(),
                old.download_rate,
            )?,
        };
        Ok((limits != *old).then_some(limits))
    }
}

/// What is to change of a user's group, tree, rights and limits.
pub(super) async fn changes_of(
    arguments: &MemberArgs,
    user: &User,
    state: &State,
) -> anyhow::Result<UserChanges> {
    let group = match arguments.group.as_deref() {
        None => None,
        Some(NONE) => Some(None),
        Some(name) => Some(Some(state.group(name).await?.id)),
    };
    let mappings = arguments.map.iter().map(|text| mapping(text));
    let mappings = mappings.collect::<anyhow::Result<Vec<_>>>()?;
    let mappings = (!mappings.is_empty()).then_some(mappings);
    if let Some(mappings) = &mappings {
        let name = &user.name;
        anyhow::ensure!(
            user.provider.is_none(),
            "the mappings of {name} are what the identity provider says at each login"
        );
        gateway::check_home(name, user.home_type, &user.home_directory, mappings)?;
    }
    let limits = arguments.bounds.limits(&user.limits)?;
    if let Some(limits) = &limits {
        gateway::check_limits(limits)?;
    }
    Ok(UserChanges {
        group,
        mappings,
        permissions: arguments.bounds.permissions()?,
        limits,
        ..UserChanges::default()
    })
}

/// `ENTRY=/BUCKET/TARGET`, with `:PERMISSIONS` behind it where less may be done there. A target
/// that is one object says `file:` before it.
pub(super) fn mapping(text: &str) -> anyhow::Result<Mapping> {
    moving::users::mapping(text).map_err(|why| anyhow::anyhow!("--map {why}"))
}

fn number<T: FromStr>(
    option: &str,
    given: Option<&String>,
    old: Option<T>,
) -> anyhow::Result<Option<T>> {
    parsed(given, old, |text| {
        let number = text.parse().ok();
        number.with_context(|| format!("{option} {text:?} is not a number, nor `none`"))
    })
}

fn size(option: &str, given: Option<&String>, old: Option<u64>) -> anyhow::Result<Option<u64>> {
    parsed(given, old, |text| {
        let size = ByteSize::from_str(text);
        let size = size.map_err(anyhow::Error::msg);
        Ok(size.with_context(|| option.to_owned())?.bytes())
    })
}

fn parsed<T>(
    given: Option<&String>,
    old: Option<T>,
    parse: impl FnOnce(&str) -> anyhow::Result<T>,
) -> anyhow::Result<Option<T>> {
    match given.map(String::as_str) {
        None => Ok(old),
        Some(NONE) => Ok(None),
        Some(text) => parse(text).map(Some),
    }
}

fn names(given: Option<&String>, old: &[String]) -> Vec<String> {
    match given.map(String::as_str) {
        None => old.to_vec(),
        Some(NONE) => Vec::new(),
        Some(list) => {
            let names = list.split(',').map(str::trim);
            names
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect()
        }
    }
}

/// Prints the limits that there are, a line each.
pub(super) fn print(limits: &UserLimits) {
    let numbers = [
        ("sessions", limits.sessions.map(u64::from), ""),
        ("bytes", limits.bytes, " bytes"),
        ("files", limits.files, ""),
        ("file size", limits.file_size, " bytes"),
        ("upload", limits.upload_rate, " bytes/s"),
        ("download", limits.download_rate, " bytes/s"),
    ];
    for (name, limit, unit) in numbers {
        if let Some(limit) = limit {
            println!("{name:<10} at most {limit}{unit}");
        }
    }
    for (name, list) in [
        ("names", &limits.allowed_names),
        ("no names", &limits.denied_names),
    ] {
        if !list.is_empty() {
            println!("{name:<10} {}", list.join(", "));
        }
    }
}

/// Mappings as JSON.
pub(super) fn mappings_as_json(mappings: &[Mapping]) -> Vec<serde_json::Value> {
    let as_json = |mapping: &Mapping| {
        let mut value = json!({ "entry": mapping.entry, "target": mapping.target });
        if mapping.kind == MappingKind::File {
            value["type"] = json!("FILE");
        }
        if let Some(permissions) = mapping.permissions {
            value["permissions"] = json!(permissions.to_string());
        }
        value
    };
    mappings.iter().map(as_json).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_name_entry_target_kind_and_permissions() {
        for (text, target, kind, permissions) in [
            ("/in=/b/in", "/b/in", MappingKind::Directory, None),
            (
                "/in=/b/in:read,list",
                "/b/in",
                MappingKind::Directory,
                Some(Permissions::READ_ONLY),
            ),
            (
                "/p.csv=file:/b/p.csv:none",
                "/b/p.csv",
                MappingKind::File,
                Some(Permissions::NONE),
            ),
            ("/in=/b/a:b", "/b/a:b", MappingKind::Directory, None),
        ] {
            let found = mapping(text).unwrap();
            assert_eq!(
                (found.entry.is_empty(), found.target.as_str(), found.kind),
                (false, target, kind),
                "{text}"
            );
            assert_eq!(found.permissions, permissions, "{text}");
        }
        mapping("/in").unwrap_err();
    }
}
