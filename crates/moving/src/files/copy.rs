//! One file: read from the source, hashed, and put at its target by the engine that clients' uploads
//! go through.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use database::{ImportEntry, ImportState};
use model::{ErrorKind, Location, TransferId, UserName};
use storage::Placement;
use transfer::{Attributes, Beginning, Condition, Intent, Leaving, Left, Publication, Transfer};

use super::content::Content;
use super::import::Shared;
use super::item::Item;
use super::job::unusable;
use super::place::path_of;
use super::sha256::{self, Digest};
use crate::Error;

/// Why a file did not move.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It changed while it was read.
    Changed,
    /// It is not at the source any more.
    Gone,
    /// Somebody else's stands at its target.
    Kept(String),
    /// The pass is to end.
    Stopped,
    /// Its upload is left to be gone on with, and why.
    Left(TransferId, String),
    /// Anything else.
    Failed { kind: ErrorKind, reason: String },
}

impl Trouble {
    pub(crate) fn source(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Gone,
            ErrorKind::Conflict => Self::Changed,
            kind => Self::Failed {
                kind,
                reason: error.to_string(),
            },
        }
    }

    pub(crate) fn store(error: &storage::Error) -> Self {
        let (kind, reason) = (error.kind(), error.to_string());
        Self::Failed { kind, reason }
    }

    pub(crate) fn database(error: &database::Error) -> Self {
        let (kind, reason) = (error.kind(), error.to_string());
        Self::Failed { kind, reason }
    }

    fn transfer(error: &transfer::Error) -> Self {
        if error.outcome_unknown() {
            // The next pass finds out: the object says who made it.
            let reason = format!(
                "{}; the next pass finds out whether it stands",
                error.reason()
            );
            let kind = ErrorKind::Internal;
            return Self::Failed { kind, reason };
        }
        match error.kind() {
            ErrorKind::Conflict => {
                Self::Kept(format!("its target changed meanwhile: {}", error.reason()))
            }
            kind => Self::Failed {
                kind,
                reason: error.reason().to_owned(),
            },
        }
    }
}

/// A file that stands at its target.
struct Stored {
    etag: String,
    sha256: String,
    transfer: TransferId,
}

impl Shared {
    /// Moves a file, unless it is there as it is at the source.
    pub(crate) async fn settle_file(
        &self,
        item: &Item,
        old: Option<&ImportEntry>,
        new: ImportEntry,
    ) -> Result<ImportEntry, Trouble> {
        let location = new.target.clone().ok_or(Trouble::Stopped)?;
        if let Some(old) = old.filter(|old| is_done(old, &new))
            && self.is_as_known(item, old).await?
        {
            return self.unchanged(old, &location).await;
        }
        let Some(condition) = Box::pin(self.condition(item, &location, old)).await? else {
            return self.same(item, new).await;
        };
        let pass = self.job.row.pass;
        if self.job.is_rehearsal() {
            let state = ImportState::Moved;
            return Ok(ImportEntry {
                state,
                changed: pass,
                ..new
            });
        }
        let stored = Box::pin(self.copy(item, old, &new, condition)).await?;
        Ok(ImportEntry {
            state: ImportState::Moved,
            sha256: Some(stored.sha256),
            etag: Some(stored.etag),
            transfer: Some(stored.transfer),
            changed: pass,
            ..new
        })
    }

    /// Whether its bytes are as they were, where that is asked for.
    async fn is_as_known(&self, item: &Item, old: &ImportEntry) -> Result<bool, Trouble> {
        if !self.parts.settings.checksum {
            return Ok(true);
        }
        Ok(self.digest(item).await? == old.sha256)
    }

    async fn digest(&self, item: &Item) -> Result<Option<String>, Trouble> {
        let mut content = self
            .parts
            .source
            .open(item)
            .await
            .map_err(|e| Trouble::source(&e))?;
        let read = sha256::of_source(&mut *content, self).await;
        content.close().await;
        let (digest, _) = read.map_err(|error| Trouble::source(&error))?;
        Ok(Some(digest))
    }

    async fn unchanged(
        &self,
        old: &ImportEntry,
        location: &Location,
    ) -> Result<ImportEntry, Trouble> {
        if self.parts.settings.verify {
            self.verify(location, old.etag.as_deref(), old.sha256.as_deref())
                .await?;
        }
        let seen = self.job.row.pass;
        Ok(ImportEntry {
            seen,
            ..old.clone()
        })
    }

    async fn same(&self, item: &Item, new: ImportEntry) -> Result<ImportEntry, Trouble> {
        let sha256 = self.digest(item).await?;
        let state = ImportState::Same;
        Ok(ImportEntry {
            state,
            sha256,
            ..new
        })
    }

