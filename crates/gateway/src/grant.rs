//! The one place where a verb's right to a path is decided.

use model::{ErrorKind, VirtualPath};
use policy::Action;

use crate::mount::Resolved;
use crate::place::Place;
use crate::{Error, Result, Session};

impl Session {
    /// Where a path leads, if `action` is granted there. Directories that exist only above
    /// mappings may be looked at and nothing else.
    pub(crate) fn reach(
        &self,
        operation: &str,
        path: &VirtualPath,
        action: Action,
    ) -> Result<Resolved> {
        self.standing.check(operation, path)?;
        let resolved = self
            .mounts
            .resolve(path)
            .map_err(|error| Error::new(error.kind(), format!("{operation} {error}")))?;
        match &resolved {
            Resolved::Stored(place) => self.check(operation, place, action)?,
            Resolved::Virtual if action == Action::List => {}
            Resolved::Virtual => return Err(fixed(operation, path)),
        }
        Ok(resolved)
    }

    /// The same for verbs that need a store behind the path.
    pub(crate) fn place(
        &self,
        operation: &str,
        path: &VirtualPath,
        action: Action,
    ) -> Result<Place> {
        match self.reach(operation, path, action)? {
            Resolved::Stored(place) => Ok(place),
            Resolved::Virtual => Err(fixed(operation, path)),
        }
    }

    /// Fails where `action` is not granted at a place.
    pub(crate) fn check(&self, operation: &str, place: &Place, action: Action) -> Result<()> {
        if place.mount.permissions.allows(action) {
            return Ok(());
        }
        tracing::info!(session = %self.id, user = %self.user, path = %place.path, %action, "refused");
        Err(Error::new(
            ErrorKind::Denied,
            format!(
                "{operation} {}: you have no permission to {action} here",
                place.path
            ),
        ))
    }
}

fn fixed(operation: &str, path: &VirtualPath) -> Error {
    Error::new(
        ErrorKind::Denied,
        format!("{operation} {path}: this directory is fixed by the server's settings"),
    )
}
