//! Where a user's paths lead: his home and mappings, and the one place that turns a path into a
//! bucket and a key. What is not found here does not exist for him.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use model::{BucketName, ErrorKind, UserName, VirtualPath};
use policy::Permissions;
use storage::Stores;

use crate::place::Place;
use crate::target::{self, Target};
use crate::{Error, Result};

/// Whether a mapping leads to a prefix or to one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MountKind {
    Directory,
    File,
}

/// One entry of a user's tree and where it leads.
#[derive(Debug)]
pub(crate) struct Mount {
    pub(crate) kind: MountKind,
    pub(crate) bucket: BucketName,
    /// Without a trailing slash; `""` is the whole bucket.
    pub(crate) key: String,
    pub(crate) permissions: Permissions,
}

/// A user's tree.
#[derive(Debug)]
pub(crate) struct Mounts {
    /// By the text of the entry's path: what lies below `/a` is the range that begins at `/a/`.
    entries: BTreeMap<String, Arc<Mount>>,
    working_directory: VirtualPath,
    /// The stores that targets name, with the buckets that must be reached through them, and the
    /// buckets that are named without.
    stores: BTreeSet<(Option<String>, BucketName)>,
    /// Whether directories above the entries exist (logical homes), or are out of bounds.
    shows_parents: bool,
}

/// How far a directory's entries were given out.
#[derive(Debug, Clone, Default)]
pub(crate) enum Cursor {
    #[default]
    Beginning,
    /// From this path on.
    From(String),
    Ended,
}

impl Cursor {
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self, Self::Ended)
    }
}

/// An entry in a directory, or a directory above entries, which has no mount.
#[derive(Debug)]
pub(crate) struct Mounted {
    pub(crate) name: String,
    pub(crate) mount: Option<Arc<Mount>>,
}

/// Where a path leads.
#[derive(Debug, Clone)]
pub(crate) enum Resolved {
    /// Into a store.
    Stored(Place),
    /// To a directory that exists only because entries lie below it.
    Virtual,
}

impl Mounts {
    /// A home that shows itself by path: everything else is out of bounds.
    pub(crate) fn by_path(home: &str, user: &UserName, granted: Permissions) -> Result<Self> {
        let target = parse_target(home, user)?;
        let path = format!("/{}/{}", target.bucket, target.key);
        let entry = VirtualPath::parse(path.as_bytes(), &VirtualPath::root())
            .map_err(|error| refused(home, &error))?;
        let stores = BTreeSet::from([(target.store.clone(), target.bucket.clone())]);
        let mount = Mount::new(MountKind::Directory, target, granted);
        Ok(Self {
            stores,
            entries: BTreeMap::from([(entry.as_str().to_owned(), Arc::new(mount))]),
            working_directory: entry,
            shows_parents: false,
        })
    }

