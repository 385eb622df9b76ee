//! A place in a store: what a path resolved to.

use std::sync::Arc;

use model::{BucketName, ErrorKind, Location, ObjectKey, VirtualPath};
use policy::Action;
use storage::Capabilities;

use crate::mount::{Mount, MountKind};
use crate::{Error, Result};

/// A path and the bucket and key that it leads to. Whether anything stands there is the store's
/// to say.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) path: VirtualPath,
    pub(crate) mount: Arc<Mount>,
    /// Without a trailing slash; `""` is the bucket itself.
    pub(crate) key: String,
    /// The path is an entry of the user's tree (his home, a mapping) and not below one.
    pub(crate) is_entry: bool,
    /// Further entries lie below the path, so that it is a directory whatever the store says.
    pub(crate) has_entries_below: bool,
}

impl Place {
    /// Whether this is a directory that always exists: a home or a mapped directory, or one above
    /// mappings.
    pub(crate) fn is_fixed_directory(&self) -> bool {
        self.has_entries_below || (self.is_entry && self.mount.kind == MountKind::Directory)
    }

    /// Whether this is a mapping onto one object.
    pub(crate) fn is_file_entry(&self) -> bool {
        self.is_entry && self.mount.kind == MountKind::File
    }

    /// Whether the user's tree itself says what stands here, so that it cannot be removed or
    /// renamed.
    pub(crate) fn is_fixed(&self) -> bool {
        self.is_entry || self.has_entries_below
    }

    /// Whether the user may replace files here.
    pub(crate) fn may_replace(&self) -> bool {
        self.mount.permissions.allows(Action::Overwrite)
    }

    pub(crate) fn bucket(&self) -> &BucketName {
        &self.mount.bucket
    }

    /// The object here, if it is a file.
    pub(crate) fn location(&self, operation: &str) -> Result<Location> {
        let key =
            ObjectKey::parse(self.key.as_str()).map_err(|error| self.invalid(operation, &error))?;
        Ok(Location {
            bucket: self.mount.bucket.clone(),
            key,
        })
    }

    /// What stands below this directory at a key that may have no path of its own.
    pub(crate) fn below(&self, rest: &str) -> Self {
        let path = VirtualPath::parse(rest.as_bytes(), &self.path);
        Self {
            path: path.unwrap_or_else(|_| self.path.clone()),
            key: format!("{}{rest}", self.prefix()),
            is_entry: false,
            has_entries_below: false,
            mount: Arc::clone(&self.mount),
        }
    }

    /// What the keys below this directory begin with; `""` for the whole bucket.
    pub(crate) fn prefix(&self) -> String {
        match self.key.as_str() {
            "" => String::new(),
            key => format!("{key}/"),
        }
    }

    /// The marker that stands for this directory while it is empty; none for a bucket itself.
    pub(crate) fn marker(&self, operation: &str) -> Result<ObjectKey> {
        ObjectKey::parse(self.prefix()).map_err(|error| self.invalid(operation, &error))
    }

    /// Fails where the store could not hold an object of this name.
    pub(crate) fn check_limits(&self, operation: &str, store: &Capabilities) -> Result<()> {
        if self.key.len() > store.max_key_bytes {
            let limit = store.max_key_bytes;
            return Err(self.invalid(operation, &format!("the store's keys end at {limit} bytes")));
        }
        let Some(limit) = store.max_name_bytes else {
            return Ok(());
        };
        if self.key.split('/').any(|name| name.len() > limit) {
            return Err(self.invalid(
                operation,
                &format!("the store's names end at {limit} bytes"),
            ));
        }
        Ok(())
    }

    fn invalid(&self, operation: &str, why: &dyn std::fmt::Display) -> Error {
        Error::new(
            ErrorKind::Invalid,
            format!("{operation} {}: {why}", self.path),
        )
    }
}
