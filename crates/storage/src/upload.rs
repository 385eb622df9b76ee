//! `Upload`: bytes at any offset become one object, whole or not at all.

mod assembly;
mod buffer;
mod checksum;
mod content;
mod detach;
mod discard;
mod engine;
mod exposure;
mod gate;
mod ground;
mod ledger;
mod lump;
mod multipart;
mod plan;
mod progress;
mod read_back;
mod resume;
mod sender;
mod settings;
pub(crate) mod spill;
mod staging_area;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use model::ObjectKey;

pub use exposure::Receipt;
pub use ground::Copied;
pub use plan::{MAX_OBJECT_SIZE, PartPlan, Tier};
pub use progress::Progress;
pub use settings::{Base, Began, Intent, Placement, Staging, UploadSettings};

use crate::{Metadata, MultipartUpload, ObjectStore, PartNumber, PutOptions, Result, Written};
use engine::{Build, Engine};

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
    engine: Arc<Engine>,
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
        Self::of(Engine::build(Build {
            store,
            key,
            settings,
            base,
            progress: None,
        }))
    }

    fn of(engine: Engine) -> Self {
        let engine = Arc::new(engine);
        engine.buffers.spills.join(&engine);
        Self { engine }
    }

    /// Takes `piece` at `offset`. Bytes written again replace the earlier ones.
    ///
    /// # Errors
    /// What a part that was sent before ran into; `Exhausted` where the piece arrives too far
    /// ahead of the bytes before it, or lies beyond the largest object. After an error nothing
    /// can be said of the piece, and the upload stays as unfinished as it was.
    pub fn write(&self, offset: u64, piece: &[u8]) -> Result<()> {
        self.engine.ledger.touched(offset);
        let grown = {
            let mut state = self.engine.state();
            self.engine.take_answers(&mut state);
            self.engine.check_open(&state, "write")?;
            let held = state.content.held();
            let mut ready = Vec::new();
            let outcome = state.content.write(offset, piece, &mut ready);
            for work in ready {
                self.engine.begin(&mut state, work);
            }
            outcome.map(|()| state.content.held() > held)?
        };
        if grown {
            let spills = &self.engine.buffers.spills;
            self.engine.stamp.store(spills.now(), Relaxed);
            spills.relieve(&self.engine.buffers.unsent);
        }
        Ok(())
    }

    /// To be waited for before the bytes taken so far are acknowledged, so that a node that dies
    /// loses no more than [`UploadSettings::unsaved`] bytes of what was acknowledged, of a file that
    /// comes in order.
    pub fn receipt(&self) -> Receipt {
        self.engine.receipt()
    }

    /// Makes the object `len` bytes long: drops what is behind, or adds zeros.
    ///
    /// # Errors
    /// As [`Self::write`]; `Exhausted` where more zeros would be added than allowed.
    pub fn truncate(&self, len: u64) -> Result<()> {
        self.engine.ledger.touched(len);
        let mut state = self.engine.state();
        self.engine.take_answers(&mut state);
        self.engine.check_open(&state, "truncate")?;
        state.content.truncate(len)
    }

    /// The length in bytes that the object has now, the base included.
    pub fn len(&self) -> u64 {
        self.engine.state().content.len()
    }

    /// Whether it is empty now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the object would be what its base is: nothing was written, cut, added or copied. Then
    /// there is nothing to finish.
    pub fn is_untouched(&self) -> bool {
        self.engine.is_untouched()
    }

    /// Takes the range for the bytes from `offset` on, as far as the store can copy it: returns
    /// which bytes of the upload these are, and the caller reads and writes the others. What is taken is
    /// copied inside the store by `finish`, and no byte of it passes here. It counts as written; what
    /// is written over it, cut off or added behind it later holds.
    ///
    /// All of it is taken where nothing was written before, or where it goes on with what was copied
    /// before; else whole parts into which nothing was written. None where the store copies no
    /// ranges, or all of it fits one part.
    pub fn copy(&self, copied: &Copied, offset: u64) -> Range<u64> {
        self.engine.copy(copied, offset)
    }

    /// What the object says of itself besides what settings and `finish` say, which count more.
    /// To be called before anything is written; the first call holds.
    pub fn inherit(&self, metadata: Metadata, content_type: Option<String>) {
        self.engine.main.inherit(PutOptions {
            metadata,
            content_type,
            ..PutOptions::default()
        });
    }

    /// Whether bytes of the base would be in the object: written over by nothing, and not cut off.
    pub fn keeps_base(&self) -> bool {
        self.engine.keeps_base()
    }

    /// Reads `len` bytes at `offset` back as they stand now; fewer where the end lies inside,
    /// none at and behind it. Bytes that nobody has written yet read as zeros.
    ///
    /// # Errors
    /// `Unsupported` where the bytes were sent straight to the key ([`Placement::Direct`]): the
    /// store gives them back only once the upload is finished. What a part or a fetch ran into.
    pub async fn read(&self, offset: u64, len: usize) -> Result<Vec<Bytes>> {
        self.engine.read_back(offset, len).await
    }

    /// Waits until every part sent so far is answered.
    ///
    /// # Errors
    /// What the first of them ran into.
    pub async fn settle(&self) -> Result<()> {
        self.engine.settle().await
    }

    /// Publishes the object: one PUT if it fits a part, else the completion of a multipart
    /// upload. `options.precondition` holds for this publication; a multipart upload has the
    /// metadata of its settings, as the store wants it when it begins.
    ///
    /// # Errors
    /// What a part ran into; `Invalid` where bytes in the middle were never written, naming the
    /// first such range; `Unsupported` where sent bytes would be needed again
    /// ([`Placement`]); `Conflict` where the precondition does not hold or the base was
    /// replaced. Nothing is published then, unless [`crate::Error::outcome_unknown`] says otherwise.
    /// Call [`Self::abort`] after it.
    pub async fn finish(&self, options: &PutOptions) -> Result<Written> {
        self.engine.finish(options).await
    }

    /// Gives the upload up: cancels what is on its way and deletes what the store has of it. May
    /// be called at any time and again; a finished object stays.
    pub async fn abort(&self) {
        self.engine.abort().await;
    }

    /// Goes on with an unfinished upload, detached or left by a node that died, on this node. Asks
    /// the store which parts it has: parts that are there are not sent again, and what stands in a
    /// tail object is fetched only once it is needed. The length is then what is safe.
    ///
    /// `settings` are as for [`Self::start`], of the same transfer; plan and placement are those
    /// of `progress`. `base` must be given where [`Progress::base`] names one.
    ///
    /// # Errors
    /// `NotFound` where the store has given the upload up (a lifecycle rule, an operator) and
    /// nothing of it is left; `Conflict` where what stands there is not what `progress` names;
    /// `Invalid` where key or base are those of another upload. Where only some is gone, the
    /// length ends before it.
    pub async fn resume(
        store: Arc<dyn ObjectStore>,
        key: ObjectKey,
        settings: UploadSettings,
        base: Option<Base>,
        progress: &Progress,
    ) -> Result<Self> {
        let build = Build {
            store,
            key,
            settings,
            base,
            progress: Some(progress.clone()),
        };
        resume::resume(build, progress).await.map(Self::of)
    }

    /// Sets the upload aside, to be resumed on any node: takes no more bytes, waits for what is on
    /// its way, and puts what follows without a hole and is no part yet into one tail object in
    /// staging. Gives all memory back and aborts nothing. Again, it returns the same.
    ///
    /// Where nothing was written, nothing is sent and [`Progress::safe`] is 0 (or what survives of
    /// the base).
    ///
    /// # Errors
    /// What the tail ran into. It may be called again then; [`Self::safe_progress`] tells what is
    /// safe without it.
    pub async fn detach(&self) -> Result<Progress> {
        self.engine.detach().await
    }

    /// Deletes what earlier detaches and spills put into staging and the latest detach does not
    /// need. To be called once its progress is recorded. Best effort: ending the upload deletes
    /// all of it.
    pub async fn forget_superseded(&self) {
        self.engine.forget_superseded().await;
    }

    /// Contiguous bytes from 0 on that the store has by now, those that survive of the base
    /// included.
    pub fn safe(&self) -> u64 {
        self.engine.safe()
    }

    /// What a detach would return if it could put no tail: what is provably safe by now.
    pub fn safe_progress(&self) -> Progress {
        self.engine.exact()
    }

    /// The multipart upload at the key, once it has begun.
    pub fn multipart(&self) -> Option<MultipartUpload> {
        self.engine.multipart()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.engine.sender.cancel();
        self.engine.gone.cancel();
    }
}

/// The name of a staging object of an upload whose parts all go there.
fn whole_name(generation: u32) -> String {
    format!("whole-{generation}")
}

fn piece_name(number: PartNumber) -> String {
    format!("part-{}", number.get())
}

/// The number of the composed part that a staging object is for.
fn piece_number(name: &str) -> Option<PartNumber> {
    PartNumber::new(name.strip_prefix("part-")?.parse().ok()?)
}

#[cfg(test)]
mod tests;