    /// A logical home: entries of a tree that begins at `/`, each with its target and rights.
    pub(crate) fn logical<'a>(
        entries: impl IntoIterator<Item = (&'a str, &'a str, MountKind, Permissions)>,
        user: &UserName,
    ) -> Result<Self> {
        let (mut tree, mut stores) = (BTreeMap::new(), BTreeSet::new());
        for (entry, target, kind, granted) in entries {
            let path = parse_entry(entry, user)?;
            let target = parse_target(target, user)?;
            stores.insert((target.store.clone(), target.bucket.clone()));
            let mount = Mount::new(kind, target, granted);
            if kind == MountKind::File && (path.is_root() || mount.key.is_empty()) {
                return Err(refused(entry, &"a file needs a name at both ends"));
            }
            if tree
                .insert(path.as_str().to_owned(), Arc::new(mount))
                .is_some()
            {
                return Err(refused(entry, &"the entry stands there twice"));
            }
        }
        if tree.is_empty() {
            return Err(refused("home directory", &"there is none"));
        }
        Ok(Self {
            stores,
            entries: tree,
            working_directory: VirtualPath::root(),
            shows_parents: true,
        })
    }

    /// The same, but sessions begin at this entry and not at `/`.
    pub(crate) fn beginning_at(self, entry: &str, user: &UserName) -> Result<Self> {
        Ok(Self {
            working_directory: parse_entry(entry, user)?,
            ..self
        })
    }

    /// Fails where a bucket is the gateway's own, or is reached through another store than its
    /// target names, or than the user's role works on.
    pub(crate) fn check_stores(&self, stores: &Stores, role: Option<&str>) -> Result<()> {
        for (named, bucket) in &self.stores {
            if stores.staging_buckets().any(|staging| staging == bucket) {
                return Err(refused(
                    bucket.as_str(),
                    &"it is the gateway's own, for staging",
                ));
            }
            let found = stores.name_of(bucket);
            let wanted = [named.as_deref(), role].into_iter().flatten();
            if let Some(wanted) = wanted.into_iter().find(|wanted| *wanted != found) {
                let why = format!("it is reached through the store {found:?}, not {wanted:?}");
                return Err(refused(bucket.as_str(), &why));
            }
        }
        Ok(())
    }

    /// The buckets that targets lie in; one may come several times.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = &BucketName> {
        self.stores.iter().map(|(_, bucket)| bucket)
    }

    /// Every entry's mount.
    pub(crate) fn mounts(&self) -> impl Iterator<Item = &Arc<Mount>> {
        self.entries.values()
    }

    pub(crate) fn working_directory(&self) -> &VirtualPath {
        &self.working_directory
    }

    /// Where a path leads. Fails closed: `Denied` out of bounds and in the gateway's own prefix,
    /// `NotFound` where a logical tree has no such place.
    pub(crate) fn resolve(&self, path: &VirtualPath) -> Result<Resolved> {
        let Some((mount, rest)) = self.covering(path) else {
            return self.uncovered(path);
        };
        if mount.kind == MountKind::File && !rest.is_empty() {
            return self.uncovered(path);
        }
        let key = match (mount.key.as_str(), rest) {
            (key, "") => key.to_owned(),
            ("", rest) => rest.to_owned(),
            (key, rest) => format!("{key}/{rest}"),
        };
        if target::is_reserved(&key) {
            return Err(Error::new(
                ErrorKind::Denied,
                format!("{path}: this name is reserved for the gateway"),
            ));
        }
        Ok(Resolved::Stored(Place {
            path: path.clone(),
            key,
            is_entry: rest.is_empty(),
            has_entries_below: self.has_entries_below(path),
            mount: Arc::clone(mount),
        }))
    }

    /// Some of the entries, and of the virtual directories above entries, that stand directly in
    /// `directory`, from a cursor on; at most `limit`, and fewer at the end alone. Each takes a
    /// look-up or two, however many lie below it.
    pub(crate) fn entries_in(
        &self,
        directory: &VirtualPath,
        cursor: &mut Cursor,
        limit: usize,
    ) -> Vec<Mounted> {
        let mut found = Vec::new();
        let prefix = prefix_of(directory);
        while found.len() < limit {
            let from = match cursor {
                _ if !self.shows_parents => {
                    *cursor = Cursor::Ended;
                    break;
                }
                Cursor::Ended => break,
                Cursor::Beginning => prefix.as_str(),
                Cursor::From(key) => key.as_str(),
            };
            let range = (Bound::Included(from), Bound::Unbounded);
            let next = self.entries.range::<str, _>(range).next();
            let next = next.and_then(|(entry, mount)| Some((entry.strip_prefix(&prefix)?, mount)));
            let Some((rest, mount)) = next else {
                *cursor = Cursor::Ended;
                break;
            };
            *cursor = Cursor::From(match rest.split_once('/') {
                // Paths hold no control characters, so nothing comes in between.
                None => format!("{prefix}{rest}\0"),
                // '0' follows '/': behind everything below this name.
                Some((name, _)) => format!("{prefix}{name}0"),
            });
            let (name, mount) = match rest.split_once('/') {
                None => (rest, Some(mount)),
                Some((name, _)) => (name, None),
            };
            // The root itself is an entry in no directory, and an entry with others below it is one.
            let is_told = mount.is_none() && self.entries.contains_key(&format!("{prefix}{name}"));
            if !name.is_empty() && !is_told {
                found.push(Mounted {
                    name: name.to_owned(),
                    mount: mount.cloned(),
                });
            }
        }
        found
    }

    /// Whether an entry, or a directory above entries, has this name in `directory`.
    pub(crate) fn is_mounted(&self, directory: &VirtualPath, name: &str) -> bool {
        if !self.shows_parents {
            return false;
        }
        let mut path = prefix_of(directory);
        path.push_str(name);
        if self.entries.contains_key(&path) {
            return true;
        }
        path.push('/');
        let below = (Bound::Included(path.as_str()), Bound::Unbounded);
        let next = self.entries.range::<str, _>(below).next();
        next.is_some_and(|(entry, _)| entry.starts_with(&path))
    }

    /// The nearest entry at or above a path, and what is left of the path below it.
    fn covering<'a>(&self, path: &'a VirtualPath) -> Option<(&Arc<Mount>, &'a str)> {
        let mut at = Some(path.clone());
        while let Some(entry) = at {
            if let Some(mount) = self.entries.get(entry.as_str()) {
                return Some((mount, path.strip_prefix(&entry)?));
            }
            at = entry.parent();
        }
        None
    }

    fn uncovered(&self, path: &VirtualPath) -> Result<Resolved> {
        if !self.shows_parents {
            return Err(Error::new(
                ErrorKind::Denied,
                format!("{path}: outside of your home {}", self.working_directory),
            ));
        }
        if path.is_root() || self.has_entries_below(path) {
            return Ok(Resolved::Virtual);
        }
        Err(Error::new(
            ErrorKind::NotFound,
            format!("{path}: no such file or directory"),
        ))
    }

    fn has_entries_below(&self, path: &VirtualPath) -> bool {
        self.shows_parents && self.below(path).next().is_some()
    }

    /// The entries strictly below a directory, each by what is left of its path there.
    fn below(&self, directory: &VirtualPath) -> impl Iterator<Item = (&str, &Arc<Mount>)> {
        let prefix = prefix_of(directory);
        self.entries
            .range::<str, _>((Bound::Included(prefix.as_str()), Bound::Unbounded))
            .map_while({
                let prefix = prefix.clone();
                move |(entry, mount)| Some((entry.strip_prefix(&prefix)?, mount))
            })
            .filter(|(rest, _)| !rest.is_empty())
    }
}

