//! Follows the revocation epoch: whoever loses his rights on one node loses his sessions on all.

use std::sync::Arc;
use std::time::Duration;

use gateway::Gateway;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

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
