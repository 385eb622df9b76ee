//! CLOSE of a temporary file: its object stands whole in staging, and its row says so.

use std::sync::Arc;

use database::{Outcome, Staging};
use model::ErrorKind;
use serde_json::json;
use storage::{PutOptions, Written};

use crate::metadata::StagedFor;
use crate::transfer::{Active, Publication, Published};
use crate::transfers::Core;
use crate::{Error, Intent, Result, metadata, metrics, proof, publish, record};

/// Stores the object in staging and notes that it is whole. Nobody but its owner hears of it.
pub(crate) async fn stage(active: &Arc<Active>, publication: &Publication) -> Result<Published> {
    let outcome = put_and_note(active, publication).await;
    match &outcome {
        Ok(published) => staged(active, publication, published).await,
        Err(error) if error.outcome_unknown() => publish::unknown(active, error),
        Err(error) => publish::failed(active, publication, error).await,
    }
    outcome
}

async fn put_and_note(active: &Arc<Active>, publication: &Publication) -> Result<Published> {
    if let Err(error) = active.recorded().await {
        let reason = "its intent could not be recorded";
        let failed = Error::new(error.kind(), "upload", &publication.path, reason);
        return Err(failed.caused_by(error));
    }
    let size = active.upload.len();
    let written = put(active, publication).await?;
    let published = Published {
        size,
        written,
        time: active.core.clock.now(),
    };
    note(active, publication, &published).await?;
    Ok(published)
}

async fn put(active: &Active, publication: &Publication) -> Result<Written> {
    let mut metadata = metadata::of_transfer(active.id, &publication.attributes);
    let owner = StagedFor {
        path: publication.path.clone(),
        ..staged_for(&active.intent, &active.core)
    };
    metadata::name_owner(&mut metadata, &owner);
    let options = PutOptions {
        metadata,
        ..PutOptions::default()
    };
    match active.upload.finish(&options).await {
        Ok(written) => Ok(written),
        Err(error) if error.outcome_unknown() => {
            let settings = &active.core.settings;
            let proven = proof::prove(&active.store, &active.key, active.id, settings).await;
            proven.ok_or_else(|| active.failed("upload", error))
        }
        Err(error) => Err(active.failed("upload", error)),
    }
}

/// While the database is away, it is told in the background: the object stands.
async fn note(
    active: &Arc<Active>,
    publication: &Publication,
    published: &Published,
) -> Result<()> {
    let row = row(active, publication, published);
    let error = match active.core.database.writer().stage(row.clone()).await {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    let reason = match error.kind() {
        ErrorKind::Conflict => "another session of yours goes on with it",
        _ => "it is stored, and could not be recorded",
    };
    let failed = Error::new(error.kind(), "upload", &publication.path, reason);
    if error.kind() != ErrorKind::Unavailable {
        return Err(failed.caused_by(error));
    }
    let core = Arc::clone(&active.core);
    active.core.tasks.spawn(async move {
        let writer = core.database.writer();
        if let Err(error) = core.persist(|| writer.stage(row.clone())).await {
            let transfer = row.file.transfer;
            tracing::warn!(%transfer, %error, "cannot note that a temporary file is whole");
        }
    });
    Err(failed.caused_by(error).with_unknown_outcome())
}

/// Whose its object in staging is.
pub(crate) fn staged_for(intent: &Intent, core: &Core) -> StagedFor {
    StagedFor {
        installation: core.database.installation(),
        owner: intent.owner,
        location: intent.location.clone(),
        path: intent.path.clone(),
    }
}

fn row(active: &Active, publication: &Publication, published: &Published) -> Staging {
    let mut audit = record::audit(active, Outcome::Success, published.time);
    audit.action = "stage".to_owned();
    audit.path = Some(publication.path.to_string());
    audit.detail = json!({ "transfer": active.id.to_string(), "size": published.size });
    Staging {
        file: active.private_id(),
        key: active.key.clone(),
        object: published.completed(),
        set: publication.attributes.into(),
        audit,
    }
}

async fn staged(active: &Active, publication: &Publication, published: &Published) {
    metrics::upload_ended("staged");
    tracing::info!(
        session = %active.intent.session,
        user = %active.intent.user,
        transfer = %active.id,
        path = %publication.path,
        bytes = published.size,
        "temporary file closed"
    );
    // The object that it went on from. What is left of it goes with the file.
    if let Some(older) = &active.staged
        && let Err(error) = active.store.delete(&older.location.key, None).await
    {
        tracing::warn!(transfer = %active.id, %error, "an older temporary object stays for a while");
    }
}
