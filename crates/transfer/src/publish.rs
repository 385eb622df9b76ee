//! From the last byte to the commit: the object is published, what became of it is proven, and
//! its facts are committed.

use std::sync::Arc;

use database::ClaimingTransfer;
use model::ErrorKind;
use storage::{Precondition, PutOptions, Written};

use crate::record::Unrecorded;
use crate::transfer::{Active, Publication, Published};
use crate::{
    Claimed, Condition, Error, Leaving, Result, Unclaimed, claim, detach, metadata, metrics, proof,
    record,
};

/// How often an upload asks for its key again after others took that over.
const ATTEMPTS: usize = 5;

/// Why a publication stopped.
struct Halt {
    error: Error,
    /// The object stands, and its facts are not committed yet.
    stands: Option<Published>,
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        let stands = None;
        Self { error, stands }
    }
}

/// Publishes an upload. On a failure that leaves the store provably unchanged, the upload is
/// given up or left unfinished as well.
pub(crate) async fn publish(active: &Arc<Active>, publication: &Publication) -> Result<Published> {
    let outcome = claim_and_publish(active, publication).await;
    match &outcome {
        Ok(published) => completed(active, publication, published),
        Err(halt) if halt.stands.is_some() => unrecorded_yet(active, &halt.error),
        Err(halt) if halt.error.outcome_unknown() => unknown(active, &halt.error),
        Err(halt) => failed(active, publication, &halt.error).await,
    }
    outcome.map_err(|halt| halt.error)
}

async fn claim_and_publish(
    active: &Arc<Active>,
    publication: &Publication,
) -> Result<Published, Halt> {
    let claimed = claim(active).await;
    let mut claimed = claimed.map_err(|error| unclaimed(publication, error))?;
    let outcome = put_and_commit(active, publication, &mut claimed).await;
    match &outcome {
        Ok(_) => claimed.committed(),
        Err(Halt {
            stands: Some(published),
            ..
        }) => record_later(active, publication, published, claimed),
        // Nobody else changes the key before it is known what became of this.
        Err(halt) if halt.error.outcome_unknown() => claimed.keep(),
        Err(_) => drop(claimed),
    }
    outcome
}

/// Commits as soon as the database answers again that an object stands; the key is kept for it
/// meanwhile. Where the node ends before, the sweeper finds out.
fn record_later(
    active: &Arc<Active>,
    publication: &Publication,
    published: &Published,
    claimed: Claimed,
) {
    let (active, publication) = (Arc::clone(active), publication.clone());
    let published = published.clone();
    let core = Arc::clone(&active.core);
    core.tasks.clone().spawn(async move {
        let claim = claimed.publication().clone();
        let record = || record::completed(&active, &publication, &published, &claim);
        match claimed.during(core.persist(record)).await {
            Ok(()) => {
                claimed.committed();
                completed(&active, &publication, &published);
            }
            Err(error) => {
                claimed.keep();
                tracing::warn!(transfer = %active.id, %error,
                    "an upload that stands is left to be recorded by the sweeper");
            }
        }
    });
}

/// The intent goes along where it is not on record yet: small files cost two transactions.
async fn claim(active: &Active) -> Result<Claimed, Unclaimed> {
    let (location, core) = (&active.intent.location, &active.core);
    let mut transfer = ClaimingTransfer {
        epoch: active.epoch,
        intent: None,
        demand: active.intent.demand(active.upload.len()),
    };
    let Some((new, answer)) = active.recording.take() else {
        if let Err(error) = active.recorded().await {
            return Err(Unclaimed::Unrecorded(error.kind()));
        }
        return claim::claim(location, active.id, Some(transfer), core).await;
    };
    transfer.intent = Some(new);
    let claimed = claim::claim(location, active.id, Some(transfer), core).await;
    answer.give(match &claimed {
        Err(Unclaimed::Database(error)) => Err(Unrecorded::Database(error.clone())),
        // With the first attempt at the claim it is on record, granted or not.
        _ => Ok(()),
    });
    claimed
}

fn unclaimed(publication: &Publication, error: Unclaimed) -> Error {
    Error::new(error.kind(), "upload", &publication.path, error.reason()).caused_by(error)
}

async fn put_and_commit(
    active: &Active,
    publication: &Publication,
    claimed: &mut Claimed,
) -> Result<Published, Halt> {
    let precondition = precondition(active, publication).await?;
    let options = PutOptions {
        metadata: metadata::of_transfer(active.id, &publication.attributes),
        precondition,
        ..PutOptions::default()
    };
    let size = active.upload.len();
    let written = claimed.during(put(active, publication, &options)).await?;
    let published = Published {
        size,
        written,
        time: active.core.clock.now(),
    };
    commit(active, publication, published, claimed).await
}

/// The object stands. Whatever goes wrong from here on, it must not be denied; unless somebody
/// took the key over meanwhile, and another object stands there.
async fn commit(
    active: &Active,
    publication: &Publication,
    mut published: Published,
    claimed: &mut Claimed,
) -> Result<Published, Halt> {
    let mut attempts = 1..ATTEMPTS;
    loop {
        let claim = claimed.publication();
        let error = match record::completed(active, publication, &published, claim).await {
            Ok(()) => return Ok(published),
            Err(error) => error,
        };
        if error.kind() == ErrorKind::Unavailable {
            return Err(Halt {
                error: unrecorded(publication, error),
                stands: Some(published),
            });
        }
        if error.kind() != ErrorKind::Conflict || attempts.next().is_none() {
            return Err(unrecorded(publication, error).into());
        }
        // This node was slow, or seemed dead. The last one to put his object there counts: if
        // that is this upload, it asks for the key once more, behind whoever has it now.
        if let Err(error) = claimed.reclaim(active.epoch).await {
            return Err(unrecorded(publication, error).into());
        }
        match proof::stands(&active.store, &active.intent.location.key, active.id).await {
            Ok(Some(written)) => published.written.etag = written.etag,
            Ok(None) => return Err(superseded(publication).caused_by(error).into()),
            Err(error) => return Err(unrecorded(publication, error).into()),
        }
    }
}

fn unrecorded(
    publication: &Publication,
    error: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    let reason = "it is stored, and could not be recorded";
    Error::new(ErrorKind::Unavailable, "upload", &publication.path, reason)
        .caused_by(error)
        .with_unknown_outcome()
}

fn superseded(publication: &Publication) -> Error {
    let reason = "a later upload has taken its place";
    Error::new(ErrorKind::Conflict, "upload", &publication.path, reason)
}

/// What the store is to check. Where it cannot, a look beforehand is the best there is: the claim
/// keeps out the other uploads of all nodes, and nobody else.
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

/// The database does not answer: see [`record_later`].
fn unrecorded_yet(active: &Active, error: &Error) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(transfer = %active.id, location = %active.intent.location, %error, cause,
        "an upload stands, and is recorded as soon as the database answers");
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
