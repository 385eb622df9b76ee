//! RENAME of directories: everything below goes to its new place, and then it is answered.

use std::sync::Arc;

use futures::StreamExt as _;
use model::{ErrorKind, Location};
use policy::Operation;
use storage::{ListRequest, ObjectStore, ObjectStoreExt as _};
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
        self.check_below(source, target, &store).await?;
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

    /// Asks policy for everything below a directory before the first of it is moved: all goes, or
    /// nothing. Where no policy holds, mounts have said enough.
    async fn check_below(
        &self,
        source: &Place,
        target: &Place,
        store: &Arc<dyn ObjectStore>,
    ) -> Result<()> {
        if self.rights.policy().is_none() {
            return Ok(());
        }
        let prefix = source.prefix();
        let request = ListRequest {
            prefix: prefix.clone(),
            ..ListRequest::default()
        };
        let mut entries = store.entries(request);
        while let Some(entry) = entries.next().await {
            let entry = entry.map_err(|error| Error::store(OPERATION, &source.path, error))?;
            let rest = entry.name().strip_prefix(&prefix).unwrap_or_default();
            let operation = match rest.ends_with('/') {
                true => Operation::RenameDirectory,
                false => Operation::Rename,
            };
            let rest = rest.strip_suffix('/').unwrap_or(rest);
            if !rest.is_empty() {
                let (from, to) = (source.below(rest), target.below(rest));
                if let Err(refused) = self.check_to(OPERATION, &from, &to, operation) {
                    // The log says which it is; he is told its name if he may know it.
                    return Err(match self.may(&from, Operation::Stat) {
                        true => refused,
                        false => not_all(source),
                    });
                }
            }
        }
        Ok(())
    }
}

fn not_all(directory: &Place) -> Error {
    let path = &directory.path;
    let text = format!("{OPERATION} {path}: you have no permission to rename everything in it");
    Error::new(ErrorKind::Denied, text)
}
