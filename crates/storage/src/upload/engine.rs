//! `Engine`: what an upload is made of, shared by its handle and whoever spills its memory.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use model::{ErrorKind, ObjectKey};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::content::{Content, Limits, Work};
use super::exposure::Receipt;
use super::gate::Gate;
use super::ground::Ground;
use super::ledger::Ledger;
use super::multipart::Multipart;
use super::plan::{PartPlan, Slot};
use super::progress::Progress;
use super::sender::{Answer, Sender, Undone};
use super::settings::{Base, Placement, UploadSettings};
use super::staging_area::StagingArea;
use super::{piece_name, whole_name};
use crate::fetch::Original;
use crate::{
    Buffers, Capabilities, Error, MultipartUpload, ObjectStore, PartNumber, PutOptions, Result,
    UploadId, Written,
};

/// One upload.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) key: ObjectKey,
    /// What lies below all that is written.
    pub(super) ground: OnceLock<Ground>,
    pub(super) buffers: Buffers,
    pub(super) parallel: usize,
    /// Bytes that may be acknowledged and not stored.
    unsaved: u64,
    pub(super) state: Mutex<State>,
    pub(super) sender: Sender,
    pub(super) gate: Arc<Gate>,
    pub(super) ledger: Arc<Ledger>,
    /// The multipart upload at the key.
    pub(super) main: Arc<Multipart>,
    pub(super) staging: StagingArea,
    /// Parts go to one staging object instead of the key.
    pub(super) staged: bool,
    /// Held while the upload is being ended, one way or the other.
    pub(super) ending: tokio::sync::Mutex<()>,
    /// When it last took memory, as [`Spills`](super::spill::Spills) counts.
    pub(super) stamp: AtomicU64,
    /// Woken when memory is no longer on its way to staging.
    pub(super) spill_ended: Notify,
    /// Nobody has the upload any more.
    pub(super) gone: CancellationToken,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) content: Content,
    pub(super) phase: Phase,
    /// Where bytes that were sent to staging can be read and copied from by now.
    pub(super) stored: Stored,
    /// How many staging objects of a staged upload were completed.
    pub(super) generation: u32,
    /// Memory is on its way to staging.
    pub(super) spilling: bool,
    /// The last spill failed: none before this.
    pub(super) spill_after: Option<Instant>,
}

/// Where sent slots stand: an object in staging, and the offset in it.
pub(super) type Stored = BTreeMap<u64, (Original, u64)>;

#[derive(Debug)]
pub(super) enum Phase {
    Open,
    Finishing,
    Finished,
    Failed(Error),
    /// Takes no more bytes, and what it has is being made safe.
    Detaching,
    Detached(Box<Progress>),
    Aborted,
}

/// How an engine is built: from nothing, or to go on with what `progress` tells.
pub(super) struct Build {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) key: ObjectKey,
    pub(super) settings: UploadSettings,
    pub(super) base: Option<Base>,
    pub(super) progress: Option<Progress>,
}

impl Engine {
    pub(super) fn build(build: Build) -> Self {
        let Build {
            store,
            key,
            settings,
            base,
            progress,
        } = build;
        let ground = base.as_ref().map(Ground::of);
        let progress = progress.unwrap_or_else(|| fresh(&*store, &key, &settings, ground.as_ref()));
        let ground = ground.map(|ground| ground.recorded(progress.base.as_ref()));
        let content = Content::new(Limits {
            plan: progress.plan.clone(),
            name: key.to_string(),
            chunks: settings.buffers.chunks.clone(),
            unsent: settings.buffers.unsent.clone(),
            kept: settings.buffers.kept.clone(),
            window: settings.window,
            zero_limit: settings.zero_limit,
            base: ground.as_ref().map_or(0, |ground| ground.len),
        });
        let gate = Arc::new(Gate::new(settings.intent));
        let options = PutOptions {
            metadata: settings.metadata,
            content_type: settings.content_type,
            precondition: None,
        };
        let (staged, main) = (progress.staged, progress.main.clone());
        let ledger = Arc::new(Ledger::new(settings.began, progress));
        let mut upload = Multipart::new(
            store.clone(),
            key.clone(),
            options.clone(),
            gate.clone(),
            ledger.clone(),
            None,
        );
        if let Some(id) = main {
            upload = upload.with_begun(UploadId(id));
        }
        Self {
            ground: ground.map(OnceLock::from).unwrap_or_default(),
            parallel: settings.parallel_parts.max(1),
            unsaved: settings.unsaved,
            state: Mutex::new(State {
                content,
                phase: Phase::Open,
                stored: Stored::new(),
                generation: 0,
                spilling: false,
                spill_after: None,
            }),
            sender: Sender::new(settings.parallel_parts, settings.buffers.in_flight.clone()),
            main: Arc::new(upload),
            staging: StagingArea::new(settings.staging, options, gate.clone(), ledger.clone()),
            staged,
            buffers: settings.buffers,
            gate,
            ledger,
            store,
            key,
            ending: tokio::sync::Mutex::default(),
            stamp: AtomicU64::new(0),
            spill_ended: Notify::new(),
            gone: CancellationToken::new(),
        }
    }