    /// Reads back what stands at a target.
    async fn verify(
        &self,
        location: &Location,
        etag: Option<&str>,
        sha256: Option<&str>,
    ) -> Result<(), Trouble> {
        let kept = |reason: &str| Trouble::Kept(reason.to_owned());
        let head = match self.parts.store.head(&location.key).await {
            Ok(head) => head,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(kept("it was removed from its target since it was moved"));
            }
            Err(error) => return Err(Trouble::store(&error)),
        };
        if etag.is_some_and(|etag| etag != head.etag) {
            return Err(kept("it was replaced at its target since it was moved"));
        }
        let read = sha256::of_object(&self.parts.store, &location.key, head, self).await;
        let read = read.map_err(|error| Trouble::store(&error))?;
        match sha256 {
            Some(known) if known != read => Err(Trouble::Failed {
                kind: ErrorKind::Internal,
                reason: "what stands at its target has other bytes than were read".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    async fn copy(
        &self,
        item: &Item,
        old: Option<&ImportEntry>,
        new: &ImportEntry,
        condition: Condition,
    ) -> Result<Stored, Trouble> {
        let mut content = self
            .parts
            .source
            .open(item)
            .await
            .map_err(|e| Trouble::source(&e))?;
        let attributes = content.attributes().unwrap_or(Attributes {
            mtime: Some(item.mtime),
            atime: None,
            mode: item.mode,
        });
        let transfer = self.transfer(old, new, attributes, &condition).await?;
        if transfer.is_empty()
            && let Some(head) = content.head()
        {
            transfer.inherit(head, &attributes);
        }
        let copied = self.pump(&mut *content, &transfer, item).await;
        let copied = match copied {
            Ok(digest) => self.check(&mut *content, digest, item).await,
            Err(trouble) => Err(trouble),
        };
        content.close().await;
        let sha256 = match copied {
            Ok(sha256) => sha256,
            Err(trouble) => return Err(self.give_up(&transfer, attributes, item, trouble).await),
        };
        let publication = Publication {
            condition,
            attributes,
            path: transfer.intent().path.clone(),
        };
        let published = transfer.finish(publication).await;
        let etag = published
            .map_err(|error| Trouble::transfer(&error))?
            .written
            .etag;
        if self.parts.settings.verify {
            let location = &transfer.intent().location;
            self.verify(location, Some(&etag), Some(&sha256)).await?;
        }
        let transfer = transfer.id();
        Ok(Stored {
            etag,
            sha256,
            transfer,
        })
    }

    /// A new upload, or one that an earlier pass left unfinished. That of a large file is on record
    /// in the journal before its first byte is sent.
    async fn transfer(
        &self,
        old: Option<&ImportEntry>,
        new: &ImportEntry,
        attributes: Attributes,
        condition: &Condition,
    ) -> Result<Transfer, Trouble> {
        if let Some(transfer) = self.resumed(old, new).await? {
            return Ok(transfer);
        }
        let location = new.target.clone().ok_or(Trouble::Stopped)?;
        let staging = self.parts.stores.staging(&location.bucket).await;
        let staging = staging.map_err(|error| Trouble::store(&error))?;
        let beginning = Beginning {
            staging: Some(staging),
            declared: Some(new.size),
            absent: *condition == Condition::Absent,
            attributes,
            ..Beginning::default()
        };
        let store = Arc::clone(&self.parts.store);
        let transfer = self
            .transfers
            .begin(self.intent(location), beginning, store);
        if new.size >= self.parts.settings.large {
            let begun = ImportEntry {
                state: ImportState::Begun,
                transfer: Some(transfer.id()),
                reason: Some("its upload has not ended; the next pass goes on with it".to_owned()),
                ..new.clone()
            };
            let noted = self.job.journal.write(&[begun]).await.map_err(unusable);
            noted.map_err(|error| Trouble::Failed {
                kind: ErrorKind::Internal,
                reason: error.to_string(),
            })?;
        }
        Ok(transfer)
    }

    /// What an earlier pass left of the same state of the file.
    async fn resumed(
        &self,
        old: Option<&ImportEntry>,
        new: &ImportEntry,
    ) -> Result<Option<Transfer>, Trouble> {
        let begun = old.filter(|old| old.state == ImportState::Begun && is_same_state(old, new));
        let Some((id, location)) = begun.and_then(|old| old.transfer).zip(new.target.clone())
        else {
            return Ok(None);
        };
        let found = self.parts.database.private_files().by_id(id).await;
        let Some(file) = found.map_err(|error| Trouble::database(&error))? else {
            return Ok(None);
        };
        if file.progress.is_none() || file.transfer.intent.location != location {
            return Ok(None);
        }
        let (intent, stores) = (self.intent(location), &self.parts.stores);
        let resumed = self
            .transfers
            .resume(&file, intent, Placement::Direct, stores)
            .await;
        match resumed {
            Ok(resumed) if resumed.transfer.len() <= new.size => {
                let transfer = resumed.transfer;
                tracing::info!(
                    name = new.name,
                    size = new.size,
                    safe = transfer.len(),
                    "a file is gone on with"
                );
                Ok(Some(transfer))
            }
            Ok(resumed) => {
                resumed.transfer.abandon("it is longer than its file").await;
                Ok(None)
            }
            Err(error) => {
                tracing::info!(name = new.name, %error, "a file is begun anew");
                Ok(None)
            }
        }
    }

    pub(crate) fn intent(&self, location: Location) -> Intent {
        Intent {
            owner: self.job.row.owner,
            user: importer(),
            server: self.parts.server.clone(),
            session: self.session,
            protocol: None,
            address: None,
            path: path_of(&location),
            location,
            quota: database::Quota::default(),
        }
    }

    /// Takes the file's bytes, and writes those that are not safe yet.
    async fn pump(
        &self,
        content: &mut dyn Content,
        transfer: &Transfer,
        item: &Item,
    ) -> Result<(String, u64), Trouble> {
        let gate = self.transfers.buffers().in_flight.gate();
        let (mut digest, mut at, safe) = (Digest::default(), 0, transfer.len());
        while let Some(pieces) = content
            .next()
            .await
            .map_err(|error| Trouble::source(&error))?
        {
            for piece in pieces {
                if self.is_stopped() {
                    return Err(Trouble::Stopped);
                }
                self.pass(piece.len()).await;
                digest.add(&piece);
                let (start, end) = (at, at + piece.len() as u64);
                at = end;
                if end > item.size {
                    return Err(Trouble::Changed);
                }
                if end > safe {
                    poll_fn(|context| gate.poll_open(context)).await;
                    let rest = rest(piece, safe.saturating_sub(start));
                    let written = transfer.write(start.max(safe), &rest);
                    written.map_err(|error| Trouble::transfer(&error))?;
                }
            }
        }
        Ok((digest.end(), at))
    }

    /// Whether what was read is one state of the file, and all of it.
    async fn check(
        &self,
        content: &mut dyn Content,
        (sha256, length): (String, u64),
        item: &Item,
    ) -> Result<String, Trouble> {
        let unchanged = content.is_unchanged().await;
        let unchanged = unchanged.map_err(|error| Trouble::source(&error))?;
        match unchanged && length == item.size {
            true => Ok(sha256),
            false => Err(Trouble::Changed),
        }
    }

    /// Ends an upload that cannot go on now: what is safe of a large file is kept for the next pass.
    async fn give_up(
        &self,
        transfer: &Transfer,
        attributes: Attributes,
        item: &Item,
        trouble: Trouble,
    ) -> Trouble {
        let passes = matches!(
            trouble,
            Trouble::Stopped
                | Trouble::Failed {
                    kind: ErrorKind::Unavailable,
                    ..
                }
        );
        if !passes || item.size < self.parts.settings.large {
            transfer
                .abandon("the import could not read or write the file")
                .await;
            return trouble;
        }
        let reason = match &trouble {
            Trouble::Failed { reason, .. } => reason.clone(),
            _ => "the import was stopped; the next pass goes on with it".to_owned(),
        };
        let leaving = Leaving {
            reason: reason.clone(),
            attributes,
            path: transfer.intent().path.clone(),
        };
        match transfer.detach(leaving).await {
            Left::Unfinished { .. } => Trouble::Left(transfer.id(), reason),
            Left::Nothing => trouble,
        }
    }
}

/// Whether an earlier pass left nothing to do for this state of the file.
fn is_done(old: &ImportEntry, new: &ImportEntry) -> bool {
    matches!(old.state, ImportState::Moved | ImportState::Same) && is_same_state(old, new)
}

fn is_same_state(old: &ImportEntry, new: &ImportEntry) -> bool {
    old.kind == new.kind
        && old.size == new.size
        && old.mtime == new.mtime
        && old.version == new.version
        && old.target == new.target
}

/// A piece without so many bytes at its start.
fn rest(piece: Bytes, skip: u64) -> Bytes {
    let skip = usize::try_from(skip).unwrap_or(usize::MAX).min(piece.len());
    piece.slice(skip..)
}

/// Who did it, as the audit log says it.
pub(crate) fn importer() -> UserName {
    UserName::parse("import").expect("a plain name")
}
