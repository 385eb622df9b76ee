//! From the last byte to the commit: the object is published, what became of it is proven, and
//! its facts are committed.

use std::sync::Arc;

use model::ErrorKind;
use storage::{Precondition, PutOptions, Written};

use crate::transfer::{Active, Publication, Published};
use crate::{Condition, Error, Leaving, Result, detach, metadata, metrics, proof, record};

/// Publishes an upload. On a failure that leaves the store provably unchanged, the upload is
/// given up as well.
pub(crate) async fn publish(active: &Arc<Active>, publication: &Publication) -> Result<Published> {
    // The database's own fence, which holds between nodes, goes right behind this one.
    let fence = active.core.fences.raise(&active.intent.location).await;
    let outcome = put_and_commit(active, publication).await;
    drop(fence);
    match &outcome {
        Ok(published) => completed(active, publication, published),
        Err(error) if error.outcome_unknown() => unknown(active, error),
        Err(error) => failed(active, publication, error).await,
    }
    outcome
}

async fn put_and_commit(active: &Active, publication: &Publication) -> Result<Published> {
    if let Err(error) = active.recorded().await {
        let reason = "its intent could not be recorded";
        let failed = Error::new(error.kind(), "upload", &publication.path, reason);
        return Err(failed.caused_by(error));
    }
    let precondition = precondition(active, publication).await?;
    let options = PutOptions {
        metadata: metadata::of_transfer(active.id, &publication.attributes),
        precondition,
        ..PutOptions::default()
    };
    let size = active.upload.len();
    let written = put(active, publication, &options).await?;
    let published = Published {
        size,
        written,
        time: active.core.clock.now(),
    };
    // The object stands. Whatever goes wrong from here on, it must not be denied.
    let committed = record::completed(active, publication, &published).await;
    committed.map_err(|error| {
        let reason = "it is stored, and could not be recorded";
        Error::new(error.kind(), "upload", &publication.path, reason)
            .caused_by(error)
            .with_unknown_outcome()
    })?;
    Ok(published)
}

/// What the store is to check. Where it cannot, a look beforehand is the best there is: the fence
/// keeps out other uploads of this process, and nobody else.
async fn precondition(active: &Active, publication: &Publication) -> Result<Option<Precondition>> {
    let precondition = match &publication.condition {
        Condition::Any => return Ok(None),
        Condition::Absent => Precondition::Absent,
        Condition::Unchanged { etag } => Precondition::Matches(etag.clone()),
    };
    let store = active.store.capabilities();
    if store.put_conditions && store.complete_conditions {
        return Ok(Some(precondition));
    }
    let found = match active.store.head(&active.intent.location.key).await {
        Ok(head) => Some(head.etag),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(active.failed("upload", error)),
    };
    match (&precondition, found) {
        (Precondition::Absent, None) => Ok(None),
        (Precondition::Matches(etag), Some(found)) if *etag == found => Ok(None),
        _ => Err(refused(publication)),
    }
}

async fn put(active: &Active, publication: &Publication, options: &PutOptions) -> Result<Written> {
    let error = match active.upload.finish(options).await {
        Ok(written) => return Ok(written),
        Err(error) => error,
    };
    let (store, key) = (&active.store, &active.intent.location.key);
    if error.outcome_unknown() {
        let proven = proof::prove(store, key, active.id, &active.core.settings).await;
        return proven.ok_or_else(|| active.failed("upload", error));
    }
    if error.kind() == ErrorKind::Conflict && options.precondition.is_some() {
        // A request that was sent twice may have been refused because of itself.
        let proven = proof::look(store, key, active.id).await;
        return proven.ok_or_else(|| refused(publication).caused_by(error));
    }
    Err(active.failed("upload", error))
}

fn refused(publication: &Publication) -> Error {
    let reason = match &publication.condition {
        Condition::Unchanged { .. } => "the file was changed by somebody else meanwhile; try again",
        _ => "a file of this name exists and may not be replaced",
    };
    Error::new(ErrorKind::Conflict, "upload", &publication.path, reason)
}

/// Nothing was published. Where the store or the database is away, what is safe is kept, so that
/// the client can go on when they are back; else the upload is given up.
pub(crate) async fn failed(active: &Arc<Active>, publication: &Publication, error: &Error) {
    metrics::upload_ended("failed");
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(transfer = %active.id, location = %active.intent.location, %error, cause, "upload failed");
    if error.kind() != ErrorKind::Unavailable {
        return active.give_up(&error.to_string(), true).await;
    }
    let leaving = Leaving {
        reason: error.to_string(),
        attributes: publication.attributes,
        path: publication.path.clone(),
    };
    detach::leave(active, &leaving).await;
}

/// Nothing is aborted and nothing noted: the intent's row stays for the sweeper, who finds out.
pub(crate) fn unknown(active: &Active, error: &Error) {
    metrics::upload_ended("unknown");
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::error!(transfer = %active.id, location = %active.intent.location, %error, cause,
        "nobody knows yet whether an upload stands");
}

pub(crate) fn completed(active: &Active, publication: &Publication, published: &Published) {
    metrics::upload_ended("completed");
    metrics::bytes_stored(published.size);
    tracing::info!(
        session = %active.intent.session,
        user = %active.intent.user,
        transfer = %active.id,
        path = %publication.path,
        location = %active.intent.location,
        bytes = published.size,
        "upload completed"
    );
}
