//! What a rename leaves in the database: the attributes' new place, its audit entry, its event.

use database::{
    Attributes as AttributesRow, AuditEntry, MoveEnd, MoveFailure, MoveOutcome, NewMove,
    ObjectRename, Outcome, Publication,
};
use model::{Event, EventKind, Timestamp};
use serde_json::json;
use storage::Written;

use super::OPERATION;

/// That the object has its new key. `remark` says what is not as it should be.
pub(super) fn renamed(
    begun: &NewMove,
    written: Option<&Written>,
    remark: Option<&str>,
    publications: &[Publication],
    now: Timestamp,
) -> ObjectRename {
    ObjectRename {
        from: begun.from.clone(),
        to: begun.to.clone(),
        attributes: attributes(begun, written),
        publications: publications.to_vec(),
        audit: AuditEntry {
            detail: match remark {
                Some(remark) => json!({ "to": begun.to_path, "remark": remark }),
                None => json!({ "to": begun.to_path }),
            },
            ..audit(begun, Outcome::Success, now)
        },
        event: begun.parent.is_none().then(|| Event {
            size: begun.object.as_ref().map(|object| object.size),
            etag: written.map(|written| written.etag.clone()),
            version: written.and_then(|written| written.version.clone()),
            mtime: begun.mtime,
            ..event(begun, EventKind::Rename, now)
        }),
    }
}

/// The end of a move that failed for good.
pub(super) fn failed(
    begun: &NewMove,
    error: &str,
    publications: &[Publication],
    now: Timestamp,
) -> MoveEnd {
    MoveEnd {
        id: begun.id,
        finished: now,
        outcome: MoveOutcome::Failed(Box::new(MoveFailure {
            error: error.to_owned(),
            publications: publications.to_vec(),
            audit: Some(AuditEntry {
                detail: json!({ "to": begun.to_path, "error": error }),
                ..audit(begun, Outcome::Failed, now)
            }),
            event: begun
                .parent
                .is_none()
                .then(|| event(begun, EventKind::RenameFailed, now)),
        })),
    }
}

/// What was set of the object, for its new place. What was set of a directory belongs to its key,
/// whatever stands there.
fn attributes(begun: &NewMove, written: Option<&Written>) -> Option<AttributesRow> {
    let nothing = begun.mtime.is_none() && begun.atime.is_none() && begun.mode.is_none();
    let is_directory = begun.to.key.as_str().ends_with('/');
    let etag = match written {
        _ if is_directory => "",
        Some(written) => &written.etag,
        None => return None,
    };
    (!nothing).then(|| AttributesRow {
        version: written
            .filter(|_| !is_directory)
            .and_then(|written| written.version.clone()),
        transfer: (!is_directory).then_some(begun.id),
        mtime: begun.mtime,
        atime: begun.atime,
        mode: begun.mode,
        ..AttributesRow::new(begun.to.clone(), etag)
    })
}

fn audit(begun: &NewMove, outcome: Outcome, now: Timestamp) -> AuditEntry {
    AuditEntry {
        server: Some(begun.server.clone()),
        user_id: Some(begun.owner),
        user: Some(begun.user.to_string()),
        session: Some(begun.session),
        protocol: Some(begun.protocol),
        address: Some(begun.address),
        path: Some(begun.from_path.clone()),
        ..AuditEntry::new(OPERATION, outcome, now)
    }
}

/// Both events are the new name's: a failed one says that it never came.
fn event(begun: &NewMove, kind: EventKind, now: Timestamp) -> Event {
    Event {
        user_id: Some(begun.owner),
        user: Some(begun.user.clone()),
        session: Some(begun.session),
        protocol: Some(begun.protocol),
        client_address: Some(begun.address),
        path: Some(begun.to_path.clone()),
        old_path: Some(begun.from_path.clone()),
        bucket: Some(begun.to.bucket.to_string()),
        key: Some(begun.to.key.to_string()),
        old_key: Some(begun.from.key.to_string()),
        ..Event::new(kind, now, begun.server.clone())
    }
}
