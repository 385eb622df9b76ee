//! Where a user finds himself: `ChrootDirectory`, `ForceCommand internal-sftp`, `-d`, and what that
//! is here, so that his paths stay what they were.

use database::{Mapping, MappingKind};
use model::UserName;
use policy::Permissions;

use super::Settings;
use crate::users::finding::Finding;
use crate::users::profile::Profile;
use crate::users::unix::accounts::Account;

impl Settings<'_> {
    /// Gives a profile, whose home is set, the tree that the user knows.
    pub(crate) fn place(
        &self,
        account: &Account,
        profile: &mut Profile,
        name: &UserName,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Finding> {
        let command = self.command(profile, name)?;
        let chroot = self.value("chrootdirectory").filter(|path| *path != "none");
        let root = chroot.map(|path| filled(path, account));
        // A chroot that names him is his own; others are shared with whoever is put into them.
        let own = chroot.is_some_and(|path| path.contains("%u") || path.contains("%h"))
            || root.as_deref().map(clean) == Some(clean(&account.home));
        let seen = match root {
            Some(_) if own => "/".to_owned(),
            Some(root) => inside(&account.home, &root),
            None => clean(&account.home),
        };
        if seen == "/" && !own {
            let what = "his home is the whole of what he shares with others there; here he has \
                        one of his own";
            findings.push(Finding::note(name, what));
        }
        let networks = self.networks();
        profile.networks =
            networks.map_err(|why| Finding::fault(name, format!("AllowUsers: {why}")))?;
        let start = command.start.map(|path| filled(&path, account));
        let start = start.map(|path| match path.starts_with('/') {
            true => clean(&path),
            false => clean(&format!("{seen}/{path}")),
        });
        show(profile, &seen, start.as_deref());
        Ok(())
    }

    /// The server that sshd runs for him.
    ///
    /// # Errors
    /// Where it is something else than SFTP, or allows less than can be kept.
    fn command(&self, profile: &mut Profile, name: &UserName) -> Result<Command, Finding> {
        let forced = self
            .value("forcecommand")
            .filter(|command| *command != "none");
        let subsystem = self.value("subsystem").and_then(|value| {
            let (called, command) = value.split_once([' ', '\t'])?;
            (called == "sftp").then_some(command.trim())
        });
        let Some(text) = forced.or(subsystem) else {
            return Ok(Command::default());
        };
        let command = Command::read(text);
        if !command.serves_files {
            let what = "ForceCommand runs something else than SFTP for him";
            return Err(Finding::skipped(name, what));
        }
        if command.read_only {
            profile.permissions = Permissions::READ_ONLY;
        }
        if command.lists_requests {
            let what = "the requests that his SFTP server allows or denies (-P, -p) cannot be taken \
                        over: add him with `pierhead user add --permissions`";
            return Err(Finding::fault(name, what));
        }
        Ok(command)
    }
}

/// A command that serves SFTP, with what its options say (`sftp-server(8)`).
#[derive(Debug, Default)]
struct Command {
    serves_files: bool,
    read_only: bool,
    lists_requests: bool,
    start: Option<String>,
}

impl Command {
    fn read(text: &str) -> Self {
        let mut words = text.split_ascii_whitespace();
        let program = words.next().unwrap_or_default();
        let mut command = Self {
            serves_files: program == "internal-sftp" || program.ends_with("sftp-server"),
            ..Self::default()
        };
        while let Some(word) = words.next() {
            match word {
                "-R" => command.read_only = true,
                "-P" | "-p" => command.lists_requests = true,
                "-d" => command.start = words.next().map(str::to_owned),
                _ => {}
            }
        }
        command
    }
}

/// A tree in which his home stands where he saw it, and in which he begins where he did.
fn show(profile: &mut Profile, seen: &str, start: Option<&str>) {
    let home = profile.home_directory.trim_end_matches('/').to_owned();
    let mapping = |entry: &str, target: String| Mapping {
        entry: entry.to_owned(),
        target,
        kind: MappingKind::Directory,
        permissions: None,
    };
    if seen != "/" {
        profile.mappings.push(mapping(seen, home.clone()));
    }
    let below = start.and_then(|start| match seen {
        "/" => start.strip_prefix('/'),
        seen => start.strip_prefix(seen)?.strip_prefix('/'),
    });
    let Some(below) = below.filter(|below| !below.is_empty()) else {
        return;
    };
    if seen == "/" {
        profile.mappings.push(mapping("/", home.clone()));
    }
    // He begins at the entry that shows his home directory.
    let target = format!("{home}/{below}");
    profile.home_directory.clone_from(&target);
    let entry = format!("{}/{below}", seen.trim_end_matches('/'));
    profile.mappings.push(mapping(&entry, target));
}

/// Fills `%h`, `%u` and `%%`.
pub(super) fn filled(text: &str, account: &Account) -> String {
    let mut filled = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, character == '%') {
            (_, true) => match characters.next() {
                Some('h') => filled.push_str(&account.home),
                Some('u') => filled.push_str(&account.name),
                Some('U') => filled.push_str(&account.uid.to_string()),
                Some(other) => filled.push(other),
                None => {}
            },
            (character, false) => filled.push(character),
        }
    }
    filled
}

/// A home as it is seen within a chroot: without the chroot's path, or as it stands.
fn inside(home: &str, root: &str) -> String {
    let (home, root) = (clean(home), clean(root));
    match home.strip_prefix(&root) {
        Some("") => "/".to_owned(),
        Some(rest) if rest.starts_with('/') => rest.to_owned(),
        _ => home,
    }
}

/// A path without empty components and dots.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
