//! `Upload`: bytes at any offset become one object, whole or not at all.

mod assembly;
mod buffer;
mod checksum;
mod content;
mod discard;
mod gate;
mod multipart;
mod plan;
mod progress;
mod read_back;
mod sender;
mod settings;
mod staging_area;

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use model::{ErrorKind, ObjectKey};

pub use plan::{MAX_OBJECT_SIZE, PartPlan, Tier};
pub use progress::Progress;
pub use settings::{Base, Began, Intent, Placement, Staging, UploadSettings};

use crate::fetch::Original;
use crate::{
    Buffers, Error, MultipartUpload, ObjectStore, PartNumber, PutOptions, Result, Written,
};
use content::{Content, Limits, Work};
use gate::Gate;
use multipart::Multipart;
use plan::Slot;
use sender::{Answer, Sender};
use staging_area::StagingArea;

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
    store: Arc<dyn ObjectStore>,
    key: ObjectKey,
    base: Option<(Original, u64)>,
    buffers: Buffers,
    parallel: usize,
    state: Mutex<State>,
    sender: Sender,
    gate: Arc<Gate>,
    /// The multipart upload at the key.
    main: Arc<Multipart>,
    staging: StagingArea,
    /// Parts go to one staging object instead of the key.
    staged: bool,
    /// Held while the upload is being ended, one way or the other.
    ending: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    content: Content,
    phase: Phase,
    /// Where bytes that were sent to staging can be read and copied from by now.
    stored: Stored,
    /// How many staging objects of a staged upload were completed.
    generation: u32,
}

/// Where sent slots stand: an object in staging, and the offset in it.
type Stored = BTreeMap<u64, (Original, u64)>;

