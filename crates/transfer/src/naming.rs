//! A temporary file gets its final name: its object is copied there inside the store, and what
//! CLOSE would have committed is committed now.

mod rows;

use std::sync::Arc;

use database::{Detachment, PrivateFile, PrivateId, StagedObject, Takeover, Target, UploadCommit};
use model::{ErrorKind, VirtualPath};
use storage::{CopyOptions, ObjectHead, ObjectStore, Precondition, Source, Stores, Written};

use crate::beginning::temporary_key;
use crate::copy::Copy;
use crate::metadata::Maker;
use crate::transfers::Core;
use crate::{
    Attributes, Claimed, Error, Intent, Original, Published, Result, Transfers, Unclaimed, metrics,
    proof,
};

use rows::{back, late};

const OPERATION: &str = "rename";

/// The final name of a temporary file.
#[derive(Debug, Clone)]
pub struct Naming {
    /// Who gives it, and which: path and location are the final ones.
    pub intent: Intent,
    /// Only where nothing stands.
    pub absent: bool,
}

impl Transfers {
    /// Publishes a closed temporary file under its final name, as its upload: one event, of kind
    /// `upload`. Its bytes do not pass here.
    ///
    /// # Errors
    /// `Conflict` where it is not closed, another session was first, or the name is taken; what
    /// store and database fail with. It is a temporary file as before then, unless
    /// [`Error::outcome_unknown`]: then it is one or the other, and the sweeper finds out.
    pub async fn give_name(
        &self,
        file: &PrivateFile,
        naming: &Naming,
        stores: &Stores,
    ) -> Result<Published> {
        let given = Given::of(file, naming, self, stores).await?;
        given.promise().await?;
        let (location, epoch) = (&naming.intent.location, given.id().epoch);
        let demand = naming.intent.demand(given.staged.object.size);
        let claimed = self.claim_fitting(location, file.id(), epoch, demand);
        let claimed = match claimed.await {
            Ok(claimed) => claimed,
            Err(error) => {
                given.take_back().await;
                return Err(given.unclaimed(error));
            }
        };
        match claimed.during(given.place()).await {
            Ok(written) => given.commit(written, claimed).await,
            Err(error) if error.outcome_unknown() => {
                claimed.keep();
                Err(given.failed(error))
            }
            Err(error) => {
                given.take_back().await;
                Err(given.failed(error))
            }
        }
    }

    /// Finishes what a node that died began: the file stands under its final name, or is the
    /// temporary file that it was. `file` is being renamed, and nobody works on it.
    ///
    /// # Errors
    /// What store and database fail with; asking again goes on.
    pub async fn settle_name(
        &self,
        file: &PrivateFile,
        stores: &Stores,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let Some(target) = &file.target else {
            return Ok(());
        };
        let writer = self.core().database.writer();
        let Some(head) = named(file, target, stores).await? else {
            // The copy may still be on its way: the sweeper looks again.
            let back = Detachment {
                target: file.target.clone(),
                ..back(file, file.private_id(), self.core())
            };
            writer.detach(back).await?;
            return Ok(());
        };
        writer
            .commit_upload(late(file, target, &head, self.core()))
            .await?;
        Ok(())
    }
}

struct Given<'a> {
    file: &'a PrivateFile,
    staged: &'a StagedObject,
    naming: &'a Naming,
    from: Arc<dyn ObjectStore>,
    to: Arc<dyn ObjectStore>,
    core: &'a Arc<Core>,
}

impl<'a> Given<'a> {
    async fn of(
        file: &'a PrivateFile,
        naming: &'a Naming,
        transfers: &'a Transfers,
        stores: &Stores,
    ) -> Result<Self> {
        let path = &naming.intent.path;
        let failed = |error| Error::store(OPERATION, path, error);
        let staged = file.staged.as_ref().filter(|_| file.is_staged());
        let staged = staged.ok_or_else(|| unfinished(path))?;
        let from = stores.bucket(&staged.location.bucket).await;
        let to = stores.bucket(&naming.intent.location.bucket).await;
        Ok(Self {
            file,
            staged,
            naming,
            from: from.map_err(failed)?,
            to: to.map_err(failed)?,
            core: transfers.core(),
        })
    }

