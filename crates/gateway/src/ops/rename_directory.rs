//! RENAME of directories: everything below goes to its new place, and then it is answered.

use std::sync::Arc;

use model::Location;
use storage::ObjectStore;
use tokio::time::Instant;

use super::rename::OPERATION;
use crate::place::Place;
use crate::{Error, Result, Session};

impl Session {
    /// Gives everything below a directory its new key, object by object. Where one of them cannot
    /// be moved, the others are, and the answer says so.
    pub(super) async fn rename_directory(
        &self,
        source: &Place,
        target: &Place,
        store: Arc<dyn ObjectStore>,
        deadline: Instant,
    ) -> Result<()> {
        let path = &source.path;
        let marker = |place: &Place| -> Result<Location> {
            Ok(Location {
                bucket: place.bucket().clone(),
                key: place.marker(OPERATION)?,
            })
        };
        let (from, to) = (marker(source)?, marker(target)?);
        let prefix = source.prefix();
        // A file that is still on its way here goes along.
        self.await_renames_of(OPERATION, path, deadline, |found| {
            let below = |location: &Location| {
                location.bucket == from.bucket && location.key.as_str().starts_with(&prefix)
            };
            below(&found.begun.from) || below(&found.begun.to)
        })
        .await?;
        let to_store = self.store(OPERATION, &target.path, target.bucket()).await?;
        let claims = self.claim_both(source, &from, &to).await?;
        let kept = self.directory_attributes(OPERATION, source).await?;
        let request = self.move_request(source, from, target, to, false);
        let transfers = &self.shared.transfers;
        let begun = transfers
            .move_directory(request, kept, store, to_store, claims)
            .await;
        let mut moving = begun.map_err(|error| Error::transfer(OPERATION, path, error))?;
        let finished = moving.finished().await;
        finished.map_err(|error| Error::transfer(OPERATION, path, error))
    }
}
