//! Follows the revocation epoch: whoever loses his rights on one node loses his sessions on all.
//! Beside it, users of identity providers are asked about again, and files of revoked keys are
//! read when they change.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use gateway::Gateway;
use identity::Identity;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::config::IdentityConfig;
use crate::logins::SharedFiles;

/// How often the epoch is read: one row by its key.
const EVERY: Duration = Duration::from_secs(2);

/// Reviews the sessions of `gateway` until `stop`. While the database does not answer sessions go
/// on; the first answer after that catches up.
pub(crate) async fn follow(gateway: Arc<Gateway>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut in_doubt = false;
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let review = Box::pin(gateway.review_sessions());
        let Some(reviewed) = stop.run_until_cancelled(review).await else {
            return;
        };
        match &reviewed {
            Ok(0) => {}
            Ok(revoked) => tracing::info!(revoked, "sessions end: their users' rights shrank"),
            // Once, not every two seconds.
            Err(error) if !in_doubt => {
                tracing::warn!(%error, "cannot look for revoked users; trying again");
            }
            Err(_) => {}
        }
        in_doubt = reviewed.is_err();
    }
}

/// Asks identity providers again about the users of `gateway` who are in, until `stop`.
pub(crate) async fn reauthorise(
    gateway: Arc<Gateway>,
    identity: Identity,
    settings: watch::Receiver<IdentityConfig>,
    stop: CancellationToken,
) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let (every, grace) = {
            let settings = settings.borrow();
            (
                settings.reauthorise.duration(),
                settings.outage_grace.duration(),
            )
        };
        let asking = Box::pin(gateway.reauthorise_sessions(&identity, every, grace));
        match stop.run_until_cancelled(asking).await {
            None => return,
            Some(0) => {}
            Some(ended) => {
                tracing::info!(ended, "sessions end: their providers let them in no longer")
            }
        }
    }
}

/// Takes over what the files of authorities and revoked keys say when they change, until `stop`.
pub(crate) async fn follow_files(
    gateway: Arc<Gateway>,
    identity: Identity,
    files: SharedFiles,
    stop: CancellationToken,
) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        // Held while it is taken over, so that a reload is not undone by what stood before it.
        let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(trust) = files.changed() {
            identity.set_trust(trust);
            let ended = gateway.end_distrusted_sessions(&identity);
            tracing::info!(ended, "authorities and revoked keys read again");
        }
    }
}