    fn id(&self) -> PrivateId {
        PrivateId {
            transfer: self.file.id(),
            epoch: self.file.transfer.epoch + 1,
        }
    }

    /// Notes which name it is being given, so that a crash in between is finished.
    async fn promise(&self) -> Result<()> {
        let intent = &self.naming.intent;
        let takeover = Takeover {
            file: self.file.private_id(),
            session: intent.session,
            node: self.core.settings.node,
            now: self.core.clock.now(),
            progress: None,
            upload_key: None,
        };
        let target = Target {
            location: intent.location.clone(),
            path: intent.path.to_string(),
        };
        let promised = self.core.database.writer().promise(takeover, target).await;
        promised.map_err(|error| {
            let reason = match error.kind() {
                ErrorKind::Conflict => "another session of yours is at the temporary file",
                _ => "the database does not answer",
            };
            Error::new(error.kind(), OPERATION, &intent.path, reason).caused_by(error)
        })
    }

    async fn place(&self) -> storage::Result<Written> {
        let key = &self.naming.intent.location.key;
        let set = Attributes::from(self.file.transfer.intent.opening.set);
        let metadata = self.maker().metadata(&set);
        if self.is_moved() {
            let options = CopyOptions {
                metadata: Some(metadata),
                precondition: self.absent(),
            };
            let moved = self.to.rename(&self.source(), key, &options).await;
            return self.proven(moved).await;
        }
        let original = self.original();
        let copy = Copy {
            original: &original,
            key,
            store: &self.to,
            maker: self.maker(),
            metadata,
            absent: self.naming.absent,
            settings: &self.core.settings,
            journal: None,
        };
        copy.run().await
    }

    fn maker(&self) -> Maker {
        Maker::naming(self.file.id(), &self.staged.location.key)
    }

    /// Whether the store gives its object another key, so that nothing is left in staging.
    fn is_moved(&self) -> bool {
        self.to.capabilities().rename && self.from.bucket() == self.to.bucket()
    }

    fn absent(&self) -> Option<Precondition> {
        let able = self.to.capabilities().copy_conditions;
        (self.naming.absent && able).then_some(Precondition::Absent)
    }

    async fn proven(&self, moved: storage::Result<Written>) -> storage::Result<Written> {
        match moved {
            Err(error) if error.outcome_unknown() => {
                let key = &self.naming.intent.location.key;
                let settings = &self.core.settings;
                let proven = proof::prove(&self.to, key, self.maker(), settings).await;
                proven.ok_or(error)
            }
            moved => moved,
        }
    }

    fn source(&self) -> Source {
        Source {
            bucket: self.staged.location.bucket.clone(),
            key: self.staged.location.key.clone(),
            pin: Some(self.original().head.pin()),
        }
    }

    fn original(&self) -> Original {
        let object = &self.staged.object;
        Original {
            store: Arc::clone(&self.from),
            key: self.staged.location.key.clone(),
            head: ObjectHead {
                size: object.size,
                etag: object.etag.clone(),
                version: object.version.clone(),
                last_modified: object.finished,
                metadata: storage::Metadata::new(),
                content_type: None,
            },
        }
    }

    async fn commit(&self, written: Written, claimed: Claimed) -> Result<Published> {
        let published = Published {
            size: self.staged.object.size,
            written: Written {
                crc64nvme: written
                    .crc64nvme
                    .clone()
                    .or_else(|| self.staged.object.crc64nvme.clone()),
                ..written
            },
            time: self.core.clock.now(),
        };
        let commit = UploadCommit {
            publication: Some(claimed.publication().clone()),
            ..self.row(&published)
        };
        let path = &self.naming.intent.path;
        if let Err(error) = self
            .core
            .database
            .writer()
            .commit_upload(commit.clone())
            .await
        {
            let reason = "it is stored, and could not be recorded";
            let failed = Error::new(error.kind(), OPERATION, path, reason);
            if error.kind() == ErrorKind::Unavailable {
                self.commit_later(commit);
            }
            claimed.keep();
            return Err(failed.caused_by(error).with_unknown_outcome());
        }
        claimed.committed();
        self.told(&published);
        self.clear().await;
        Ok(published)
    }

