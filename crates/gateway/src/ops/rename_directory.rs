//! RENAME of directories: every key below goes to its new place before any old one is removed.

use std::sync::Arc;

use database::ObjectRename;
use futures::{StreamExt, TryStreamExt, stream};
use model::{ErrorKind, Location, ObjectKey, VirtualPath};
use serde_json::json;
use storage::{Entry, ListRequest, ObjectStore, ObjectStoreExt};
use transfer::Original;

use super::rename::OPERATION;
use crate::place::Place;
use crate::{Error, Result, Session};

/// More objects than this are refused: their keys are held in memory meanwhile, and no client
/// waits that long.
const MOST_OBJECTS: usize = 100_000;

impl Session {
    /// Copies everything below a directory, removes the old keys, then records the rename. Where
    /// a copy fails nothing of the old directory is removed.
    pub(super) async fn rename_directory(
        &self,
        source: &Place,
        target: &Place,
        store: Arc<dyn ObjectStore>,
    ) -> Result<()> {
        let keys = self.keys_below(source, &*store).await?;
        let count = keys.len();
        let at_once = self.shared.settings.tree_parallelism.max(1);
        let copied: Vec<(Original, ObjectRename)> = stream::iter(keys)
            .map(|key| self.copy_below(key, source, target, &store))
            .buffer_unordered(at_once)
            .try_filter_map(|copied| async move { Ok(copied) })
            .try_collect()
            .await?;
        stream::iter(copied)
            .map(Ok)
            .try_for_each_concurrent(at_once, |(original, rename)| {
                self.finish_below(original, rename, source)
            })
            .await?;
        let marker = |place: &Place| -> Result<Location> {
            Ok(Location {
                bucket: place.bucket().clone(),
                key: place.marker(OPERATION)?,
            })
        };
        let (from, to) = (marker(source)?, marker(target)?);
        let event = self.rename_event(source, target, &from, &to, None);
        let audit = self.rename_audit(source, target);
        self.record(OPERATION, &source.path, audit, Some(event))
            .await?;
        tracing::info!(session = %self.id, user = %self.user, from = %source.path, to = %target.path, objects = count, "directory renamed");
        Ok(())
    }

    async fn keys_below(&self, source: &Place, store: &dyn ObjectStore) -> Result<Vec<String>> {
        let request = ListRequest {
            prefix: source.prefix(),
            ..ListRequest::default()
        };
        let mut entries = store.entries(request);
        let mut keys = Vec::new();
        while let Some(entry) = entries.next().await {
            let entry = entry.map_err(|error| Error::store(OPERATION, &source.path, error))?;
            let Entry::Object { key, .. } = entry else {
                continue;
            };
            if keys.len() == MOST_OBJECTS {
                let path = &source.path;
                return Err(Error::new(
                    ErrorKind::Exhausted,
                    format!(
                        "{OPERATION} {path}: more than {MOST_OBJECTS} files are below it; rename its parts"
                    ),
                ));
            }
            keys.push(key);
        }
        Ok(keys)
    }

    /// Copies one object; none where it was removed meanwhile.
    async fn copy_below(
        &self,
        key: String,
        source: &Place,
        target: &Place,
        store: &Arc<dyn ObjectStore>,
    ) -> Result<Option<(Original, ObjectRename)>> {
        let failed = |error| Error::store(OPERATION, &source.path, error);
        let invalid = |error: model::InvalidLocation| {
            let path = &target.path;
            Error::new(
                ErrorKind::Invalid,
                format!("{OPERATION} to {path}: {error}"),
            )
        };
        let rest = key
            .strip_prefix(&source.prefix())
            .unwrap_or_default()
            .to_owned();
        let from = Location {
            bucket: source.bucket().clone(),
            key: ObjectKey::parse(key).map_err(invalid)?,
        };
        let head = match store.head(&from.key).await {
            Ok(head) => head,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let below = Place {
            key: format!("{}{rest}", target.prefix()),
            ..target.clone()
        };
        let kept = self.attributes_of(OPERATION, source, &from, &head).await?;
        let original = Original {
            store: Arc::clone(store),
            key: from.key.clone(),
            head,
        };
        let (attributes, _) = self.copy(&original, &below, true, kept).await?;
        let rename = ObjectRename {
            to: below.location(OPERATION)?,
            from,
            attributes,
            publications: Vec::new(),
            audit: self.moved_audit(&source.path, &target.path, &rest),
            event: None,
        };
        Ok(Some((original, rename)))
    }

    /// Each object below has an entry of its own; the event is the directory's alone.
    fn moved_audit(
        &self,
        source: &VirtualPath,
        target: &VirtualPath,
        rest: &str,
    ) -> database::AuditEntry {
        database::AuditEntry {
            path: Some(format!("{source}/{rest}")),
            detail: json!({ "to": format!("{target}/{rest}") }),
            ..self.audit(OPERATION, source)
        }
    }

    /// Removes one old key, and takes what clients set of it along.
    async fn finish_below(
        &self,
        original: Original,
        rename: ObjectRename,
        source: &Place,
    ) -> Result<()> {
        let deleted = self.delete_renamed(&original).await;
        deleted.map_err(|error| {
            let text = format!(
                "{OPERATION} {}: everything stands under its new name, and some files could not be removed from the old one: {}",
                source.path,
                error.reason()
            );
            Error::new(error.kind(), text).caused_by(error)
        })?;
        let moved = self.shared.database.writer().rename_object(rename).await;
        moved
            .map(drop)
            .map_err(|error| crate::audit::unrecorded(OPERATION, &source.path, error))
    }
}
