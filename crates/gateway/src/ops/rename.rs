//! RENAME and posix-rename: what is checked before, and how long the answer waits.

use std::time::Duration;

use model::{ErrorKind, Location, VirtualPath};
use policy::Operation;
use serde_json::json;
use tokio::time::Instant;
use transfer::{MoveClaims, MoveRequest, Original};

use super::stat::not_found;
use crate::audit::unclaimed;
use crate::look::Standing;
use crate::open_file::OpenFile;
use crate::place::Place;
use crate::{Error, Overwrite, Result, Session};

pub(super) const OPERATION: &str = "rename";

/// How long a rename waits for others who change one of both names. Nothing is on record before.
const CLAIM_WAIT: Duration = Duration::from_secs(10);

/// What a rename may turn out to be.
const RENAMES: [Operation; 3] = [
    Operation::Rename,
    Operation::RenameDirectory,
    Operation::RenameTemporary,
];

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
        let source = self.find_stored(OPERATION, from)?;
        let target = self.find_stored(OPERATION, to)?;
        // What it is to be is asked again once it is known.
        self.check_any(OPERATION, &source, Some(&target), &RENAMES)?;
        if source.is_fixed() || target.is_fixed_directory() {
            let path = if source.is_fixed() { from } else { to };
            return Err(Error::new(
                ErrorKind::Denied,
                format!("{OPERATION} {path}: it is fixed by the server's settings"),
            ));
        }
        if from == to {
            return Box::pin(self.stat(from)).await.map(drop);
        }
        if to.starts_with(from) {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("{OPERATION} {from}: a directory cannot go into itself"),
            ));
        }
        if !self
            .shared
            .stores
            .are_together(source.bucket(), target.bucket())
        {
            return Err(elsewhere(from, to));
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
            self.check_name(OPERATION, &target.path)?;
            let operation = match self.is_temporary(&source) {
                true => Operation::RenameTemporary,
                false => Operation::Rename,
            };
            self.check_to(OPERATION, &source, &target, operation)?;
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
        let deadline = self.rename_deadline();
        for place in [source, target] {
            self.await_renames(OPERATION, place, deadline).await?;
        }
        let overlay = self.overlay(OPERATION, source).await?;
        if let Some(overlaid) = &overlay.here {
            return self
                .rename_private(source, overlaid, target, overwrite)
                .await;
        }
        if overlay.is_directory {
            self.check_private_below(source, target).await?;
        }
        let beside = self.overlay(OPERATION, target).await?;
        if beside.is_directory || (beside.here.is_some() && overwrite == Overwrite::Refuse) {
            return Err(exists(&target.path));
        }
        let has_private = overlay.is_directory;
        self.rename_stored(source, target, (overwrite, has_private), deadline)
            .await?;
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
        (overwrite, has_private): (Overwrite, bool),
        deadline: Instant,
    ) -> Result<()> {
        let store = self.store(OPERATION, &source.path, source.bucket()).await?;
        match self.look(OPERATION, source, &*store).await? {
            Standing::Nothing if has_private => self.rename_private_tree(source, target).await,
            Standing::Nothing => Err(self.nothing_to_rename(source, target)),
            Standing::File(head) => {
                self.check_name(OPERATION, &target.path)?;
                self.check_to(OPERATION, source, target, Operation::Rename)?;
                let replaces = self.check_target(target, overwrite).await?;
                let key = source.location(OPERATION)?.key;
                let original = Original { store, key, head };
                self.rename_file(source, target, original, replaces, deadline)
                    .await
            }
            Standing::Directory => {
                self.check_to(OPERATION, source, target, Operation::RenameDirectory)?;
                if self.check_target(target, Overwrite::Refuse).await? {
                    return Err(exists(&target.path));
                }
                self.rename_directory(source, target, store, deadline).await
            }
        }
    }

    /// Nothing stands there. Who may not look is told what he would be told if something did.
    fn nothing_to_rename(&self, source: &Place, target: &Place) -> Error {
        if !self.may(source, Operation::Stat) {
            for operation in [Operation::Rename, Operation::RenameDirectory] {
                if let Err(refused) = self.check_to(OPERATION, source, target, operation) {
                    return refused;
                }
            }
        }
        not_found(OPERATION, &source.path)
    }

    /// Whether a file at the target is going to be replaced; fails where something stands there
    /// that must not be.
    pub(super) async fn check_target(&self, target: &Place, overwrite: Overwrite) -> Result<bool> {
        let path = &target.path;
        let store = self.store(OPERATION, path, target.bucket()).await?;
        target.check_limits(OPERATION, store.capabilities())?;
        match (self.look(OPERATION, target, &*store).await?, overwrite) {
            (Standing::Nothing, _) => Ok(false),
            (Standing::File(_), Overwrite::Replace) => {
                self.check(OPERATION, target, Operation::Overwrite)?;
                Ok(true)
            }
            (Standing::File(_), Overwrite::Refuse) | (Standing::Directory, _) => Err(exists(path)),
        }
    }

    /// Answers when the file has its new name, or at the deadline: it goes on then, and the user
    /// sees it under its new name already.
    async fn rename_file(
        &self,
        source: &Place,
        target: &Place,
        original: Original,
        replaces: bool,
        deadline: Instant,
    ) -> Result<()> {
        let path = &source.path;
        let (from, to) = (source.location(OPERATION)?, target.location(OPERATION)?);
        let store = self.store(OPERATION, &target.path, target.bucket()).await?;
        let claims = self.claim_both(source, &from, &to).await?;
        let head = &original.head;
        let kept = self.attributes_of(OPERATION, source, &from, head).await?;
        let request = self.move_request(source, from, target, to, replaces);
        let transfers = &self.shared.transfers;
        let begun = transfers
            .move_file(request, original, kept, store, claims)
            .await;
        let mut moving = begun.map_err(|error| Error::transfer(OPERATION, path, error))?;
        let id = moving.id();
        match tokio::time::timeout_at(deadline, moving.finished()).await {
            Ok(Err(error)) if !error.outcome_unknown() => {
                Err(Error::transfer(OPERATION, path, error))
            }
            Ok(Ok(())) => Ok(()),
            // It is on record, so it ends one way or the other, and says so in an event.
            Ok(Err(_)) | Err(_) => {
                tracing::info!(session = %self.id, user = %self.user, from = %path, to = %target.path, %id, "a rename goes on behind its answer");
                Ok(())
            }
        }
    }

    /// The right to change both keys.
    pub(super) async fn claim_both(
        &self,
        source: &Place,
        from: &Location,
        to: &Location,
    ) -> Result<MoveClaims> {
        let claimed = self.shared.transfers.claim_move(from, to);
        match tokio::time::timeout(CLAIM_WAIT, claimed).await {
            Ok(Ok(claims)) => Ok(claims),
            Ok(Err(error)) => Err(unclaimed(OPERATION, &source.path, error)),
            Err(_) => Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "{OPERATION} {}: one of both names is being changed by somebody else; try again later",
                    source.path
                ),
            )),
        }
    }

    pub(super) fn rename_audit(&self, source: &Place, target: &Place) -> database::AuditEntry {
        database::AuditEntry {
            detail: json!({ "to": target.path.as_str() }),
            ..self.audit(OPERATION, &source.path)
        }
    }

    pub(super) fn move_request(
        &self,
        source: &Place,
        from: Location,
        target: &Place,
        to: Location,
        overwrite: bool,
    ) -> MoveRequest {
        MoveRequest {
            owner: self.user_id,
            user: self.user.clone(),
            server: self.server.clone(),
            session: self.id,
            protocol: self.peer.protocol,
            address: self.peer.address,
            from,
            from_path: source.path.clone(),
            to,
            to_path: target.path.clone(),
            overwrite,
        }
    }
}

pub(super) fn exists(path: &VirtualPath) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!("{OPERATION} to {path}: it exists already"),
    )
}

fn elsewhere(from: &VirtualPath, to: &VirtualPath) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("{OPERATION} {from}: {to} is in another store; copy it there, then remove it here"),
    )
}

fn busy(path: &VirtualPath) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!("{OPERATION} {path}: it is still being written in this session"),
    )
}