    fn commit_later(&self, commit: UploadCommit) {
        let core = Arc::clone(self.core);
        self.core.tasks.spawn(async move {
            let writer = core.database.writer();
            let write = || async { writer.commit_upload(commit.clone()).await.map(drop) };
            if let Err(error) = core.persist(write).await {
                tracing::warn!(transfer = %commit.transfer, %error, "cannot record a rename yet");
            }
        });
    }

    fn told(&self, published: &Published) {
        metrics::upload_ended("completed");
        metrics::bytes_stored(published.size);
        let intent = &self.naming.intent;
        tracing::info!(
            session = %intent.session,
            user = %intent.user,
            transfer = %self.file.id(),
            path = %intent.path,
            location = %intent.location,
            bytes = published.size,
            "upload completed under its final name"
        );
    }

    /// Takes the temporary object away. Where earlier ones may be left, the sweeper looks.
    async fn clear(&self) {
        let id = self.file.id();
        let key = &self.staged.location.key;
        if !self.is_moved()
            && let Err(error) = self.from.delete(key, None).await
        {
            tracing::warn!(transfer = %id, %error, "a temporary object stays for a while");
            return;
        }
        if *key == temporary_key(id, 0)
            && let Err(error) = self.core.database.writer().cleaned(id).await
        {
            tracing::warn!(transfer = %id, %error, "the sweeper looks at an upload once more");
        }
    }

    async fn take_back(&self) {
        let back = back(self.file, self.id(), self.core);
        let core = Arc::clone(self.core);
        let writer = core.database.writer();
        if let Err(error) = writer.detach(back).await {
            let transfer = self.file.id();
            tracing::warn!(%transfer, %error, "the sweeper takes a rename back");
        }
    }

    fn unclaimed(&self, error: Unclaimed) -> Error {
        let path = &self.naming.intent.path;
        Error::new(error.kind(), OPERATION, path, error.reason()).caused_by(error)
    }

    fn failed(&self, error: storage::Error) -> Error {
        let path = &self.naming.intent.path;
        if error.kind() == ErrorKind::Conflict && self.naming.absent {
            let reason = "a file of this name exists and may not be replaced";
            return Error::new(ErrorKind::Conflict, OPERATION, path, reason).caused_by(error);
        }
        Error::store(OPERATION, path, error)
    }
}

impl Transfers {
    /// A temporary file that nobody is at any more is again what it was at its last CLOSE.
    ///
    /// # Errors
    /// `Conflict` where another session was first.
    pub(crate) async fn put_back(&self, file: &PrivateFile) -> Result<(), database::Error> {
        let back = back(file, file.private_id(), self.core());
        self.core().database.writer().detach(back).await
    }
}

/// The object of a temporary file under its final name, if it stands there: what the file holds now,
/// and not what it held when it was given that name before.
pub(crate) async fn named(
    file: &PrivateFile,
    target: &Target,
    stores: &Stores,
) -> storage::Result<Option<ObjectHead>> {
    let store = stores.bucket(&target.location.bucket).await?;
    let maker = match &file.staged {
        Some(staged) => Maker::naming(file.id(), &staged.location.key),
        None => file.id().into(),
    };
    match store.head(&target.location.key).await {
        Ok(head) => Ok(Some(head).filter(|head| maker.made(&head.metadata))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn unfinished(path: &VirtualPath) -> Error {
    let reason = "its upload is unfinished; continue it first, or upload it anew";
    Error::new(ErrorKind::Conflict, OPERATION, path, reason)
}
