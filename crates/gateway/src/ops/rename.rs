//! RENAME and posix-rename of files: a copy inside the store, then the removal of the old key.

use database::ObjectRename;
use model::{ErrorKind, Event, EventKind, Location, VirtualPath};
use policy::Action;
use serde_json::json;
use storage::{ObjectHead, Precondition, Written};
use transfer::{Attributes, Original};

use super::stat::not_found;
use crate::audit::{unclaimed, unrecorded};
use crate::look::Standing;
use crate::open_file::OpenFile;
use crate::place::Place;
use crate::{Error, Overwrite, Result, Session};

pub(super) const OPERATION: &str = "rename";

impl Session {
    /// Gives a file or directory another name. A file that this session is writing goes to its
    /// new name with its last CLOSE, and is shown there until then.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` where the target exists and may not be replaced (directories never
    /// are) or is being written in this session, `Denied`, `Invalid` for a directory into itself.
    pub async fn rename(
        &self,
        from: &VirtualPath,
        to: &VirtualPath,
        overwrite: Overwrite,
    ) -> Result<()> {
        let source = self.place(OPERATION, from, Action::Rename)?;
        let target = self.place(OPERATION, to, Action::Rename)?;
        if source.is_fixed() || target.is_fixed_directory() {
            let path = if source.is_fixed() { from } else { to };
            return Err(Error::new(
                ErrorKind::Denied,
                format!("{OPERATION} {path}: it is fixed by the server's settings"),
            ));
        }
        if from == to {
            return self.stat(from).await.map(drop);
        }
        if to.starts_with(from) {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("{OPERATION} {from}: a directory cannot go into itself"),
            ));
        }
        if self.open_files.get(to).is_some() {
            return Err(busy(to));
        }
        let returns = |file: &OpenFile| file.place.path == *to;
        if !self.open_files.get(from).is_some_and(|file| returns(&file)) {
            self.open_files.check_free(OPERATION, to)?;
        }
        self.to_the_end(OPERATION, from, |session| async move {
            session
                .rename_open_or_stored(source, target, overwrite)
                .await
        })
        .await
    }

    async fn rename_open_or_stored(
        &self,
        source: Place,
        target: Place,
        overwrite: Overwrite,
    ) -> Result<()> {
        if let Some(file) = self.open_files.get(&source.path) {
            self.check_target(&target, overwrite).await?;
            self.open_files.rename(&file, target, overwrite);
            return Ok(());
        }
        if self.open_files.any_at_or_below(&source.path) {
            return Err(busy(&source.path));
        }
        self.rename_closed(&source, &target, overwrite).await
    }

    /// Renames what no session is at: what its owner alone sees, or what stands in the store.
    pub(crate) async fn rename_closed(
        &self,
        source: &Place,
        target: &Place,
        overwrite: Overwrite,
    ) -> Result<()> {
        let overlay = self.overlay(OPERATION, source).await?;
        if let Some(overlaid) = &overlay.here {
            return self
                .rename_private(source, overlaid, target, overwrite)
                .await;
        }
        if overlay.is_directory {
            return Err(private_below(&source.path));
        }
        let beside = self.overlay(OPERATION, target).await?;
        if beside.is_directory || (beside.here.is_some() && overwrite == Overwrite::Refuse) {
            return Err(exists(&target.path));
        }
        self.rename_stored(source, target, overwrite).await?;
        if beside.here.is_some() {
            self.remove_private(OPERATION, target).await?;
        }
        Ok(())
    }

    /// Renames what stands in the store.
    pub(crate) async fn rename_stored(
        &self,
        source: &Place,
        target: &Place,
        overwrite: Overwrite,
    ) -> Result<()> {
        let store = self.store(OPERATION, &source.path, source.bucket()).await?;
        match self.look(OPERATION, source, &*store).await? {
            Standing::Nothing => Err(not_found(OPERATION, &source.path)),
            Standing::File(head) => {
                let replaces = self.check_target(target, overwrite).await?;
                let key = source.location(OPERATION)?.key;
                let original = Original { store, key, head };
                self.rename_file(source, target, original, replaces).await
            }
            Standing::Directory => {
                if self.check_target(target, Overwrite::Refuse).await? {
                    return Err(exists(&target.path));
                }
                self.rename_directory(source, target, store).await
            }
        }
    }

    /// Whether a file at the target is going to be replaced; fails where something stands there
    /// that must not be.
    async fn check_target(&self, target: &Place, overwrite: Overwrite) -> Result<bool> {
        let path = &target.path;
        let store = self.store(OPERATION, path, target.bucket()).await?;
        target.check_limits(OPERATION, store.capabilities())?;
        match (self.look(OPERATION, target, &*store).await?, overwrite) {
            (Standing::Nothing, _) => Ok(false),
            (Standing::File(_), Overwrite::Replace) => {
                self.check(OPERATION, target, Action::Overwrite)?;
                Ok(true)
            }
            (Standing::File(_), Overwrite::Refuse) | (Standing::Directory, _) => Err(exists(path)),
        }
    }

    async fn rename_file(
        &self,
        source: &Place,
        target: &Place,
        original: Original,
        replaces: bool,
    ) -> Result<()> {
        let (from, to) = (source.location(OPERATION)?, target.location(OPERATION)?);
        let claimed = self.shared.transfers.claim_all([&from, &to]).await;
        let claimed = claimed.map_err(|error| unclaimed(OPERATION, &source.path, error))?;
        let head = &original.head;
        let kept = self.attributes_of(OPERATION, source, &from, head).await?;
        let (row, written) = self.copy(&original, target, !replaces, kept).await?;
        if let Err(error) = self.delete_renamed(&original).await {
            return Err(self
                .undo_copy(target, &written, replaces, source, error)
                .await);
        }
        let rename = ObjectRename {
            attributes: row,
            publications: claimed
                .each_ref()
                .map(|claim| claim.publication().clone())
                .into(),
            audit: self.rename_audit(source, target),
            event: Some(self.rename_event(source, target, &from, &to, Some((head, &written)))),
            from,
            to,
        };
        let committed = self.shared.database.writer().rename_object(rename).await;
        committed.map_err(|error| unrecorded(OPERATION, &source.path, error))?;
        claimed.into_iter().for_each(transfer::Claimed::committed);
        tracing::info!(session = %self.id, user = %self.user, from = %source.path, to = %target.path, "file renamed");
        Ok(())
    }

    /// Copies an object with what clients set of it; the row for its new place is not written yet.
    pub(super) async fn copy(
        &self,
        original: &Original,
        target: &Place,
        absent: bool,
        kept: Attributes,
    ) -> Result<(Option<database::Attributes>, Written)> {
        let store = self.store(OPERATION, &target.path, target.bucket()).await?;
        let to = target.location(OPERATION)?;
        let transfers = &self.shared.transfers;
        let copied = transfers
            .copy(original, &to.key, absent, &kept, &store)
            .await;
        let (transfer, written) = copied.map_err(|error| match error.kind() {
            ErrorKind::Conflict => Error::new(
                ErrorKind::Conflict,
                format!(
                    "{OPERATION} to {}: one of both names was changed meanwhile",
                    target.path
                ),
            )
            .caused_by(error),
            _ => Error::store("rename to", &target.path, error),
        })?;
        let row = (!kept.is_empty()).then(|| database::Attributes {
            version: written.version.clone(),
            transfer: Some(transfer),
            mtime: kept.mtime,
            atime: kept.atime,
            mode: kept.mode,
            ..database::Attributes::new(to, written.etag.clone())
        });
        Ok((row, written))
    }

    /// Removes the state that was copied. A newer one under the old name is another file: the
    /// rename came first then.
    pub(super) async fn delete_renamed(&self, original: &Original) -> storage::Result<()> {
        let conditional = original.store.capabilities().delete_conditions;
        let condition = Precondition::Matches(original.head.etag.clone());
        let condition = conditional.then_some(condition);
        let mut deleted = original
            .store
            .delete(&original.key, condition.as_ref())
            .await;
        if deleted.as_ref().is_err_and(storage::Error::outcome_unknown) {
            deleted = original
                .store
                .delete(&original.key, condition.as_ref())
                .await;
        }
        match deleted {
            Err(error)
                if conditional
                    && matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound) =>
            {
                Ok(())
            }
            deleted => deleted,
        }
    }

    /// The old name could not be removed: the new one goes again, unless it replaced something.
    async fn undo_copy(
        &self,
        target: &Place,
        written: &Written,
        replaces: bool,
        source: &Place,
        error: storage::Error,
    ) -> Error {
        let mut text = format!("{OPERATION} {}: {}", source.path, error.reason());
        if replaces || self.delete_copy(target, written).await.is_err() {
            text.push_str("; the file now stands under both names");
        }
        Error::new(error.kind(), text).caused_by(error)
    }

    async fn delete_copy(&self, target: &Place, written: &Written) -> Result<()> {
        let store = self.store(OPERATION, &target.path, target.bucket()).await?;
        let key = target.location(OPERATION)?.key;
        let condition = Precondition::Matches(written.etag.clone());
        let condition = store.capabilities().delete_conditions.then_some(condition);
        let deleted = store.delete(&key, condition.as_ref()).await;
        deleted.map_err(|error| Error::store(OPERATION, &target.path, error))
    }

    pub(super) fn rename_audit(&self, source: &Place, target: &Place) -> database::AuditEntry {
        database::AuditEntry {
            detail: json!({ "to": target.path.as_str() }),
            ..self.audit(OPERATION, &source.path)
        }
    }

    pub(super) fn rename_event(
        &self,
        source: &Place,
        target: &Place,
        from: &Location,
        to: &Location,
        object: Option<(&ObjectHead, &Written)>,
    ) -> Event {
        Event {
            old_path: Some(source.path.to_string()),
            old_key: Some(from.key.to_string()),
            size: object.map(|(head, _)| head.size),
            etag: object.map(|(_, written)| written.etag.clone()),
            version: object.and_then(|(_, written)| written.version.clone()),
            ..self.event(EventKind::Rename, &target.path, Some(to))
        }
    }
}

pub(super) fn exists(path: &VirtualPath) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!("{OPERATION} to {path}: it exists already"),
    )
}

fn private_below(path: &VirtualPath) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!(
            "{OPERATION} {path}: unfinished or temporary files are below it; finish or remove them first"
        ),
    )
}

fn busy(path: &VirtualPath) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!("{OPERATION} {path}: it is still being written in this session"),
    )
}
