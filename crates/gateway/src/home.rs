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
    Mounts::logical(entries, name)
}
