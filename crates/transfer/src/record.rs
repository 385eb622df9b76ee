//! The rows of an upload: its intent, its commit with attributes, audit entry and event, its end.

use database::{
    Attributes as AttributesRow, AuditEntry, NewTransfer, Outcome, TransferFailure, UploadCommit,
};
use model::{ErrorKind, Event, EventKind, Location, Timestamp, TransferId, UserId};
use serde_json::json;

use crate::beginning::Beginning;
use crate::transfer::{Active, Publication, Published};
use crate::transfers::Core;
use crate::{Attributes, Intent, Origin, Original};

/// Why an intent is not on record, so that nothing may be sent to the store.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Unrecorded {
    #[error("the database does not take it")]
    Database(#[source] database::Error),
    #[error("the node is shutting down")]
    BrokeOff,
}

impl Unrecorded {
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::Database(error) => error.kind(),
            Self::BrokeOff => ErrorKind::Unavailable,
        }
    }
}

/// The row that an upload begins with.
pub(crate) fn intent(
    id: TransferId,
    intent: &Intent,
    beginning: &Beginning,
    place: &Location,
    started: Timestamp,
    core: &Core,
) -> NewTransfer {
    NewTransfer {
        id,
        location: intent.location.clone(),
        path: path_of(intent, core.settings.origin),
        owner: intent.owner,
        server: intent.server.clone(),
        session: intent.session,
        node: core.settings.node,
        base_etag: beginning.base.as_ref().map(|base| base.pin.etag.clone()),
        started,
        opening: beginning.opening(&place.bucket, &place.key),
    }
}

/// The row of an object whose metadata is being rewritten, which its `intent` has none of.
pub(crate) fn rewriting(
    id: TransferId,
    original: &Original,
    intent: &Intent,
    started: Timestamp,
    core: &Core,
) -> NewTransfer {
    let (beginning, place) = (Beginning::default(), &intent.location);
    NewTransfer {
        base_etag: Some(original.head.etag.clone()),
        ..self::intent(id, intent, &beginning, place, started, core)
    }
}

/// The end of such a row. Nobody need hear of it: an audit row of its own tells what was set.
pub(crate) fn rewritten(id: TransferId, done: bool, finished: Timestamp) -> TransferFailure {
    let outcome = match done {
        true => "its metadata was rewritten",
        false => "its metadata could not be rewritten",
    };
    TransferFailure {
        transfer: id,
        epoch: 0,
        aborted: done,
        error: outcome.to_owned(),
        finished,
        publication: None,
        audit: None,
        event: None,
    }
}

/// What the path of an import's row begins with: no user's does. So whoever commits the upload after
/// a crash knows as well that nobody is to be told, and whose it is not.
const IMPORT: &str = "import:";

fn path_of(intent: &Intent, origin: Origin) -> String {
    match origin.is_silent() {
        true => format!("{IMPORT}{}", intent.path),
        false => intent.path.to_string(),
    }
}

/// The path of a row, where it is a silent import's.
pub(crate) fn imported(path: &str) -> Option<&str> {
    path.strip_prefix(IMPORT)
}

/// Commits that the object stands.
pub(crate) async fn completed(
    active: &Active,
    publication: &Publication,
    published: &Published,
    claim: &database::Publication,
) -> Result<(), database::Error> {
    let written = &published.written;
    let commit = UploadCommit {
        transfer: active.id,
        epoch: active.epoch,
        location: active.intent.location.clone(),
        publication: Some(claim.clone()),
        completed: published.completed(),
        attributes: attributes_row(
            active.id,
            &active.intent.location,
            &publication.attributes,
            &written.etag,
            written.version.as_ref(),
        ),
        audit: upload_audit(active, publication, published),
        event: Event {
            path: Some(publication.path.to_string()),
            user_id: holder(active),
            ..upload_event(
                (active.id, active.started),
                &active.intent,
                &publication.attributes,
                published,
            )
        },
        silent: active.core.settings.origin.is_silent(),
    };
    let writer = active.core.database.writer();
    writer.commit_upload(commit).await.map(drop)
}

/// For whom the object counts.
fn holder(active: &Active) -> Option<UserId> {
    match active.core.settings.origin {
        Origin::Clients => Some(active.intent.owner),
        Origin::Import { .. } => None,
    }
}

/// Notes that an upload ended without an object; the store may still hold something of it.
pub(crate) async fn failed(
    active: &Active,
    reason: &str,
    is_failure: bool,
) -> Result<(), database::Error> {
    let failure = TransferFailure {
        transfer: active.id,
        epoch: active.epoch,
        aborted: false,
        error: reason.to_owned(),
        finished: active.core.clock.now(),
        publication: None,
        audit: is_failure.then(|| failure_audit(active, reason)),
        event: None,
    };
    active.core.database.writer().fail_transfer(failure).await
}

/// The row of what a client set of an object; none where that is nothing.
pub(crate) fn attributes_row(
    transfer: TransferId,
    location: &Location,
    set: &Attributes,
    etag: &str,
    version: Option<&String>,
) -> Option<AttributesRow> {
    if set.is_empty() {
        return None;
    }
    Some(AttributesRow {
        version: version.cloned(),
        transfer: Some(transfer),
        mtime: set.mtime,
        atime: set.atime,
        mode: set.mode,
        ..AttributesRow::new(location.clone(), etag)
    })
}

/// That an upload stands: the same whether under the name it began with or one given later.
pub(crate) fn upload_event(
    (id, started): (TransferId, Timestamp),
    intent: &Intent,
    set: &Attributes,
    published: &Published,
) -> Event {
    let duration = published.time.since(started).as_micros();
    Event {
        version: published.written.version.clone(),
        etag: Some(published.written.etag.clone()),
        size: Some(published.size),
        crc64nvme: published.written.crc64nvme.clone(),
        mtime: set.mtime,
        duration_micros: Some(u64::try_from(duration).unwrap_or(u64::MAX)),
        transfer: Some(id),
        ..intent.event(EventKind::Upload, published.time)
    }
}

fn upload_audit(active: &Active, publication: &Publication, published: &Published) -> AuditEntry {
    let location = &active.intent.location;
    AuditEntry {
        path: Some(publication.path.to_string()),
        detail: json!({
            "transfer": active.id.to_string(),
            "bucket": location.bucket.as_str(),
            "key": location.key.as_str(),
            "size": published.size,
            "etag": published.written.etag,
        }),
        ..audit(active, Outcome::Success, published.time)
    }
}

fn failure_audit(active: &Active, reason: &str) -> AuditEntry {
    AuditEntry {
        detail: json!({ "transfer": active.id.to_string(), "error": reason }),
        ..audit(active, Outcome::Failed, active.core.clock.now())
    }
}

pub(crate) fn audit(active: &Active, outcome: Outcome, time: Timestamp) -> AuditEntry {
    active.intent.audit(outcome, time)
}
