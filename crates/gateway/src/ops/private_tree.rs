//! RENAME of directories that hold files which their owner alone sees.

use database::{PrivateFile, PrivateFilesTable, PrivateTree};
use model::{ErrorKind, Location};
use policy::Operation;

use super::rename::{OPERATION, exists};
use crate::place::Place;
use crate::{Error, Overwrite, Result, Session};

impl Session {
    /// Fails with the first private file below a directory that cannot or may not go along to
    /// another place, before anything is begun. The database looks again when it is.
    pub(super) async fn check_private_below(&self, source: &Place, target: &Place) -> Result<()> {
        let prefix = source.prefix();
        let mut after = None;
        loop {
            let files = self
                .private_below(OPERATION, source, after.as_deref())
                .await?;
            for file in &files {
                let key = file.transfer.intent.location.key.as_str();
                let rest = key.strip_prefix(&prefix).unwrap_or_default();
                let (from, to) = (source.below(rest), target.below(rest));
                let operation = match file.is_temporary() {
                    true => Operation::RenameTemporary,
                    false => Operation::Rename,
                };
                self.check_to(OPERATION, &from, &to, operation)?;
                if !file.is_movable_to(target.bucket()) {
                    return Err(bound(source, file));
                }
            }
            if files.len() < PrivateFilesTable::PAGE as usize {
                return Ok(());
            }
            let last = files.last().map(|file| &file.transfer.intent.location.key);
            after = last.map(|key| format!("{key}\u{1}"));
        }
    }

    /// Renames a directory that is there because of private files alone: nothing of it is in the
    /// store under its name.
    pub(super) async fn rename_private_tree(&self, source: &Place, target: &Place) -> Result<()> {
        self.check_to(OPERATION, source, target, Operation::RenameDirectory)?;
        if self.check_target(target, Overwrite::Refuse).await? {
            return Err(exists(&target.path));
        }
        let marker = |place: &Place| -> Result<Location> {
            Ok(Location {
                bucket: place.bucket().clone(),
                key: place.marker(OPERATION)?,
            })
        };
        let tree = PrivateTree {
            owner: self.user_id,
            from: marker(source)?,
            to: marker(target)?,
            to_path: target.path.to_string(),
            now: self.shared.clock.now(),
        };
        let audit = self.rename_audit(source, target);
        let writer = self.shared.database.writer();
        let files = writer.move_private_tree(tree, audit).await;
        let files = files.map_err(|error| {
            let reason = match error.kind() {
                ErrorKind::Conflict => "a private file below it is being changed; try again",
                _ => "the database does not answer",
            };
            let text = format!("{OPERATION} {}: {reason}", source.path);
            Error::new(error.kind(), text).caused_by(error)
        })?;
        tracing::info!(session = %self.id, user = %self.user, from = %source.path, to = %target.path, files, "directory of private files renamed");
        Ok(())
    }
}

/// Why a private file keeps its directory where it is.
fn bound(directory: &Place, file: &PrivateFile) -> Error {
    let path = &file.transfer.intent.path;
    let reason = match file.is_free() {
        false => "another session of yours is at",
        true => "an unfinished upload is bound to its name:",
    };
    Error::new(
        ErrorKind::Conflict,
        format!(
            "{OPERATION} {}: {reason} {path}; finish it or remove it first",
            directory.path
        ),
    )
}