/// What the paths of everything below a directory begin with.
fn prefix_of(directory: &VirtualPath) -> String {
    match directory.as_str() {
        "/" => "/".to_owned(),
        path => format!("{path}/"),
    }
}

impl Mount {
    fn new(kind: MountKind, target: Target, permissions: Permissions) -> Self {
        Self {
            kind,
            bucket: target.bucket,
            key: target.key,
            permissions,
        }
    }
}

fn parse_target(text: &str, user: &UserName) -> Result<Target> {
    Target::parse(text, user).map_err(|error| refused(text, &error))
}

fn parse_entry(text: &str, user: &UserName) -> Result<VirtualPath> {
    if !text.starts_with('/') {
        return Err(refused(text, &"an entry begins with '/'"));
    }
    let text = target::substitute(text, user)
        .ok_or_else(|| refused(text, &"it holds a variable other than ${transfer:UserName}"))?;
    VirtualPath::parse(text.as_bytes(), &VirtualPath::root())
        .map_err(|error| refused(&text, &error))
}

fn refused(text: &str, why: &dyn std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Denied,
        format!("open session: the home directory is not usable: {text:?}: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> VirtualPath {
        VirtualPath::parse(text.as_bytes(), &VirtualPath::root()).expect("valid")
    }

    fn user() -> UserName {
        UserName::parse("ann").expect("valid")
    }

    fn logical(entries: &[(&str, &str, MountKind)]) -> Mounts {
        try_logical(entries).expect("valid")
    }

    fn try_logical(entries: &[(&str, &str, MountKind)]) -> Result<Mounts> {
        let granted = entries
            .iter()
            .map(|(entry, target, kind)| (*entry, *target, *kind, Permissions::ALL));
        Mounts::logical(granted, &user())
    }

    /// What stands in a directory, asked for `step` by `step`; whether it is an entry.
    fn names(mounts: &Mounts, at: &str, step: usize) -> Vec<(String, bool)> {
        let (mut cursor, mut found) = (Cursor::default(), Vec::new());
        loop {
            let some = mounts.entries_in(&path(at), &mut cursor, step);
            if some.is_empty() {
                return found;
            }
            for mounted in some {
                assert!(mounts.is_mounted(&path(at), &mounted.name));
                found.push((mounted.name, mounted.mount.is_some()));
            }
        }
    }

    /// "bucket:key", "virtual", or the kind of the refusal.
    fn leads_to(mounts: &Mounts, text: &str) -> String {
        match mounts.resolve(&path(text)) {
            Ok(Resolved::Stored(place)) => format!("{}:{}", place.mount.bucket, place.key),
            Ok(Resolved::Virtual) => "virtual".to_owned(),
            Err(error) => error.kind().to_string(),
        }
    }

    #[test]
    fn a_logical_home_begins_at_its_target() {
        let home = logical(&[("/", "/b/home/acme", MountKind::Directory)]);
        assert_eq!(home.working_directory(), &VirtualPath::root());
        for (at, to) in [
            ("/", "b:home/acme"),
            ("/x", "b:home/acme/x"),
            ("/../acme2/x", "b:home/acme/acme2/x"),
            ("/.pierhead/x", "b:home/acme/.pierhead/x"),
        ] {
            assert_eq!(leads_to(&home, at), to, "{at}");
        }
    }

    #[test]
    fn a_home_by_path_shows_nothing_beside_it() {
        let home = Mounts::by_path("/b/home/acme", &user(), Permissions::ALL).expect("valid");
        assert_eq!(home.working_directory().as_str(), "/b/home/acme");
        for (at, to) in [
            ("/b/home/acme", "b:home/acme"),
            ("/b/home/acme/x", "b:home/acme/x"),
            ("/b/home/acme2", "denied"),
            ("/b/home/acme2/x", "denied"),
            ("/b/home/acme/../acme2/x", "denied"),
            ("/b/home", "denied"),
            ("/b", "denied"),
            ("/", "denied"),
            ("/c/home/acme/x", "denied"),
        ] {
            assert_eq!(leads_to(&home, at), to, "{at}");
        }
        assert_eq!(names(&home, "/", 100), []);
    }

    #[test]
    fn the_gateways_own_prefix_is_out_of_reach() {
        let whole = logical(&[("/", "/b", MountKind::Directory)]);
        for (at, to) in [
            ("/.pierhead", "denied"),
            ("/.pierhead/staging/x", "denied"),
            ("/x/../.pierhead", "denied"),
            ("/.pierheads", "b:.pierheads"),
            ("/x/.pierhead", "b:x/.pierhead"),
        ] {
            assert_eq!(leads_to(&whole, at), to, "{at}");
        }
    }

    #[test]
    fn mappings_nest_and_the_nearest_entry_wins() {
        let tree = logical(&[
            ("/", "/b/home/${transfer:UserName}", MountKind::Directory),
            ("/shared", "/pool/all", MountKind::Directory),
            ("/shared/ann", "/pool2", MountKind::Directory),
            ("/docs/prices.csv", "/b/lists/prices.csv", MountKind::File),
        ]);
        for (at, to) in [
            ("/x", "b:home/ann/x"),
            ("/shared", "pool:all"),
            ("/shared/x", "pool:all/x"),
            ("/shared2", "b:home/ann/shared2"),
            ("/shared/ann", "pool2:"),
            ("/shared/ann/y", "pool2:y"),
            ("/docs/prices.csv", "b:lists/prices.csv"),
            ("/docs/prices.csv/x", "not_found"),
            ("/docs/x", "b:home/ann/docs/x"),
        ] {
            assert_eq!(leads_to(&tree, at), to, "{at}");
        }
    }

    #[test]
    fn directories_above_entries_exist_and_are_listed() {
        let tree = logical(&[
            ("/in/orders", "/b/o", MountKind::Directory),
            ("/in/prices.csv", "/b/p.csv", MountKind::File),
            ("/in-old/x", "/b/x", MountKind::Directory),
            ("/in", "/b/in", MountKind::Directory),
            ("/out/a/b", "/b/ab", MountKind::Directory),
        ]);
        for (at, to) in [
            ("/", "virtual"),
            ("/in", "b:in"),
            ("/out", "virtual"),
            ("/out/a", "virtual"),
            ("/out/b", "not_found"),
            ("/nowhere", "not_found"),
        ] {
            assert_eq!(leads_to(&tree, at), to, "{at}");
        }
        let names = |at: &str| names(&tree, at, 1);
        let named = |name: &str, entry: bool| (name.to_owned(), entry);
        assert_eq!(
            names("/"),
            [
                named("in", true),
                named("in-old", false),
                named("out", false)
            ]
        );
        assert_eq!(
            names("/in"),
            [named("orders", true), named("prices.csv", true)]
        );
        assert_eq!(names("/out/a"), [named("b", true)]);
        assert!(names("/out/a/b").is_empty());
    }

    #[test]
    fn trees_that_cannot_be_are_refused() {
        use MountKind::{Directory, File};
        for entries in [
            &[][..],
            &[("/a", "/b/x", Directory), ("/a/", "/b/y", Directory)],
            &[("/", "/b/x", File)],
            &[("/a", "/b", File)],
            &[("a", "/b/x", Directory)],
            &[("/a", "b/x", Directory)],
            &[("/a", "/b/${x}", Directory)],
            &[("/${x}", "/b/a", Directory)],
            &[("/a", "/b/.pierhead/x", Directory)],
        ] {
            assert!(try_logical(entries).is_err(), "{entries:?}");
        }
        assert!(Mounts::by_path("/b/../c", &user(), Permissions::ALL).is_err());
    }
}