    pub(super) fn multipart(&self) -> Option<MultipartUpload> {
        self.main.begun().cloned()
    }

    pub(super) fn receipt(&self) -> Receipt {
        let filling = self.state().content.filling();
        self.sender.exposure().receipt(filling, self.unsaved)
    }

    /// Waits until every part sent so far is answered.
    ///
    /// # Errors
    /// What the first of them ran into.
    pub(super) async fn settle(&self) -> Result<()> {
        self.quiet(true).await
    }

    /// Waits until nothing is on its way, or with `fail` until something has failed.
    pub(super) async fn quiet(&self, fail: bool) -> Result<()> {
        loop {
            let mut arrived = pin!(self.sender.answers().arrived());
            arrived.as_mut().enable();
            {
                let mut state = self.state();
                self.take_answers(&mut state);
                match &state.phase {
                    Phase::Failed(error) if fail => return Err(error.clone()),
                    _ if !state.content.is_busy() => return Ok(()),
                    _ => {}
                }
            }
            arrived.await;
        }
    }

    pub(super) async fn finish(&self, options: &PutOptions) -> Result<Written> {
        let _ending = self.ending.lock().await;
        {
            let mut state = self.state();
            self.take_answers(&mut state);
            self.check_open(&state, "finish")?;
            state.phase = Phase::Finishing;
        }
        let outcome = self.publish(options).await;
        {
            let mut state = self.state();
            state.phase = match &outcome {
                Ok(_) => Phase::Finished,
                Err(error) => Phase::Failed(error.clone()),
            };
            if outcome.is_ok() {
                state.content.clear();
            }
        }
        if outcome.is_ok() {
            self.spilled().await;
            self.staging.clear().await;
        }
        outcome
    }

    pub(super) async fn abort(&self) {
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

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn check_open(&self, state: &State, operation: &'static str) -> Result<()> {
        let (kind, reason) = match &state.phase {
            Phase::Open => return Ok(()),
            Phase::Failed(error) => return Err(error.clone()),
            Phase::Finishing | Phase::Finished => (ErrorKind::Invalid, "it was closed"),
            Phase::Detaching | Phase::Detached(_) => (ErrorKind::Conflict, "it was set aside"),
            Phase::Aborted => (ErrorKind::Conflict, "the upload was given up"),
        };
        Err(Error::new(kind, operation, self.key.as_str(), reason))
    }

    /// Takes in what the tasks have come to, and begins what that makes possible.
    pub(super) fn take_answers(&self, state: &mut State) {
        for answer in self.sender.answers().take() {
            match answer {
                Answer::Stored(slot, part) => {
                    if let Some(work) = state.content.stored(&slot, part) {
                        self.begin(state, work);
                    }
                }
                Answer::Joined(part) => {
                    self.ledger.joined(&piece_name(part.number));
                    state.content.part_joined(part);
                }
                Answer::Failed(error, undone) => {
                    undo(&mut state.content, &undone);
                    self.fail(state, error);
                }
            }
        }
    }

    pub(super) fn fail(&self, state: &mut State, error: Error) {
        if matches!(state.phase, Phase::Open | Phase::Finishing) {
            self.sender.exposure().fail(&error);
            state.phase = Phase::Failed(error);
            self.sender.cancel();
        }
    }

    pub(super) fn begin(&self, state: &mut State, work: Work) {
        let begun = match &work {
            Work::Send(shipment) => self.target(state, &shipment.slot).map(|(number, target)| {
                self.sender.send(shipment.clone(), number, target);
            }),
            Work::Join(number, parts) => self.staging.piece(&piece_name(*number)).map(|piece| {
                self.sender
                    .join(piece, parts.clone(), *number, self.main.clone());
            }),
        };
        if let Err(error) = begun {
            undo(
                &mut state.content,
                &match work {
                    Work::Send(shipment) => Undone::Slot(shipment),
                    Work::Join(number, _) => Undone::Join(number),
                },
            );
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

/// What there is to know of an upload before its first request.
fn fresh(
    store: &dyn ObjectStore,
    key: &ObjectKey,
    settings: &UploadSettings,
    ground: Option<&Ground>,
) -> Progress {
    let can = store.capabilities();
    let staged =
        settings.placement == Placement::Staged && settings.staging.is_some() && can.part_copy;
    let composed = settings.staging.is_some() && can.part_copy && !staged;
    let chosen = || {
        let can = Capabilities {
            part_copy: composed,
            ..can.clone()
        };
        PartPlan::of(&can, settings.expected_len)
    };
    let plan = settings.plan.clone().unwrap_or_else(chosen);
    let plan = if composed { plan } else { plan.flat() };
    let mut progress = Progress::new(key, plan, staged);
    progress.base = ground.map(|ground| ground.below(ground.len));
    progress
}

/// Takes back what could not be done.
fn undo(content: &mut Content, undone: &Undone) {
    match undone {
        Undone::Slot(shipment) => content.lost(shipment),
        Undone::Join(number) => content.not_joined(*number),
    }
}
