//! Keys that end with a slash: folders on disk that are objects of their own.
//!
//! A folder made by a PUT of its marker, or by another program, is an object of no bytes. One
//! made only because a key below it needed it is not, and goes with its last file; so does one
//! whose marker was deleted while files were in it. Where the file system keeps no attributes,
//! all folders are objects and stay until their marker is deleted empty.

use std::io;

use rustix::fs::Stat;
use rustix::io::Errno;

use super::disk::Disk;
use super::failure::{On, is, is_absence};
use super::folder::Folder;
use super::key_path::KeyPath;
use super::publish::{holds, unless_pruned};
use super::{attributes, state};
use crate::{Body, Precondition, PutOptions, Result, Written};

impl Disk {
    /// Makes a folder, or makes one that was implied an object.
    pub(super) fn put_marker(
        &self,
        on: On<'_>,
        path: KeyPath<'_>,
        body: &Body,
        options: &PutOptions,
    ) -> Result<Written> {
        if !body.is_empty() {
            let reason = "a key that ends with a slash is a folder on disk, which holds no bytes";
            return Err(on.invalid(reason));
        }
        let made = self.with_parents(on, path.parent, |parent| {
            self.make_marker(on, parent, path.name, options)
        });
        let (stat, _) = made?;
        Ok(Written {
            etag: state::etag(&stat),
            ..Written::default()
        })
    }

    fn make_marker(
        &self,
        on: On<'_>,
        parent: &Folder,
        name: &str,
        options: &PutOptions,
    ) -> Result<Option<Stat>> {
        let precondition = options.precondition.as_ref();
        let _turn = self.lock_folders();
        let standing = marker(parent, name).map_err(|error| on.io(error))?;
        let etag = standing.map(|(_, stat)| state::etag(&stat));
        holds(etag, precondition, on)?;
        let make = || {
            parent.make_folder(name)?;
            let folder = parent.folder(name)?;
            let file = folder.as_file();
            attributes::describe(file, &options.metadata, options.content_type.as_deref())?;
            attributes::set_implied(file, false)?;
            folder.sync()?;
            parent.sync()?;
            folder.own_stat()
        };
        unless_pruned(make(), on)
    }

    /// Removes a folder, or if something is in it, makes it one that is only implied.
    pub(super) fn delete_marker(
        &self,
        on: On<'_>,
        path: KeyPath<'_>,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let parent = match self.bucket.folder(path.parent) {
            Ok(parent) => parent,
            Err(error) if is_absence(&error) => return holds(None, precondition, on),
            Err(error) => return Err(on.io(error)),
        };
        let turn = self.lock_folders();
        let standing = marker(&parent, path.name).map_err(|error| on.io(error))?;
        holds(
            standing.as_ref().map(|(_, stat)| state::etag(stat)),
            precondition,
            on,
        )?;
        let Some((folder, _)) = standing else {
            return Ok(());
        };
        let removed = match parent.remove_folder(path.name) {
            Err(error) if is(&error, Errno::NOTEMPTY) => {
                attributes::set_implied(folder.as_file(), true)
            }
            other => other.and_then(|()| parent.sync()),
        };
        removed.map_err(|error| on.io(error))?;
        drop(turn);
        self.prune(path.parent);
        Ok(())
    }
}

/// The folder `name`, if it is an object.
pub(super) fn marker(parent: &Folder, name: &str) -> io::Result<Option<(Folder, Stat)>> {
    let folder = match parent.folder(name) {
        Ok(folder) => folder,
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    if attributes::is_implied(folder.as_file())? {
        return Ok(None);
    }
    let stat = folder.own_stat()?;
    Ok(Some((folder, stat)))
}
