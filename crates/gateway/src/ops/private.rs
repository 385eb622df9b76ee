//! RENAME, REMOVE and SETSTAT of files that their owner alone sees.

use database::{PrivateFile, PrivateMove, PrivateRemoval, SetAttributes};
use model::{ErrorKind, VirtualPath};
use policy::Operation;
use storage::Placement;
use transfer::{Attributes, Condition, Leaving, Naming, Publication};

use super::rename;
use crate::audit::unrecorded;
use crate::overlay::{Overlaid, set_of, unfinished};
use crate::place::Place;
use crate::{AttributeChanges, Error, Overwrite, Result, Session};

impl Session {
    /// Gives a private file another name: one that keeps it private, or its final one.
    pub(crate) async fn rename_private(
        &self,
        source: &Place,
        overlaid: &Overlaid,
        target: &Place,
        overwrite: Overwrite,
    ) -> Result<()> {
        let file = overlaid.file();
        self.check_name(rename::OPERATION, &target.path)?;
        self.check_to(
            rename::OPERATION,
            source,
            target,
            Operation::RenameTemporary,
        )?;
        let stays = self.is_temporary(target);
        let is_unfinished = matches!(overlaid, Overlaid::Unfinished(_));
        if is_unfinished && stays != file.is_temporary() {
            // Where its bytes are made an object was decided by its name.
            return Err(unfinished(rename::OPERATION, &source.path, file));
        }
        if is_unfinished && !file.is_movable_to(target.bucket()) {
            return Err(bound(&source.path, file));
        }
        let beside = self.overlay(rename::OPERATION, target).await?;
        let taken =
            beside.is_directory || (overwrite == Overwrite::Refuse && beside.here.is_some());
        if taken {
            return Err(rename::exists(&target.path));
        }
        match stays || is_unfinished {
            true => self.move_private(source, file, target, overwrite).await,
            false => self.name_finally(source, file, target, overwrite).await,
        }
    }

    async fn move_private(
        &self,
        source: &Place,
        file: &PrivateFile,
        target: &Place,
        overwrite: Overwrite,
    ) -> Result<()> {
        if overwrite == Overwrite::Refuse {
            self.check_free_at(target).await?;
        }
        let moved = PrivateMove {
            file: file.private_id(),
            location: target.location(rename::OPERATION)?,
            path: target.path.to_string(),
            audit: self.rename_audit(source, target),
        };
        let moved = self.shared.database.writer().move_private(moved).await;
        moved.map_err(|error| taken_over(rename::OPERATION, &source.path, error))?;
        tracing::info!(session = %self.id, user = %self.user, from = %source.path, to = %target.path, "temporary file renamed");
        self.shared.transfers.clear_soon(&self.shared.stores);
        Ok(())
    }

    /// The upload of a temporary file is complete with its final name.
    async fn name_finally(
        &self,
        source: &Place,
        file: &PrivateFile,
        target: &Place,
        overwrite: Overwrite,
    ) -> Result<()> {
        let store = self
            .store(rename::OPERATION, &target.path, target.bucket())
            .await?;
        target.check_limits(rename::OPERATION, store.capabilities())?;
        if overwrite == Overwrite::Refuse {
            self.check_free_at(target).await?;
        }
        let naming = Naming {
            intent: self.intent(target)?,
            absent: overwrite == Overwrite::Refuse || !target.may_replace(),
        };
        let transfers = &self.shared.transfers;
        let named = transfers.give_name(file, &naming, &self.stores).await;
        named
            .map(drop)
            .map_err(|error| Error::transfer(rename::OPERATION, &source.path, error))
    }

    /// Fails where a file stands that RENAME must not replace: one HEAD.
    async fn check_free_at(&self, target: &Place) -> Result<()> {
        let store = self
            .store(rename::OPERATION, &target.path, target.bucket())
            .await?;
        match self
            .look_for_file(rename::OPERATION, target, &*store)
            .await?
        {
            Some(_) => Err(rename::exists(&target.path)),
            None => Ok(()),
        }
    }

