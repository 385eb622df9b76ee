//! Going on with what another session left: an unfinished upload, or a temporary file.

use std::sync::Arc;

use database::{Detachment, PrivateFile, PrivateId, Takeover};
use model::{ErrorKind, ObjectKey};
use storage::{Base, ObjectStore, Pin, Placement, Progress, Stores, Upload};

use crate::beginning::temporary_key;
use crate::recording::Recording;
use crate::transfer::{self, Active};
use crate::{Attributes, Condition, Error, Intent, Result, Transfer, Transfers, metadata, stage};

const OPERATION: &str = "continue";

/// An upload that goes on.
#[derive(Debug)]
pub struct Resumed {
    /// The upload; its length is what is safe.
    pub transfer: Transfer,
    /// What must be true when it is published.
    pub condition: Condition,
    /// What was set of it before.
    pub attributes: Attributes,
}

impl Transfers {
    /// Goes on with a private file in the session of `intent`, whose location is the file's.
    /// `placement` counts for a temporary file that was closed; an unfinished upload keeps its
    /// own.
    ///
    /// # Errors
    /// `Conflict` where another session was first, `NotFound` where the store has given its
    /// bytes up, and what store and database fail with; it is as before then.
    pub async fn resume(
        &self,
        file: &PrivateFile,
        intent: Intent,
        placement: Placement,
        stores: &Stores,
    ) -> Result<Resumed> {
        let resuming = Resuming::of(file, intent, placement, self, stores).await?;
        resuming.take_over().await?;
        let condition = resuming.condition();
        let attributes = Attributes::from(file.transfer.intent.opening.set);
        match resuming.upload().await {
            Ok(upload) => Ok(Resumed {
                transfer: resuming.transfer(upload),
                condition,
                attributes,
            }),
            Err(error) => {
                resuming.give_back(&error).await;
                Err(Error::store(OPERATION, &resuming.intent.path, error))
            }
        }
    }
}

struct Resuming<'a> {
    file: &'a PrivateFile,
    intent: Intent,
    placement: Placement,
    /// What the store holds of it; none for a temporary file that stands whole.
    progress: Option<Progress>,
    /// Where its object is made.
    store: Arc<dyn ObjectStore>,
    /// The bucket that it stages in.
    staging: Arc<dyn ObjectStore>,
    key: ObjectKey,
    base: Option<Base>,
    transfers: &'a Transfers,
}

impl<'a> Resuming<'a> {
    async fn of(
        file: &'a PrivateFile,
        intent: Intent,
        placement: Placement,
        transfers: &'a Transfers,
        stores: &Stores,
    ) -> Result<Self> {
        let failed = |error| Error::store(OPERATION, &intent.path, error);
        let progress = file.progress.as_deref().map(Progress::from_json);
        let progress = progress.transpose().map_err(failed)?;
        let row = &file.transfer.intent;
        let place = row.opening.staging.as_ref().unwrap_or(&row.location);
        let store = stores.bucket(&place.bucket).await.map_err(failed)?;
        // A temporary file's pieces stay beside its object.
        let staging = match &row.opening.staging {
            Some(_) => Arc::clone(&store),
            None => stores.staging(&place.bucket).await.map_err(failed)?,
        };
        let key = match progress {
            None if file.staged.is_some() => temporary_key(row.id, file.transfer.epoch + 1),
            _ => place.key.clone(),
        };
        let base = base(file, progress.as_ref(), stores)
            .await
            .map_err(failed)?;
        Ok(Self {
            file,
            intent,
            placement,
            progress,
            store,
            staging,
            key,
            base,
            transfers,
        })
    }

    async fn take_over(&self) -> Result<()> {
        let core = self.transfers.core();
        let takeover = Takeover {
            file: self.file.private_id(),
            session: self.intent.session,
            node: core.settings.node,
            now: core.clock.now(),
            // Parts that are sent from now on count where this node dies as well.
            progress: self
                .progress
                .as_ref()
                .map(|progress| progress.reopened().to_json()),
            upload_key: self.file.is_temporary().then(|| self.key.clone()),
        };
        let taken = core.database.writer().take_over(takeover).await;
        taken.map_err(|error| {
            let reason = match error.kind() {
                ErrorKind::Conflict => "another session of yours goes on with it",
                _ => "the database does not answer",
            };
            Error::new(error.kind(), OPERATION, &self.intent.path, reason).caused_by(error)
        })
    }

