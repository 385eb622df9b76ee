//! The one place where a verb's right to a path is decided: path, mount, key, permissions, policy.

use std::sync::Arc;

use database::{AuditEntry, Outcome};
use model::{ErrorKind, VirtualPath};
use policy::Operation;
use serde_json::json;

use crate::handles::Opened;
use crate::mount::Resolved;
use crate::objection::{Objection, objection};
use crate::place::Place;
use crate::rights::Grant;
use crate::{Error, HandleId, Result, Session, metrics, sealing};

impl Session {
    /// Where a path leads, if `operation` is granted there. Directories that exist only above
    /// mappings may be looked at and nothing else.
    pub(crate) fn reach(
        &self,
        verb: &str,
        path: &VirtualPath,
        operation: Operation,
    ) -> Result<Resolved> {
        let resolved = self.find(verb, path)?;
        match &resolved {
            Resolved::Stored(place) => self.check(verb, place, operation)?,
            Resolved::Virtual if matches!(operation, Operation::List | Operation::Stat) => {}
            Resolved::Virtual => return Err(fixed(verb, path)),
        }
        Ok(resolved)
    }

    /// The same for verbs that need a store behind the path.
    pub(crate) fn place(
        &self,
        verb: &str,
        path: &VirtualPath,
        operation: Operation,
    ) -> Result<Place> {
        let place = self.find_stored(verb, path)?;
        self.check(verb, &place, operation)?;
        Ok(place)
    }

    /// Where a path leads, before anything is granted there: for verbs that find out first what
    /// they are going to do.
    pub(crate) fn find(&self, verb: &str, path: &VirtualPath) -> Result<Resolved> {
        self.standing.check(verb, path)?;
        let resolved = self.mounts.resolve(path);
        resolved.map_err(|error| Error::new(error.kind(), format!("{verb} {error}")))
    }

    /// The same for verbs that need a store behind the path.
    pub(crate) fn find_stored(&self, verb: &str, path: &VirtualPath) -> Result<Place> {
        match self.find(verb, path)? {
            Resolved::Stored(place) => Ok(place),
            Resolved::Virtual => Err(fixed(verb, path)),
        }
    }

    /// Fails where a file may not be given this name.
    pub(crate) fn check_name(&self, verb: &str, path: &VirtualPath) -> Result<()> {
        let suffixes = &self.shared.settings.temporary_suffixes;
        self.bounds.names.check(verb, path, suffixes)
    }

    /// Fails where an operation is not granted at a place.
    pub(crate) fn check(&self, verb: &str, place: &Place, operation: Operation) -> Result<()> {
        self.check_any(verb, place, None, &[operation])
    }

    /// The same for operations that lead to a second place.
    pub(crate) fn check_to(
        &self,
        verb: &str,
        place: &Place,
        target: &Place,
        operation: Operation,
    ) -> Result<()> {
        self.check_any(verb, place, Some(target), &[operation])
    }

    /// Fails where none of several operations is granted; the refusal is that of the first.
    pub(crate) fn check_any(
        &self,
        verb: &str,
        place: &Place,
        target: Option<&Place>,
        operations: &[Operation],
    ) -> Result<()> {
        let mut refused = None;
        for operation in operations {
            match self.objection(*operation, place, target) {
                None => return Ok(()),
                Some(objection) => refused = refused.or(Some((*operation, objection))),
            }
        }
        match refused {
            Some((operation, objection)) => {
                Err(self.refuse(verb, place, target, operation, &objection))
            }
            None => Ok(()),
        }
    }

    /// Whether an operation is granted, without a word about it.
    pub(crate) fn may(&self, place: &Place, operation: Operation) -> bool {
        self.objection(operation, place, None).is_none()
    }

    /// Fails where what was granted at OPEN is not any more. As long as policy did not change,
    /// that is one look at a number.
    pub(crate) fn check_grant(&self, verb: &str, grant: &Grant) -> Result<()> {
        let version = self.rights.version();
        if grant.version() == version {
            return Ok(());
        }
        if let Some(place) = &grant.place {
            for operation in &grant.operations {
                self.check(verb, place, *operation)?;
            }
        }
        grant.confirm(version);
        Ok(())
    }

    /// What is open under a handle, if what was granted when it was opened still is.
    pub(crate) fn handle(&self, verb: &str, handle: HandleId) -> Result<Arc<Opened>> {
        let opened = self.handles.get(handle)?;
        self.check_grant(verb, &opened.grant)?;
        Ok(opened)
    }

    fn objection(
        &self,
        operation: Operation,
        place: &Place,
        target: Option<&Place>,
    ) -> Option<Objection> {
        let policy = self.rights.policy();
        // Where an operation leads to a second place, that is the one it writes to.
        let written = target.unwrap_or(place).bucket();
        let context = sealing::context(self.shared.clock.now(), written, &self.shared.stores);
        objection(operation, place, target, policy.as_ref(), &context)
    }

    /// The refusal: operation and path for the client, the statement for log and audit.
    fn refuse(
        &self,
        verb: &str,
        place: &Place,
        target: Option<&Place>,
        operation: Operation,
        objection: &Objection,
    ) -> Error {
        let path = &place.path;
        tracing::info!(session = %self.id, user = %self.user, %path, %operation, reason = %objection, "refused");
        metrics::refused(objection.by());
        if self.refusals.is_to_be_told() {
            self.shared.database.writer().note(AuditEntry {
                outcome: Outcome::Refused,
                detail: json!({
                    "verb": verb,
                    "to": target.map(|target| target.path.as_str()),
                    "by": objection.by(),
                    "reason": objection.to_string(),
                }),
                ..self.audit(operation.as_str(), path)
            });
        }
        let action = operation.permission();
        let text = match target {
            None => format!("{verb} {path}: you have no permission to {action} here"),
            Some(target) => format!(
                "{verb} {path} to {}: you have no permission to {action} there",
                target.path
            ),
        };
        Error::new(ErrorKind::Denied, text)
    }
}

fn fixed(verb: &str, path: &VirtualPath) -> Error {
    Error::new(
        ErrorKind::Denied,
        format!("{verb} {path}: this directory is fixed by the server's settings"),
    )
}