    /// Gives up the private files at a place. False where there are none.
    pub(crate) async fn remove_private(&self, operation: &str, place: &Place) -> Result<bool> {
        let removal = PrivateRemoval {
            owner: self.user_id,
            location: place.location(operation)?,
            now: self.shared.clock.now(),
            audit: Some(self.audit(operation, &place.path)),
        };
        let removed = self.shared.database.writer().discard_private(removal).await;
        let count = removed.map_err(|error| unrecorded(operation, &place.path, error))?;
        if count > 0 {
            tracing::info!(session = %self.id, user = %self.user, path = %place.path, "unfinished file removed");
            self.shared.transfers.clear_soon(&self.shared.stores);
        }
        Ok(count > 0)
    }

    /// What is set of a private file is kept in its row, and published with it.
    pub(crate) async fn set_private(
        &self,
        operation: &str,
        place: &Place,
        overlaid: &Overlaid,
        changes: &AttributeChanges,
    ) -> Result<()> {
        let file = overlaid.file();
        let kept = set_of(file);
        let set = Attributes::from(changes).or(kept);
        if let Some(size) = changes.size.filter(|size| *size != size_of(overlaid)) {
            return self.resize_private(place, overlaid, size, set).await;
        }
        if set == kept {
            return Ok(());
        }
        let audit = self.audit("set_attributes", &place.path);
        let writer = self.shared.database.writer();
        let kept = writer
            .set_private(file.private_id(), SetAttributes::from(set), Some(audit))
            .await;
        kept.map_err(|error| taken_over(operation, &place.path, error))
    }

    /// Goes on with the file, cuts or extends it, and leaves it as it was: unfinished or closed.
    async fn resize_private(
        &self,
        place: &Place,
        overlaid: &Overlaid,
        size: u64,
        set: Attributes,
    ) -> Result<()> {
        self.check("set size of", place, Operation::Overwrite)?;
        self.check_size("set size of", &place.path, size)?;
        let resumed = self
            .resume(place, overlaid.file(), Placement::Direct)
            .await?;
        let transfer = resumed.transfer;
        let leaving = |reason: &str| Leaving {
            reason: reason.to_owned(),
            attributes: set,
            path: place.path.clone(),
        };
        if let Err(error) = transfer.truncate(size) {
            transfer.detach(leaving("its new size was refused")).await;
            return Err(Error::transfer("set size of", &place.path, error));
        }
        if let Overlaid::Unfinished(_) = overlaid {
            transfer.detach(leaving("its size was set")).await;
            return Ok(());
        }
        let publication = Publication {
            condition: Condition::Any,
            attributes: set,
            path: place.path.clone(),
        };
        let finished = transfer.finish(publication).await;
        finished
            .map(drop)
            .map_err(|error| Error::transfer("set size of", &place.path, error))
    }

    /// Whether files of this name stay private until they are renamed.
    pub(crate) fn is_temporary(&self, place: &Place) -> bool {
        let suffixes = &self.shared.settings.temporary_suffixes;
        let name = place.path.name().unwrap_or_default();
        let is_one = |suffix: &String| name.len() > suffix.len() && name.ends_with(suffix.as_str());
        !suffixes.is_empty() && !place.is_file_entry() && suffixes.iter().any(is_one)
    }
}

/// What is in the store of an upload at its key can become an object there alone.
fn bound(path: &VirtualPath, file: &PrivateFile) -> Error {
    let safe = file.safe.unwrap_or(0);
    let (operation, reason) = (
        rename::OPERATION,
        match file.transfer.intent.base_etag {
            Some(_) => "it adds to the file that stands here",
            None => "they are bound to this name",
        },
    );
    Error::new(
        ErrorKind::Conflict,
        format!(
            "{operation} {path}: its upload is unfinished, {safe} bytes of it are safe, and {reason}; \
             continue it and rename the file then, or remove it"
        ),
    )
}

fn size_of(overlaid: &Overlaid) -> u64 {
    let file = overlaid.file();
    match (overlaid, &file.staged) {
        (Overlaid::Temporary(_), Some(staged)) => staged.object.size,
        _ => file.safe.unwrap_or(0),
    }
}

fn taken_over(operation: &str, path: &VirtualPath, error: database::Error) -> Error {
    let reason = match error.kind() {
        ErrorKind::Conflict => "another session of yours goes on with it, or has ended it",
        _ => "the database does not answer",
    };
    Error::new(error.kind(), format!("{operation} {path}: {reason}")).caused_by(error)
}
