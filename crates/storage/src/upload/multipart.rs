//! `Multipart`: one multipart upload at the store, begun when its first part is sent.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use model::ObjectKey;
use tokio::sync::OnceCell;

use super::gate::Gate;
use super::ledger::Ledger;
use crate::fetch::Original;
use crate::{
    Error, MultipartUpload, ObjectStore, Part, PartNumber, Pin, PutOptions, Result, Source,
    UploadId,
};

/// A multipart upload: of the object itself, or of a piece in staging.
#[derive(Debug)]
pub(super) struct Multipart {
    store: Arc<dyn ObjectStore>,
    key: ObjectKey,
    options: PutOptions,
    /// What holds where the options say nothing.
    inherited: OnceLock<PutOptions>,
    gate: Arc<Gate>,
    ledger: Arc<Ledger>,
    /// Its name in staging, if it stands there.
    staged: Option<String>,
    /// It was completed before, by another process perhaps: only its pin has to be asked for.
    stands: bool,
    begun: OnceCell<MultipartUpload>,
    completed: OnceCell<Completed>,
}

/// A staging object, and the parts it was made of where this process made it.
#[derive(Debug)]
struct Completed {
    original: Original,
    parts: Vec<(PartNumber, u64)>,
}

impl Multipart {
    pub(super) fn new(
        store: Arc<dyn ObjectStore>,
        key: ObjectKey,
        options: PutOptions,
        gate: Arc<Gate>,
        ledger: Arc<Ledger>,
        staged: Option<String>,
    ) -> Self {
        Self {
            store,
            key,
            options,
            inherited: OnceLock::new(),
            gate,
            ledger,
            staged,
            stands: false,
            begun: OnceCell::new(),
            completed: OnceCell::new(),
        }
    }

    /// The same, begun before.
    pub(super) fn with_begun(self, id: UploadId) -> Self {
        let key = self.key.clone();
        Self {
            begun: OnceCell::new_with(Some(MultipartUpload { key, id })),
            ..self
        }
    }

    /// The same, completed before.
    pub(super) fn with_completed(self, original: Original) -> Self {
        Self {
            completed: OnceCell::new_with(Some(Completed {
                original,
                parts: Vec::new(),
            })),
            ..self
        }
    }

    /// The same, completed before in an unknown state.
    pub(super) fn standing(self) -> Self {
        Self {
            stands: true,
            ..self
        }
    }

    pub(super) fn store(&self) -> &dyn ObjectStore {
        &*self.store
    }

    pub(super) fn key(&self) -> &ObjectKey {
        &self.key
    }

    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Takes these options where it has none of its own.
    pub(super) fn inherit(&self, options: PutOptions) {
        // The first ones hold.
        let _ = self.inherited.set(options);
    }

    /// `options`, over those that were inherited.
    pub(super) fn inheriting(&self, options: &PutOptions) -> PutOptions {
        let Some(inherited) = self.inherited.get() else {
            return options.clone();
        };
        let mut metadata = inherited.metadata.clone();
        metadata.extend(options.metadata.clone());
        let content_type = options.content_type.clone();
        PutOptions {
            metadata,
            content_type: content_type.or_else(|| inherited.content_type.clone()),
            precondition: options.precondition.clone(),
        }
    }

    /// The upload, begun now if it was not before.
    pub(super) async fn upload(&self) -> Result<&MultipartUpload> {
        let begin = async || {
            self.gate.pass().await?;
            let options = self.inheriting(&self.options);
            let upload = self.store.create_upload(&self.key, &options).await?;
            let told = self.ledger.begun(self.staged.as_deref(), &upload.id).await;
            if told.is_err() {
                // Nobody would know of it.
                self.abort(&upload).await;
            }
            told.map(|()| upload)
        };
        self.begun.get_or_try_init(begin).await
    }

    /// The upload, if it has begun.
    pub(super) fn begun(&self) -> Option<&MultipartUpload> {
        self.begun.get()
    }

    /// Makes `range` of `original` part `number`.
    pub(super) async fn copy_part(
        &self,
        number: PartNumber,
        original: &Original,
        range: Range<u64>,
    ) -> Result<Part> {
        let source = Source {
            bucket: original.store.bucket().clone(),
            key: original.key.clone(),
            pin: Some(original.pin.clone()),
        };
        let upload = self.upload().await?;
        self.store.copy_part(number, &source, range, upload).await
    }

    /// Makes a staging object of `parts`, without a condition.
    pub(super) async fn complete(&self, parts: &[Part]) -> Result<Original> {
        let complete = async || {
            if self.stands {
                let (original, _) = self.look().await?;
                let parts = Vec::new();
                return Ok(Completed { original, parts });
            }
            let upload = self.upload().await?;
            let written = self.store.complete_upload(upload, parts, None).await?;
            let original = Original {
                store: self.store.clone(),
                key: self.key.clone(),
                pin: Pin {
                    etag: written.etag,
                    version: written.version,
                },
            };
            let parts = parts.iter().map(|part| (part.number, part.size)).collect();
            Ok::<_, Error>(Completed { original, parts })
        };
        let completed = self.completed.get_or_try_init(complete).await?;
        Ok(completed.original.clone())
    }

    /// The object as it stands, and its size.
    pub(super) async fn look(&self) -> Result<(Original, u64)> {
        let head = self.store.head(&self.key).await?;
        let original = Original {
            store: self.store.clone(),
            key: self.key.clone(),
            pin: head.pin(),
        };
        Ok((original, head.size))
    }

    async fn abort(&self, upload: &MultipartUpload) {
        if let Err(error) = self.store.abort_upload(upload).await {
            tracing::warn!(key = %self.key, %error, "unrecorded upload not removed");
        }
    }

    /// Whether it became an object, so that it takes no more parts.
    pub(super) fn has_ended(&self) -> bool {
        self.stands || self.completed.get().is_some()
    }

    /// Where the part with this number is in the object that it became here; `whole` says where
    /// it is in one of all parts.
    pub(super) fn place_of(&self, number: PartNumber, whole: u64) -> Option<(Original, u64)> {
        let Completed { original, parts } = self.completed.get()?;
        if self.stands {
            return Some((original.clone(), whole));
        }
        let mut offset = 0;
        for (known, size) in parts {
            if *known == number {
                return Some((original.clone(), offset));
            }
            offset += size;
        }
        None
    }

    /// Takes away what the store has of it. Best effort: what is left is the sweeper's.
    pub(super) async fn discard(&self) {
        let outcome = match self.begun() {
            _ if self.has_ended() => self.store.delete(&self.key, None).await,
            Some(upload) => self.store.abort_upload(upload).await,
            None => Ok(()),
        };
        if let Err(error) = outcome {
            tracing::warn!(key = %self.key, %error, "unfinished upload not removed");
        }
    }
}
