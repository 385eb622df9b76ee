//! Follows the guard: what is earned on one node holds on all, and the audit log hears of it.

use std::time::Duration;

use identity::defence::Guard;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// How often nodes tell each other.
const EVERY: Duration = Duration::from_secs(1);

/// How long the end may be held up by a database that does not answer.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Shares what `guard` sees until `stop`, and then what is left. While the database does not answer
/// this node goes by what it knows, and tells the others later.
pub(crate) async fn follow(guard: Guard, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut in_doubt = false;
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        // A round that has begun is not given up at once: what it tells would be lost.
        let last_words = async {
            stop.cancelled().await;
            tokio::time::sleep(LAST_WORDS).await;
        };
        let shared = tokio::select! {
            shared = Box::pin(guard.share()) => shared,
            () = last_words => return,
        };
        match &shared {
            // Once, not every second.
            Err(error) if !in_doubt => {
                tracing::warn!(%error, "cannot share bans and audit rows; trying again");
            }
            Ok(()) | Err(_) => {}
        }
        in_doubt = shared.is_err();
    }
    match tokio::time::timeout(LAST_WORDS, Box::pin(guard.finish())).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "what the guard saw last is not on record"),
        Err(_) => tracing::warn!("what the guard saw last is not on record: the database is slow"),
    }
}
