//! A user's tree in SFTPGo: his file system, virtual folders, and permissions by folder.

use std::collections::BTreeMap;

use database::{Mapping, MappingKind};
use model::UserName;
use policy::Permissions;
use serde_json::Value;

use super::Places;
use super::permissions;
use crate::users::finding::Finding;
use crate::users::json::{list, text, texts};
use crate::users::options::home_for;
use crate::users::profile::Profile;

/// What SFTPGo says of a user's tree.
pub(super) struct Tree<'a> {
    pub(super) user: &'a Value,
    /// What his primary group gives its members.
    pub(super) primary: Option<&'a Value>,
    pub(super) dump: &'a Value,
    pub(super) places: Places<'a>,
    pub(super) name: &'a UserName,
}

impl Tree<'_> {
    /// Makes it a home, or mappings where folders differ in what may be done in them, or lie
    /// elsewhere.
    pub(super) fn plant(
        &self,
        profile: &mut Profile,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Finding> {
        let home = self.home(findings)?;
        let folders = self.folders(findings)?;
        let rights = self.rights(findings);
        let everywhere = rights.get("/").copied().unwrap_or(Permissions::NONE);
        let at = |path: &str| nearest(&rights, path).map_or(everywhere, |(_, granted)| *granted);
        profile.home_directory.clone_from(&home);
        if rights.len() <= 1 && folders.is_empty() {
            profile.permissions = everywhere;
            return Ok(());
        }
        let mut entries: BTreeMap<String, String> = BTreeMap::new();
        entries.insert("/".to_owned(), home.clone());
        entries.extend(folders);
        for path in rights.keys().filter(|path| *path != "/") {
            if !entries.contains_key(path) {
                let (above, target) = nearest(&entries, path).unwrap_or(("/", &home));
                let below = path
                    .strip_prefix(above.trim_end_matches('/'))
                    .unwrap_or(path);
                let target = format!("{}{below}", target.trim_end_matches('/'));
                entries.insert(path.clone(), target);
            }
        }
        profile.mappings = entries
            .into_iter()
            .map(|(entry, target)| {
                let granted = at(&entry);
                Mapping {
                    target,
                    kind: MappingKind::Directory,
                    permissions: (granted != Permissions::ALL).then_some(granted),
                    entry,
                }
            })
            .collect();
        Ok(())
    }

    fn home(&self, findings: &mut Vec<Finding>) -> Result<String, Finding> {
        let own = self.user.get("filesystem").unwrap_or(&Value::Null);
        let given = self.primary.and_then(|group| group.get("filesystem"));
        let filesystem = match (provider(own), given) {
            (0, Some(given)) if provider(given) != 0 => given,
            _ => own,
        };
        match provider(filesystem) {
            0 => self
                .places
                .home
                .map(|home| home_for(home, self.name))
                .ok_or_else(|| {
                    let what = "his files are on SFTPGo's disk: say with --home \
                            /BUCKET/${transfer:UserName} where they are to be";
                    Finding::fault(self.name, what)
                }),
            _ => self.bucket(filesystem, self.name.as_str(), findings),
        }
    }

    /// The bucket and prefix of a file system in S3.
    fn bucket(
        &self,
        filesystem: &Value,
        about: &str,
        findings: &mut Vec<Finding>,
    ) -> Result<String, Finding> {
        let s3 = filesystem
            .get("s3config")
            .filter(|_| provider(filesystem) == 1);
        let bucket = s3.and_then(|s3| text(s3, "bucket"));
        let (Some(s3), Some(bucket)) = (s3, bucket) else {
            let what = format!("the files of {about} are neither on a disk nor in S3");
            return Err(Finding::fault(self.name, what));
        };
        let prefix = text(s3, "key_prefix").unwrap_or_default();
        let prefix = prefix.replace("%username%", self.name.as_str());
        let at = text(s3, "endpoint").map_or(String::new(), |at| format!(" at {at}"));
        let what = format!("his files stay in the bucket {bucket}{at}: a store must reach it");
        findings.push(Finding::note(self.name, what));
        let path = format!("/{bucket}/{}", prefix.trim_matches('/'));
        Ok(path.trim_end_matches('/').to_owned())
    }

    /// Virtual folders: where he sees them, and where they are.
    fn folders(&self, findings: &mut Vec<Finding>) -> Result<BTreeMap<String, String>, Finding> {
        let given = self
            .primary
            .map_or(&[][..], |it| list(it, "virtual_folders"));
        let own = list(self.user, "virtual_folders");
        let mut found = BTreeMap::new();
        for folder in given.iter().chain(own) {
            let (Some(name), Some(path)) = (text(folder, "name"), text(folder, "virtual_path"))
            else {
                let what = "a virtual folder of his has no name or no path";
                return Err(Finding::fault(self.name, what));
            };
            let path = path.replace("%username%", self.name.as_str());
            // What a folder is stands with the folders; old versions had it in place.
            let folders = list(self.dump, "folders").iter();
            let mut known = folders.filter(|it| text(it, "name") == Some(name));
            let known = known.next().unwrap_or(folder);
            let filesystem = known.get("filesystem").unwrap_or(&Value::Null);
            let target = match (provider(filesystem), self.places.folders) {
                (0, Some(place)) => format!("{}/{name}", place.trim_end_matches('/')),
                (0, None) => {
                    let what = format!(
                        "the virtual folder {name} is on SFTPGo's disk: say with --folders \
                         /BUCKET/PREFIX where such folders are to be"
                    );
                    return Err(Finding::fault(self.name, what));
                }
                _ => self.bucket(filesystem, name, findings)?,
            };
            found.insert(path, target);
        }
        Ok(found)
    }

    /// What may be done where. The root's is the primary group's where that says something; else
    /// his own goes before the group's.
    fn rights(&self, findings: &mut Vec<Finding>) -> BTreeMap<String, Permissions> {
        let mut words: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let given = self.primary.and_then(|group| group.get("permissions"));
        for (source, is_own) in [(given, false), (self.user.get("permissions"), true)] {
            let Some(Value::Object(folders)) = source else {
                continue;
            };
            for path in folders.keys() {
                let list = texts(&Value::Object(folders.clone()), path);
                if path == "/" && is_own && words.contains_key("/") {
                    continue;
                }
                words.insert(path.replace("%username%", self.name.as_str()), list);
            }
        }
        // Where nothing is said of the root, nothing may be done in it.
        let mut rights = BTreeMap::from([("/".to_owned(), Permissions::NONE)]);
        for (path, words) in words {
            let (granted, halves) = permissions::read(&words);
            if !halves.is_empty() {
                let what = format!(
                    "in {path} he had {} alone: files and folders are not told apart here, so he \
                     has neither",
                    halves.join(", ")
                );
                findings.push(Finding::note(self.name, what));
            }
            rights.insert(path, granted);
        }
        rights
    }
}

/// The kind of a file system: 0 is the disk, 1 is S3.
fn provider(filesystem: &Value) -> u64 {
    let provider = filesystem.get("provider").and_then(Value::as_u64);
    provider.unwrap_or(0)
}

/// What holds at a path: the entry of the deepest folder that it is, or lies in.
fn nearest<'m, T>(entries: &'m BTreeMap<String, T>, path: &str) -> Option<(&'m str, &'m T)> {
    let is_in = |folder: &&String| {
        let folder = folder.trim_end_matches('/');
        path == folder
            || path
                .strip_prefix(folder)
                .is_some_and(|rest| rest.starts_with('/'))
    };
    let fitting = entries.keys().filter(is_in);
    let (folder, value) = entries.get_key_value(fitting.max_by_key(|folder| folder.len())?)?;
    Some((folder, value))
}
