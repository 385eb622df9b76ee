//! `Upload`: bytes at any offset become one object, whole or not at all.

mod plan;
mod settings;

use std::sync::Arc;

use bytes::Bytes;
use model::{ErrorKind, ObjectKey};

pub use plan::{MAX_OBJECT_SIZE, PartPlan, Tier};
pub use settings::{Base, Intent, Placement, Staging, UploadSettings};

use crate::{Error, MultipartUpload, ObjectStore, PutOptions, Result, Written};

/// One object on its way into a store.
///
/// `write` and `truncate` are synchronous and never wait: bytes are copied once, into pooled
/// chunks, and full parts are sent by tasks that this upload owns (call it inside a Tokio
/// runtime). What goes wrong in such a task is returned by the next `write` and by `finish`.
/// Several handles may share one upload; writes that overlap count in the order of their calls.
///
/// Dropping an unfinished upload cancels its tasks and tells the store nothing: whoever owns it
/// calls [`Self::abort`], or leaves what the store has to the sweeper.
#[derive(Debug)]
pub struct Upload {
    key: ObjectKey,
}

impl Upload {
    /// Begins an upload to `key`, from scratch or from `base`. No request is sent before a part
    /// is full or `finish` is called.
    pub fn start(
        store: Arc<dyn ObjectStore>,
        key: ObjectKey,
        settings: UploadSettings,
        base: Option<Base>,
    ) -> Self {
        let _ = (store, settings, base);
        Self { key }
    }

    /// Takes `piece` at `offset`. Bytes written again replace the earlier ones.
    ///
    /// # Errors
    /// What a part that was sent before ran into; `Exhausted` where the piece arrives too far
    /// ahead of the bytes before it, or lies beyond the largest object. After an error nothing
    /// can be said of the piece, and the upload stays as unfinished as it was.
    pub fn write(&self, offset: u64, piece: &[u8]) -> Result<()> {
        let _ = (offset, piece);
        Err(self.unsupported("write"))
    }

    /// Makes the object `len` bytes long: drops what is behind, or adds zeros.
    ///
    /// # Errors
    /// `Exhausted` where that would add more zeros than allowed.
    pub fn truncate(&self, len: u64) -> Result<()> {
        let _ = len;
        Err(self.unsupported("truncate"))
    }

    /// The length in bytes that the object has now, the base included.
    pub fn len(&self) -> u64 {
        0
    }

    /// Whether it is empty now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads `len` bytes at `offset` back as they stand now; fewer where the end lies inside,
    /// none at and behind it. Bytes that nobody has written yet read as zeros.
    ///
    /// # Errors
    /// `Unsupported` where the bytes were sent and the store gives them back only once the
    /// upload is finished.
    pub async fn read(&self, offset: u64, len: usize) -> Result<Vec<Bytes>> {
        let _ = (offset, len);
        Err(self.unsupported("read"))
    }

    /// Waits until every part sent so far is answered.
    ///
    /// # Errors
    /// What the first of them ran into.
    pub async fn settle(&self) -> Result<()> {
        Err(self.unsupported("sync"))
    }

    /// Publishes the object: one PUT if it fits a part, else the completion of a multipart
    /// upload. `options.precondition` holds for this publication.
    ///
    /// # Errors
    /// What a part ran into; `Invalid` where bytes in the middle were never written, naming the
    /// first such range; `Conflict` where the precondition does not hold or the base was
    /// replaced. Nothing is published then, unless [`Error::outcome_unknown`] says otherwise.
    /// Call [`Self::abort`] after it.
    pub async fn finish(&self, options: &PutOptions) -> Result<Written> {
        let _ = options;
        Err(self.unsupported("finish"))
    }

    /// Gives the upload up: cancels what is on its way and deletes what the store has of it. May
    /// be called at any time and again; a finished object stays.
    pub async fn abort(&self) {}

    /// The multipart upload at the key, once it has begun.
    pub fn multipart(&self) -> Option<MultipartUpload> {
        None
    }

    fn unsupported(&self, operation: &'static str) -> Error {
        Error::new(
            ErrorKind::Unsupported,
            operation,
            self.key.as_str(),
            "not offered yet",
        )
    }
}
