//! `Spills`: moves the bytes of half-full parts to staging when the process holds too many.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::engine::{Engine, Phase};
use super::lump::Lump;
use crate::{Budget, BudgetPermit};

/// How long an upload is left alone after a spill of it failed.
const PAUSE: Duration = Duration::from_secs(5);

/// How soon it is looked again, where a look has found nothing to spill.
const IDLE: Duration = Duration::from_millis(500);

/// All uploads of a process that hold memory.
///
/// Nobody waits here: whoever takes memory beyond the limit sets off spills of the uploads that
/// took theirs the longest ago. The bytes count as on their way until the store has them, so that
/// sockets are read again only then.
#[derive(Debug, Default)]
pub(crate) struct Spills {
    uploads: Mutex<Vec<Weak<Engine>>>,
    clock: AtomicU64,
    /// Held by who looks; not before this.
    looking: Mutex<Option<Instant>>,
}

impl Spills {
    /// Takes an upload in.
    pub(super) fn join(&self, engine: &Arc<Engine>) {
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        // Doubling, so that joining costs little however many there are.
        if uploads.len() == uploads.capacity() {
            uploads.retain(|upload| upload.strong_count() > 0);
        }
        uploads.push(Arc::downgrade(engine));
    }

    /// A stamp that is later than all before.
    pub(super) fn now(&self) -> u64 {
        self.clock.fetch_add(1, Relaxed) + 1
    }

    /// Spills the stalest uploads until `unsent` is back at its limit, or there are none.
    pub(super) fn relieve(&self, unsent: &Arc<Budget>) {
        if !unsent.is_exceeded() {
            return;
        }
        // One is enough: he sees to all.
        let Ok(mut pause) = self.looking.try_lock() else {
            return;
        };
        if pause.is_some_and(|until| Instant::now() < until) {
            return;
        }
        for engine in self.stalest() {
            if !unsent.is_exceeded() {
                *pause = None;
                return;
            }
            engine.spill();
        }
        *pause = unsent.is_exceeded().then(|| Instant::now() + IDLE);
    }

    fn stalest(&self) -> Vec<Arc<Engine>> {
        let uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        let mut alive: Vec<_> = uploads.iter().filter_map(Weak::upgrade).collect();
        drop(uploads);
        alive.sort_by_cached_key(|engine| engine.stamp.load(Relaxed));
        alive
    }
}

impl Engine {
    /// Begins to move what waits in memory to staging.
    pub(super) fn spill(self: &Arc<Self>) {
        let lumps = {
            let mut state = self.state();
            let resting = state
                .spill_after
                .is_none_or(|until| until <= Instant::now());
            let open = matches!(state.phase, Phase::Open);
            if !self.staging.is_there() || !open || !resting || state.spilling {
                return;
            }
            state.content.freeze();
            let lumps = state.content.lumps_in_memory(u64::MAX);
            if lumps.is_empty() {
                return;
            }
            state.spilling = true;
            lumps
        };
        let counted: Vec<_> = lumps.iter().map(|lump| lump.uncount()).collect();
        let bytes = lumps.iter().map(|lump| lump.len()).sum();
        let on_its_way = self.buffers.in_flight.take(bytes);
        let spill = Spill {
            engine: Arc::downgrade(self),
            lumps,
            on_its_way,
        };
        // Whatever shared the count is let go with it; a failed spill counts anew.
        drop(counted);
        let (engine, gone) = (Arc::clone(self), self.gone.clone());
        self.sender.spawn(async move {
            tokio::select! {
                biased;
                () = gone.cancelled() => {}
                () = spill.run(engine) => {}
            }
        });
    }

    /// Waits until no memory is on its way to staging.
    pub(super) async fn spilled(&self) {
        loop {
            let mut ended = std::pin::pin!(self.spill_ended.notified());
            ended.as_mut().enable();
            if !self.state().spilling {
                return;
            }
            ended.await;
        }
    }
}

/// Lumps on their way to staging.
struct Spill {
    engine: Weak<Engine>,
    lumps: Vec<Arc<Lump>>,
    on_its_way: BudgetPermit,
}

impl Spill {
    async fn run(self, engine: Arc<Engine>) {
        let outcome = engine.put_tail(&self.lumps).await;
        let Err(error) = outcome else {
            return;
        };
        tracing::warn!(key = %engine.key, %error, "memory not relieved; it is tried again");
        for lump in &self.lumps {
            lump.count(Arc::new(engine.buffers.unsent.take(lump.len())));
        }
        engine.state().spill_after = Some(Instant::now() + PAUSE);
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        self.on_its_way.release(u64::MAX);
        if let Some(engine) = self.engine.upgrade() {
            engine.state().spilling = false;
            engine.spill_ended.notify_waiters();
        }
    }
}
