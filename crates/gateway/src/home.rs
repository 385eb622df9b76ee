//! A user's home and mappings, as his row holds them, become his tree.

use database::{HomeType, Mapping, MappingKind, User};
use model::{ErrorKind, UserName};
use policy::Permissions;

use crate::mount::{MountKind, Mounts};
use crate::{Error, Result};

/// As many as AWS Transfer takes.
const MOST_MAPPINGS: usize = 50_000;

/// Checks a home and mappings before they are stored, in the way that a login will read them.
///
/// # Errors
/// `Denied`, naming the text that cannot be used and why.
pub fn check_home(
    name: &UserName,
    home_type: HomeType,
    home_directory: &str,
    mappings: &[Mapping],
) -> Result<()> {
    read(name, home_type, home_directory, mappings, Permissions::NONE).map(drop)
}

/// The tree of a user, who may do what is `granted` in it at most.
pub(crate) fn mounts(user: &User, granted: Permissions) -> Result<Mounts> {
    let (home, mappings) = (&user.home_directory, &user.mappings);
    read(&user.plain(), user.home_type, home, mappings, granted)
}

fn read(
    name: &UserName,
    home_type: HomeType,
    home_directory: &str,
    mappings: &[Mapping],
    granted: Permissions,
) -> Result<Mounts> {
    if mappings.len() > MOST_MAPPINGS {
        let count = mappings.len();
        return Err(Error::new(
            ErrorKind::Denied,
            format!("open session: {count} mappings are more than {MOST_MAPPINGS}"),
        ));
    }
    if home_type == HomeType::Path {
        return Mounts::by_path(home_directory, name, granted);
    }
    if mappings.is_empty() {
        let home = ("/", home_directory, MountKind::Directory, granted);
        return Mounts::logical([home], name);
    }
    let entries = mappings.iter().map(|mapping| {
        let kind = match mapping.kind {
            MappingKind::Directory => MountKind::Directory,
            MappingKind::File => MountKind::File,
        };
        let granted = granted.and(mapping.permissions.unwrap_or(Permissions::ALL));
        (
            mapping.entry.as_str(),
            mapping.target.as_str(),
            kind,
            granted,
        )
    });
    // Where his home directory is mapped he begins, as he did on a server that showed it there.
    let home = mappings
        .iter()
        .filter(|mapping| mapping.kind == MappingKind::Directory)
        .find(|mapping| !home_directory.is_empty() && mapping.target == home_directory);
    let mounts = Mounts::logical(entries, name)?;
    match home {
        Some(home) => mounts.beginning_at(&home.entry, name),
        None => Ok(mounts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begins(home: &str, mappings: &[(&str, &str, MappingKind)]) -> String {
        let mapping = |(entry, target, kind): &(&str, &str, MappingKind)| Mapping {
            entry: (*entry).to_owned(),
            target: (*target).to_owned(),
            kind: *kind,
            permissions: None,
        };
        let mappings: Vec<Mapping> = mappings.iter().map(mapping).collect();
        let name = UserName::parse("acme").expect("a name");
        let tree = read(&name, HomeType::Logical, home, &mappings, Permissions::ALL);
        tree.expect("a tree")
            .working_directory()
            .as_str()
            .to_owned()
    }

    #[test]
    fn a_session_begins_at_the_entry_that_shows_its_home() {
        use MappingKind::{Directory, File};
        for (home, mappings, wanted) in [
            (
                "/b/acme",
                &[("/home/acme", "/b/acme", Directory)][..],
                "/home/acme",
            ),
            ("/b/acme", &[("/", "/b/acme", Directory)], "/"),
            ("/b/acme", &[("/in", "/b/other", Directory)], "/"),
            ("/b/acme", &[("/in", "/b/acme", File)], "/"),
            ("", &[("/in", "/b/acme", Directory)], "/"),
            ("/b/acme", &[], "/"),
        ] {
            assert_eq!(begins(home, mappings), wanted, "{home} {mappings:?}");
        }
    }
}
