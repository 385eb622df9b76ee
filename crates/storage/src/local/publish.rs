//! Publication: the one step that makes a finished file stand at its key.

use std::io;

use rustix::io::Errno;

use super::disk::Disk;
use super::failure::{On, is};
use super::folder::{Folder, is_file, is_folder};
use super::key_path::{KeyPath, split};
use super::{attributes, state};
use crate::{Precondition, Result};

/// How often the way to a key is made again after a deletion beside it took an empty folder away.
const ATTEMPTS: usize = 100;

impl Disk {
    /// Moves the file `name` in `from` to `path`, if `precondition` holds. Whole or not at all;
    /// durable when it returns.
    pub(super) fn publish(
        &self,
        on: On<'_>,
        (from, name): (&Folder, &str),
        path: KeyPath<'_>,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let _turn = self.lock_key(on.key);
        self.publish_locked(on, (from, name), path, precondition)
    }

    /// The same for who holds the key's lock already.
    pub(super) fn publish_locked(
        &self,
        on: On<'_>,
        (from, name): (&Folder, &str),
        path: KeyPath<'_>,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let published = self.with_parents(on, path.parent, |parent| {
            if self.clear_leftover(parent, path.name, on.key) {
                return Ok(None);
            }
            check(parent, path.name, precondition, on)?;
            let moved = match precondition {
                Some(Precondition::Absent) => from.place(name, parent, path.name),
                _ => from.replace(name, parent, path.name),
            };
            unless_pruned(moved, on)
        });
        let ((), parent) = published?;
        parent
            .sync()
            .map_err(|error| on.io(error).with_unknown_outcome())
    }

    /// Runs `step` with the folder at `path`, made where it is missing; again if it returns none,
    /// since a deletion beside it took the folder away.
    pub(super) fn with_parents<T>(
        &self,
        on: On<'_>,
        path: &str,
        mut step: impl FnMut(&Folder) -> Result<Option<T>>,
    ) -> Result<(T, Folder)> {
        for _ in 0..ATTEMPTS {
            let parent = unless_pruned(self.parents(path), on);
            let stepped = match &parent {
                Ok(Some(parent)) => step(parent),
                Ok(None) => continue,
                Err(_) => Ok(None),
            };
            match (stepped, parent) {
                (Ok(Some(done)), Ok(Some(parent))) => return Ok((done, parent)),
                (Err(error), _) | (_, Err(error)) => {
                    self.prune(path);
                    return Err(error);
                }
                _ => {}
            }
        }
        Err(on.conflict("the folder it belongs in is removed again and again"))
    }

    /// Removes an empty folder that a crash left where the file `key` is to stand.
    fn clear_leftover(&self, parent: &Folder, name: &str, key: &str) -> bool {
        let is_folder = parent.stat(name).is_ok_and(|stat| is_folder(&stat));
        is_folder && self.prune_one(key).unwrap_or(false)
    }

    /// The folder at `path`, made where it is missing, every entry made durable.
    fn parents(&self, path: &str) -> io::Result<Folder> {
        match self.bucket.folder(path) {
            Err(error) if is(&error, Errno::NOENT) => {}
            other => return other,
        }
        let mut folder = self.bucket.folder("")?;
        for name in path.split('/') {
            folder = self.step(&folder, name)?;
        }
        Ok(folder)
    }

    fn step(&self, folder: &Folder, name: &str) -> io::Result<Folder> {
        match folder.folder(name) {
            Err(error) if is(&error, Errno::NOENT) => {}
            other => return other,
        }
        // So that nobody sees it as a marker before it is marked as implied.
        let _turn = self.lock_folders();
        let is_new = folder.make_folder(name)?;
        let next = folder.folder(name)?;
        if is_new {
            attributes::set_implied(next.as_file(), true)?;
            folder.sync()?;
        }
        Ok(next)
    }

    /// Removes folders from `path` upwards that are empty and were only implied. What cannot be
    /// removed stays: an empty implied folder is no object.
    pub(super) fn prune(&self, path: &str) {
        let mut path = path;
        while !path.is_empty() {
            match self.prune_one(path) {
                Ok(true) => {}
                Err(error) if is(&error, Errno::NOENT) => {}
                _ => return,
            }
            path = split(path).0;
        }
    }

    fn prune_one(&self, path: &str) -> io::Result<bool> {
        let (above, name) = split(path);
        let folder = self.bucket.folder(path)?;
        if !attributes::is_implied(folder.as_file())? {
            return Ok(false);
        }
        let _turn = self.lock_folders();
        if !attributes::is_implied(folder.as_file())? {
            return Ok(false);
        }
        self.bucket.folder(above)?.remove_folder(name)?;
        Ok(true)
    }
}

/// The result of a step, or none where a folder on its way was removed meanwhile.
pub(super) fn unless_pruned<T>(result: io::Result<T>, on: On<'_>) -> Result<Option<T>> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(error) if is(&error, Errno::NOENT) => Ok(None),
        Err(error) => Err(on.io(error)),
    }
}

/// Whether `precondition` holds for the file `name`, and a file may stand there at all.
pub(super) fn check(
    parent: &Folder,
    name: &str,
    precondition: Option<&Precondition>,
    on: On<'_>,
) -> Result<()> {
    let stat = match parent.stat(name) {
        Ok(stat) => Some(stat),
        Err(error) if is(&error, Errno::NOENT) => None,
        Err(error) => return Err(on.io(error)),
    };
    match (stat, precondition) {
        (Some(stat), _) if is_folder(&stat) => Err(on.conflict("a folder stands there")),
        (Some(stat), _) if !is_file(&stat) => {
            Err(on.conflict("something that is no plain file stands there"))
        }
        (stat, _) => holds(stat.map(|stat| state::etag(&stat)), precondition, on),
    }
}

/// Whether `precondition` holds where an object with this ETag, or none, stands.
pub(super) fn holds(
    current: Option<String>,
    precondition: Option<&Precondition>,
    on: On<'_>,
) -> Result<()> {
    match (precondition, current) {
        (None, _) | (Some(Precondition::Absent), None) => Ok(()),
        (Some(Precondition::Matches(wanted)), Some(etag)) if *wanted == etag => Ok(()),
        (Some(Precondition::Absent), Some(_)) => Err(on.conflict("an object stands there already")),
        (Some(Precondition::Matches(_)), Some(_)) => {
            Err(on.conflict("the object has changed meanwhile"))
        }
        (Some(Precondition::Matches(_)), None) => Err(on.conflict("the object is gone")),
    }
}
