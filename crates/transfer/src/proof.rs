//! Proving what became of a write whose answer was lost.

use std::sync::Arc;

use model::{ErrorKind, ObjectKey};
use storage::{ObjectStore, Written};
use tokio::time::Instant;

use crate::Settings;
use crate::metadata::Maker;

/// Asks the store until the object at `key` shows its maker, which proves that its write took
/// effect, or the deadline passes, which proves nothing: a request may take effect late.
pub(crate) async fn prove(
    store: &Arc<dyn ObjectStore>,
    key: &ObjectKey,
    maker: impl Into<Maker>,
    settings: &Settings,
) -> Option<Written> {
    let maker = maker.into();
    let deadline = Instant::now() + settings.proof_deadline;
    loop {
        if let Some(written) = look(store, key, maker.clone()).await {
            return Some(written);
        }
        if Instant::now() + settings.proof_pause >= deadline {
            return None;
        }
        tokio::time::sleep(settings.proof_pause).await;
    }
}

/// Asks once. A refused precondition is asked after as well: a request that was sent twice is
/// refused because of itself.
pub(crate) async fn look(
    store: &Arc<dyn ObjectStore>,
    key: &ObjectKey,
    maker: impl Into<Maker>,
) -> Option<Written> {
    let maker = maker.into();
    let found = stands(store, key, maker.clone()).await;
    found.unwrap_or_else(|error| {
        tracing::warn!(%key, ?maker, %error, "cannot look for a lost write");
        None
    })
}

/// Whether the object at `key` is the maker's; none where there is another one, or none.
pub(crate) async fn stands(
    store: &Arc<dyn ObjectStore>,
    key: &ObjectKey,
    maker: impl Into<Maker>,
) -> storage::Result<Option<Written>> {
    let maker = maker.into();
    let head = match store.head(key).await {
        Ok(head) => head,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(maker.made(&head.metadata).then_some(Written {
        etag: head.etag,
        version: head.version,
        crc64nvme: None,
    }))
}