#[derive(Debug)]
enum Phase {
    Open,
    Finishing,
    Finished,
    Failed(Error),
    Aborted,
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
        let can = store.capabilities();
        let staged =
            settings.placement == Placement::Staged && settings.staging.is_some() && can.part_copy;
        let chosen = settings
            .plan
            .unwrap_or_else(|| PartPlan::of(can, settings.expected_len));
        let composed = settings.staging.is_some() && can.part_copy && !staged;
        let base = base.map(|base| (base.original(), base.len));
        let content = Content::new(Limits {
            plan: if composed { chosen } else { chosen.flat() },
            name: key.to_string(),
            chunks: settings.buffers.chunks.clone(),
            kept: settings.buffers.kept.clone(),
            window: settings.window,
            zero_limit: settings.zero_limit,
            base: base.as_ref().map_or(0, |(_, len)| *len),
        });
        let gate = Arc::new(Gate::new(settings.intent));
        let options = PutOptions {
            metadata: settings.metadata,
            content_type: settings.content_type,
            precondition: None,
        };
        let main = Multipart::new(store.clone(), key.clone(), options.clone(), gate.clone());
        Self {
            base,
            parallel: settings.parallel_parts.max(1),
            state: Mutex::new(State {
                content,
                phase: Phase::Open,
                stored: Stored::new(),
                generation: 0,
            }),
            sender: Sender::new(settings.parallel_parts, settings.buffers.in_flight.clone()),
            main: Arc::new(main),
            staging: StagingArea::new(settings.staging, options, gate.clone()),
            staged,
            buffers: settings.buffers,
            gate,
            store,
            key,
            ending: tokio::sync::Mutex::default(),
        }
    }

    /// Takes `piece` at `offset`. Bytes written again replace the earlier ones.
    ///
    /// # Errors
    /// What a part that was sent before ran into; `Exhausted` where the piece arrives too far
    /// ahead of the bytes before it, or lies beyond the largest object. After an error nothing
    /// can be said of the piece, and the upload stays as unfinished as it was.
    pub fn write(&self, offset: u64, piece: &[u8]) -> Result<()> {
        let mut state = self.state();
        self.take_answers(&mut state);
        self.check_open(&state, "write")?;
        let mut ready = Vec::new();
        let outcome = state.content.write(offset, piece, &mut ready);
        for work in ready {
            self.begin(&mut state, work);
        }
        outcome
    }

    /// Makes the object `len` bytes long: drops what is behind, or adds zeros.
    ///
    /// # Errors
    /// As [`Self::write`]; `Exhausted` where more zeros would be added than allowed.
    pub fn truncate(&self, len: u64) -> Result<()> {
        let mut state = self.state();
        self.take_answers(&mut state);
        self.check_open(&state, "truncate")?;
        state.content.truncate(len)
    }

    /// The length in bytes that the object has now, the base included.
    pub fn len(&self) -> u64 {
        self.state().content.len()
    }

    /// Whether it is empty now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the object would be what its base is: nothing was written, cut or added. Then
    /// there is nothing to finish.
    pub fn is_untouched(&self) -> bool {
        let base = self.base.as_ref();
        base.is_some_and(|(_, len)| self.state().content.is_untouched(*len))
    }

    /// Reads `len` bytes at `offset` back as they stand now; fewer where the end lies inside,
    /// none at and behind it. Bytes that nobody has written yet read as zeros.
    ///
    /// # Errors
    /// `Unsupported` where the bytes were sent straight to the key ([`Placement::Direct`]): the
    /// store gives them back only once the upload is finished. What a part or a fetch ran into.
    pub async fn read(&self, offset: u64, len: usize) -> Result<Vec<Bytes>> {
        self.read_back(offset, len).await
    }

    /// Waits until every part sent so far is answered.
    ///
    /// # Errors
    /// What the first of them ran into.
    pub async fn settle(&self) -> Result<()> {
        loop {
            let mut arrived = pin!(self.sender.answers().arrived());
            arrived.as_mut().enable();
            {
                let mut state = self.state();
                self.take_answers(&mut state);
                if let Phase::Failed(error) = &state.phase {
                    return Err(error.clone());
                }
                if !state.content.is_busy() {
                    return Ok(());
                }
            }
            arrived.await;
        }
    }

    /// Publishes the object: one PUT if it fits a part, else the completion of a multipart
    /// upload. `options.precondition` holds for this publication; a multipart upload has the
    /// metadata of its settings, as the store wants it when it begins.
    ///
    /// # Errors
    /// What a part ran into; `Invalid` where bytes in the middle were never written, naming the
    /// first such range; `Unsupported` where sent bytes would be needed again
    /// ([`Placement`]); `Conflict` where the precondition does not hold or the base was
    /// replaced. Nothing is published then, unless [`Error::outcome_unknown`] says otherwise.
    /// Call [`Self::abort`] after it.
    pub async fn finish(&self, options: &PutOptions) -> Result<Written> {
        let _ending = self.ending.lock().await;
        {
            let mut state = self.state();
            self.take_answers(&mut state);
            self.check_open(&state, "finish")?;
            state.phase = Phase::Finishing;
        }
        let outcome = self.publish(options).await;
        self.state().phase = match &outcome {
            Ok(_) => Phase::Finished,
            Err(error) => Phase::Failed(error.clone()),
        };
        if outcome.is_ok() {
            self.staging.clear().await;
        }
        outcome
    }

    /// Gives the upload up: cancels what is on its way and deletes what the store has of it. May
    /// be called at any time and again; a finished object stays.
    pub async fn abort(&self) {
        // Parts stop at once; a publication that has begun is waited for.
        self.sender.cancel();
        let _ending = self.ending.lock().await;
        {
            let mut state = self.state();
            if matches!(state.phase, Phase::Finished | Phase::Aborted) {
                return;
            }
            state.phase = Phase::Aborted;
            state.content.clear();
        }
        self.sender.stop().await;
        self.main.discard().await;
        self.staging.clear().await;
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
        let _ = (store, settings, base, progress);
        let reason = "it cannot be resumed yet";
        Err(Error::new(
            ErrorKind::Unsupported,
            "resume",
            key.as_str(),
            reason,
        ))
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
        let reason = "it cannot be detached yet";
        Err(Error::new(
            ErrorKind::Unsupported,
            "detach",
            self.key.as_str(),
            reason,
        ))
    }

    /// Deletes what earlier detaches and spills put into staging and the latest detach does not
    /// need. To be called once its progress is recorded. Best effort: ending the upload deletes
    /// all of it.
    pub async fn forget_superseded(&self) {}

    /// Contiguous bytes from 0 on that the store has by now, those that survive of the base
    /// included.
    pub fn safe(&self) -> u64 {
        0
    }

    /// What a detach would return if it could put no tail: what is provably safe by now.
    pub fn safe_progress(&self) -> Progress {
        Progress::new(&self.key, self.state().content.plan.clone(), self.staged)
    }

    /// The multipart upload at the key, once it has begun.
    pub fn multipart(&self) -> Option<MultipartUpload> {
        self.main.begun().cloned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_open(&self, state: &State, operation: &'static str) -> Result<()> {
        let (kind, reason) = match &state.phase {
            Phase::Open => return Ok(()),
            Phase::Failed(error) => return Err(error.clone()),
            Phase::Finishing | Phase::Finished => (ErrorKind::Invalid, "it was closed"),
            Phase::Aborted => (ErrorKind::Conflict, "the upload was given up"),
        };
        Err(Error::new(kind, operation, self.key.as_str(), reason))
    }

    /// Takes in what the tasks have come to, and begins what that makes possible.
    fn take_answers(&self, state: &mut State) {
        for answer in self.sender.answers().take() {
            match answer {
                Answer::Stored(slot, part) => {
                    if let Some(work) = state.content.stored(&slot, part) {
                        self.begin(state, work);
                    }
                }
                Answer::Joined(part) => state.content.part_joined(part),
                Answer::Failed(error) => {
                    state.content.failed();
                    self.fail(state, error);
                }
            }
        }
    }

    fn fail(&self, state: &mut State, error: Error) {
        if matches!(state.phase, Phase::Open | Phase::Finishing) {
            state.phase = Phase::Failed(error);
            self.sender.cancel();
        }
    }

    fn begin(&self, state: &mut State, work: Work) {
        let begun = match work {
            Work::Send(shipment) => self.target(state, &shipment.slot).map(|(number, target)| {
                self.sender.send(shipment, number, target);
            }),
            Work::Join(number, parts) => self.staging.piece(&piece_name(number)).map(|piece| {
                self.sender.join(piece, parts, number, self.main.clone());
            }),
        };
        if let Err(error) = begun {
            state.content.failed();
            self.fail(state, error);
        }
    }

    /// Where a full slot goes.
    fn target(&self, state: &mut State, slot: &Slot) -> Result<(PartNumber, Arc<Multipart>)> {
        // What stands there is older from now on.
        state.stored.remove(&slot.index);
        Ok(match slot.piece {
            Some(number) => (number, self.staging.piece(&piece_name(slot.part))?),
            None if self.staged => (
                slot.part,
                self.staging.piece(&whole_name(state.generation))?,
            ),
            None => (slot.part, self.main.clone()),
        })
    }
}

/// The name of a staging object of an upload whose parts all go there.
fn whole_name(generation: u32) -> String {
    format!("whole-{generation}")
}

fn piece_name(number: PartNumber) -> String {
    format!("part-{}", number.get())
}

#[cfg(test)]
mod tests;