    async fn upload(&self) -> storage::Result<Upload> {
        let core = self.transfers.core();
        let id = self.private_id();
        let declared = self.file.transfer.intent.opening.declared;
        let set = self.file.transfer.intent.opening.set.into();
        let mut settings = transfer::settings(
            id,
            None,
            self.placement,
            declared,
            &set,
            &self.staging,
            core,
        );
        if self.file.is_temporary() {
            let owner = stage::staged_for(&self.intent, core);
            metadata::name_owner(&mut settings.metadata, &owner);
        }
        let (store, key, base) = (Arc::clone(&self.store), self.key.clone(), self.base.clone());
        match &self.progress {
            Some(progress) => Upload::resume(store, key, settings, base, progress).await,
            None => Ok(Upload::start(store, key, settings, base)),
        }
    }

    fn private_id(&self) -> PrivateId {
        PrivateId {
            transfer: self.file.id(),
            epoch: self.file.transfer.epoch + 1,
        }
    }

    fn condition(&self) -> Condition {
        let row = &self.file.transfer.intent;
        match (&row.base_etag, row.opening.absent) {
            (Some(etag), _) => Condition::Unchanged { etag: etag.clone() },
            (None, true) => Condition::Absent,
            (None, false) => Condition::Any,
        }
    }

    fn transfer(&self, upload: Upload) -> Transfer {
        let row = &self.file.transfer.intent;
        Transfer::of(Active {
            id: row.id,
            epoch: self.private_id().epoch,
            intent: self.intent.clone(),
            started: row.started,
            store: Arc::clone(&self.store),
            key: self.key.clone(),
            temporary: self.file.is_temporary(),
            staged: self.file.staged.clone(),
            declared: row.opening.declared,
            base_len: self.base_len(),
            attributes: row.opening.set.into(),
            upload,
            core: Arc::clone(self.transfers.core()),
            recording: Recording::done(self.transfers.core()),
        })
    }

    /// Bytes of the content that it changes; what was copied into it is its own.
    fn base_len(&self) -> u64 {
        let is_copy = self.progress.as_ref().and_then(Progress::copied_from);
        let base = self.base.as_ref().filter(|_| is_copy.is_none());
        base.map_or(0, |base| base.len)
    }

    /// It could not be gone on with: it is as before, or gone where the store has nothing of it.
    async fn give_back(&self, error: &storage::Error) {
        let core = self.transfers.core();
        let writer = core.database.writer();
        let now = core.clock.now();
        let gone = error.kind() == ErrorKind::NotFound && self.file.staged.is_none();
        let noted = match gone {
            true => {
                let reason = "the store has given its bytes up";
                writer
                    .fail_transfer(record_of(self.private_id(), reason, now))
                    .await
            }
            false => {
                writer
                    .detach(Detachment {
                        file: self.private_id(),
                        progress: self.file.progress.clone(),
                        safe: self.file.safe.unwrap_or(0),
                        set: self.file.transfer.intent.opening.set,
                        changed: self.file.changed,
                        expires: self
                            .file
                            .expires
                            .unwrap_or_else(|| now.plus(core.settings.retention)),
                        target: None,
                        publication: None,
                        audit: None,
                        event: None,
                    })
                    .await
            }
        };
        if let Err(error) = noted {
            let transfer = self.file.id();
            tracing::warn!(%transfer, %error, "cannot give an unfinished upload back");
        }
    }
}

/// What it goes on from: its base as it was when it began, or its object in staging.
async fn base(
    file: &PrivateFile,
    progress: Option<&Progress>,
    stores: &Stores,
) -> storage::Result<Option<Base>> {
    let staged = file.staged.as_ref();
    let found = match progress {
        Some(progress) => progress.base().map(|(pin, len)| (pin.clone(), len)),
        None => staged.map(|staged| {
            let pin = Pin {
                etag: staged.object.etag.clone(),
                version: staged.object.version.clone(),
            };
            (pin, staged.object.size)
        }),
    };
    let Some((pin, len)) = found else {
        return Ok(None);
    };
    let own = &file.transfer.intent.location;
    let location = staged.map_or(own, |staged| &staged.location);
    let copied_from = progress.and_then(Progress::copied_from);
    // What was copied came from a file beside it.
    let bucket = match copied_from {
        Some(_) => &own.bucket,
        None => &location.bucket,
    };
    Ok(Some(Base {
        store: stores.bucket(bucket).await?,
        key: copied_from.unwrap_or_else(|| location.key.clone()),
        pin,
        len,
    }))
}

fn record_of(file: PrivateId, reason: &str, now: model::Timestamp) -> database::TransferFailure {
    database::TransferFailure {
        transfer: file.transfer,
        epoch: file.epoch,
        aborted: false,
        error: reason.to_owned(),
        finished: now,
        publication: None,
        audit: None,
        event: None,
    }
}
