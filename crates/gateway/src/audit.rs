//! What is told of a session's deeds: audit entries and events, filled in with who and where.

use database::{AuditEntry, Outcome};
use model::{Event, EventKind, Location, VirtualPath};
use transfer::Unclaimed;

use crate::handles::FileHandle;
use crate::{Error, Session};

impl Session {
    /// An audit entry of something that was done.
    pub(crate) fn audit(&self, action: &str, path: &VirtualPath) -> AuditEntry {
        AuditEntry {
            server: Some(self.server.clone()),
            user_id: Some(self.user_id),
            user: Some(self.user.to_string()),
            session: Some(self.id),
            protocol: Some(self.peer.protocol),
            address: Some(self.peer.address),
            path: Some(path.to_string()),
            ..AuditEntry::new(action, Outcome::Success, self.shared.clock.now())
        }
    }

    /// One entry for the refusals that had none of their own.
    pub(crate) fn note_untold_refusals(&self) {
        let more = self.refusals.untold();
        if more > 0 {
            self.shared.database.writer().note(AuditEntry {
                outcome: Outcome::Refused,
                detail: serde_json::json!({ "more": more }),
                path: None,
                ..self.audit("refusals", &VirtualPath::root())
            });
        }
    }

    /// An event about an object, or about a directory without a key.
    pub(crate) fn event(
        &self,
        kind: EventKind,
        path: &VirtualPath,
        location: Option<&Location>,
    ) -> Event {
        Event {
            user_id: Some(self.user_id),
            user: Some(self.user.clone()),
            session: Some(self.id),
            protocol: Some(self.peer.protocol),
            client_address: Some(self.peer.address),
            path: Some(path.to_string()),
            bucket: location.map(|location| location.bucket.to_string()),
            key: location.map(|location| location.key.to_string()),
            ..Event::new(kind, self.shared.clock.now(), self.server.clone())
        }
    }

    /// Tells of a download once its handle goes, if the client took all of it. The client does
    /// not wait for that.
    pub(crate) fn note_download(&self, handle: &FileHandle) {
        let FileHandle::Reading(reading) = handle else {
            return;
        };
        let Ok(location) = reading.place.location("read") else {
            return;
        };
        if !reading.is_complete() {
            return;
        }
        let head = reading.download.head();
        let event = Event {
            size: Some(head.size),
            etag: Some(head.etag.clone()),
            version: head.version.clone(),
            ..self.event(EventKind::Download, reading.path(), Some(&location))
        };
        let audit = self.audit("download", reading.path());
        tracing::info!(session = %self.id, user = %self.user, path = %reading.path(), bytes = head.size, "download completed");
        let database = self.shared.database.clone();
        self.tasks.spawn(async move {
            if let Err(error) = database.writer().record(Some(audit), Some(event)).await {
                tracing::warn!(%error, "cannot record a download");
            }
        });
    }
}

/// The store has changed and the database does not say so: nobody must be told either way.
pub(crate) fn unrecorded(operation: &str, path: &VirtualPath, error: database::Error) -> Error {
    Error::new(
        error.kind(),
        format!("{operation} {path}: it is done, and could not be recorded"),
    )
    .caused_by(error)
    .with_unknown_outcome(true)
}

/// The right to change an object was not granted; nothing was changed.
pub(crate) fn unclaimed(operation: &str, path: &VirtualPath, error: Unclaimed) -> Error {
    let text = format!("{operation} {path}: {}", error.reason());
    Error::new(error.kind(), text).caused_by(error)
}
