//! Publication: the one step that makes a finished file stand at its key.

use std::io;

use rustix::io::Errno;

use super::disk::Disk;
use super::failure::{On, is};
use super::folder::{Folder, is_file, is_folder};
use super::key_path::KeyPath;
use super::{attributes, state};
use crate::{Precondition, Result};

/// How often the way to a key is made again after a deletion beside it took an empty folder away.
const ATTEMPTS: usize = 16;

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
        for _ in 0..ATTEMPTS {
            let parent = self.parents(path.parent).map_err(|error| on.io(error))?;
            let moved = check(&parent, path.name, precondition, on).and_then(|()| {
                let moved = match precondition {
                    Some(Precondition::Absent) => from.place(name, &parent, path.name),
                    _ => from.replace(name, &parent, path.name),
                };
                moved.map(Some).or_else(|error| {
                    // The folder was emptied and removed between the two steps.
                    if is(&error, Errno::NOENT) {
                        Ok(None)
                    } else {
                        Err(on.io(error))
                    }
                })
            });
            match moved {
                Ok(Some(())) => {
                    let synced = parent.sync();
                    return synced.map_err(|error| on.io(error).with_unknown_outcome());
                }
                Ok(None) => {}
                Err(error) => {
                    self.prune(path.parent);
                    return Err(error);
                }
            }
        }
        Err(on.conflict("the folder it belongs in is removed again and again"))
    }

    /// The folder at `path`, made where it is missing, every entry made durable.
    pub(super) fn parents(&self, path: &str) -> io::Result<Folder> {
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
        while !path.is_empty() && self.prune_one(path).unwrap_or(false) {
            path = super::key_path::split(path).0;
        }
    }

    fn prune_one(&self, path: &str) -> io::Result<bool> {
        let (above, name) = super::key_path::split(path);
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
