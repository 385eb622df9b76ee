//! A user's home and mappings, as his row holds them, become his tree.

use database::{HomeType, Mapping, MappingKind, User};
use model::UserName;
use policy::Permissions;

use crate::Result;
use crate::mount::{MountKind, Mounts};

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

/// The tree of a user.
pub(crate) fn mounts(user: &User) -> Result<Mounts> {
    let (home, mappings) = (&user.home_directory, &user.mappings);
    read(&user.name, user.home_type, home, mappings, user.permissions)
}

fn read(
    name: &UserName,
    home_type: HomeType,
    home_directory: &str,
    mappings: &[Mapping],
    granted: Permissions,
) -> Result<Mounts> {
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
        let granted = mapping.permissions.unwrap_or(granted);
        (
            mapping.entry.as_str(),
            mapping.target.as_str(),
            kind,
            granted,
        )
    });
    Mounts::logical(entries, name)
}
