//! The removal of an object: of the state that was seen, and with its outcome proven.

use std::sync::Arc;

use model::{ErrorKind, ObjectKey};
use storage::{ObjectStore, Precondition};
use tokio::time::Instant;

use crate::{Settings, Transfers};

/// What became of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// The object is gone.
    Gone,
    /// Another object stands at the key by now, and stays; none where the store cannot check
    /// conditions.
    Changed,
}

impl Transfers {
    /// Removes the object with this ETag from `key`. A lost answer is asked for again, and proven
    /// by a look at the key. The caller has claimed the key.
    ///
    /// # Errors
    /// What the store failed with; the object may be gone all the same where
    /// [`storage::Error::outcome_unknown`] says so.
    pub async fn delete(
        &self,
        key: &ObjectKey,
        etag: &str,
        store: &Arc<dyn ObjectStore>,
    ) -> storage::Result<Removed> {
        let condition = Precondition::Matches(etag.to_owned());
        let conditional = store.capabilities().delete_conditions;
        let condition = conditional.then_some(condition);
        let mut deleted = store.delete(key, condition.as_ref()).await;
        if deleted.as_ref().is_err_and(storage::Error::outcome_unknown) {
            // Sending it twice does no harm.
            deleted = store.delete(key, condition.as_ref()).await;
        }
        match deleted {
            Ok(()) => Ok(Removed::Gone),
            Err(error) if conditional && error.kind() == ErrorKind::NotFound => Ok(Removed::Gone),
            Err(error) if conditional && error.kind() == ErrorKind::Conflict => {
                // Where nothing stands, the condition does not hold because the first one did it.
                match store.head(key).await {
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(Removed::Gone),
                    _ => Ok(Removed::Changed),
                }
            }
            Err(error) if error.outcome_unknown() => {
                let proven = prove(key, etag, store, &self.core().settings).await;
                proven.ok_or(error)
            }
            Err(error) => Err(error),
        }
    }
}

/// Asks the store until the object is gone, or another one stands in its place, or the deadline
/// passes.
async fn prove(
    key: &ObjectKey,
    etag: &str,
    store: &Arc<dyn ObjectStore>,
    settings: &Settings,
) -> Option<Removed> {
    let deadline = Instant::now() + settings.proof_deadline;
    loop {
        match store.head(key).await {
            Ok(head) if head.etag != etag => return Some(Removed::Gone),
            Err(error) if error.kind() == ErrorKind::NotFound => return Some(Removed::Gone),
            Err(error) => tracing::warn!(%key, %error, "cannot look for a removed object"),
            // It stands: the request was lost on its way, or takes effect late.
            Ok(_) => {}
        }
        if Instant::now() + settings.proof_pause >= deadline {
            return None;
        }
        tokio::time::sleep(settings.proof_pause).await;
    }
}
