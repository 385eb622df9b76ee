//! An upload that is left unfinished: what is safe of it is kept for its owner to continue.

use std::sync::Arc;

use database::{Detachment, Outcome, PrivateId};
use model::{ErrorKind, Event, EventKind, Timestamp, VirtualPath};
use serde_json::json;
use storage::Progress;

use crate::transfer::Active;
use crate::{Attributes, Transfer, metrics, record};

/// Why and how an upload is left.
#[derive(Debug, Clone)]
pub struct Leaving {
    /// Why, for the audit log.
    pub reason: String,
    /// What the client set so far.
    pub attributes: Attributes,
    /// The path as the user sees it now.
    pub path: VirtualPath,
}

/// What became of an upload that was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// So many bytes from its start are safe, and can be continued.
    Unfinished {
        /// How many.
        safe: u64,
    },
    /// Nothing of it is left: there was nothing, or nothing was safe.
    Nothing,
}

impl Transfer {
    /// Leaves the upload unfinished: every byte that follows its start without a hole is made
    /// safe, its row says what the store has, and a `partial` event tells of it. Where nothing is
    /// safe it is given up. A temporary file that was closed before and not written since stays
    /// what it was. Runs to its end even where nobody waits for it any more.
    pub async fn detach(&self, leaving: Leaving) -> Left {
        let active = Arc::clone(self.active());
        let core = Arc::clone(&active.core);
        let task = core
            .tasks
            .spawn(async move { leave(&active, &leaving).await });
        task.await.unwrap_or_else(|error| {
            tracing::error!(transfer = %self.id(), %error, "leaving an upload broke off");
            Left::Nothing
        })
    }
}

/// See [`Transfer::detach`].
pub(crate) async fn leave(active: &Arc<Active>, leaving: &Leaving) -> Left {
    if active.recorded().await.is_err() {
        active.upload.abort().await;
        return Left::Nothing;
    }
    if active.upload.is_untouched() {
        active.give_up(&leaving.reason, false).await;
        return Left::Nothing;
    }
    let progress = match active.upload.detach().await {
        Ok(progress) => progress,
        Err(error) => {
            tracing::warn!(transfer = %active.id, %error, "the end of an upload is not safe");
            active.upload.safe_progress()
        }
    };
    keep(active, &progress, leaving).await
}

/// Keeps what is safe, where that is more than what the upload began from.
async fn keep(active: &Arc<Active>, progress: &Progress, leaving: &Leaving) -> Left {
    let safe = progress.safe();
    if safe == 0 || (safe <= active.base_len && !progress.is_exact()) {
        active.give_up(&leaving.reason, true).await;
        return Left::Nothing;
    }
    let left = detachment(active, progress, leaving);
    match active.core.database.writer().detach(left.clone()).await {
        Ok(()) => kept(active, safe, leaving).await,
        Err(error) if error.kind() == ErrorKind::Unavailable => {
            tracing::warn!(transfer = %active.id, %error, "cannot note yet what is safe of an upload");
            let (active, leaving) = (Arc::clone(active), leaving.clone());
            let core = Arc::clone(&active.core);
            core.tasks.spawn(async move {
                let writer = active.core.database.writer();
                let noted = active.core.persist(|| writer.detach(left.clone())).await;
                if noted.is_ok() {
                    kept(&active, safe, &leaving).await;
                }
            });
        }
        // Another session goes on with it: it is not this one's to touch.
        Err(error) => {
            tracing::info!(transfer = %active.id, %error, "an upload was left behind");
        }
    }
    Left::Unfinished { safe }
}

async fn kept(active: &Active, safe: u64, leaving: &Leaving) {
    active.upload.forget_superseded().await;
    metrics::upload_ended("unfinished");
    tracing::info!(
        session = %active.intent.session,
        user = %active.intent.user,
        transfer = %active.id,
        path = %leaving.path,
        safe,
        reason = leaving.reason,
        "upload left unfinished"
    );
}

fn detachment(active: &Active, progress: &Progress, leaving: &Leaving) -> Detachment {
    let now = active.core.clock.now();
    let mut audit = record::audit(active, Outcome::Failed, now);
    audit.detail = json!({
        "transfer": active.id.to_string(),
        "unfinished": progress.safe(),
        "error": leaving.reason,
    });
    Detachment {
        progress: Some(progress.to_json()),
        safe: progress.safe(),
        audit: Some(audit),
        event: (!active.core.settings.origin.is_silent())
            .then(|| partial(active, progress.safe(), leaving, now)),
        ..unchanged(active, leaving.attributes, now)
    }
}

/// Back to what it was before this session: without progress, for a temporary file.
pub(crate) fn unchanged(active: &Active, attributes: Attributes, now: Timestamp) -> Detachment {
    let staged = active.staged.as_ref();
    Detachment {
        file: active.private_id(),
        progress: None,
        safe: staged.map_or(0, |staged| staged.object.size),
        set: attributes.into(),
        changed: staged.map_or(now, |staged| staged.object.finished),
        expires: now.plus(active.core.settings.retention),
        target: None,
        publication: None,
        audit: None,
        event: None,
    }
}

fn partial(active: &Active, safe: u64, leaving: &Leaving, now: Timestamp) -> Event {
    Event {
        path: Some(leaving.path.to_string()),
        size: Some(safe),
        mtime: leaving.attributes.mtime,
        transfer: Some(active.id),
        ..active.intent.event(EventKind::Partial, now)
    }
}

impl Active {
    /// Which row, as this session knows it.
    pub(crate) fn private_id(&self) -> PrivateId {
        PrivateId {
            transfer: self.id,
            epoch: self.epoch,
        }
    }
}
