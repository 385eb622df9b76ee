//! `Recording`: the intent of an upload on its way to its row.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use database::NewTransfer;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tokio::sync::oneshot;

use crate::record::Unrecorded;
use crate::transfers::Core;

/// Whether the intent is on record; everybody who waits gets the same answer.
pub(crate) type Recorded = Shared<BoxFuture<'static, Result<(), Unrecorded>>>;

/// An intent that is written once: when somebody needs it to be, or after a while. Most files
/// are small and closed soon, and need it together with their claim only, in one transaction.
pub(crate) struct Recording {
    state: Mutex<State>,
    core: Arc<Core>,
}

enum State {
    /// Nobody has needed it yet.
    Waiting(Box<NewTransfer>),
    Begun(Recorded),
}

/// Tells everybody who waits for an intent what became of it.
pub(crate) struct Answer(oneshot::Sender<Result<(), Unrecorded>>);

impl Answer {
    pub(crate) fn give(self, answer: Result<(), Unrecorded>) {
        // Whoever waits may have given up by then.
        let _ = self.0.send(answer);
    }
}

impl Recording {
    /// An intent that is written after `delay` at the latest.
    pub(crate) fn after(delay: Duration, new: NewTransfer, core: &Arc<Core>) -> Arc<Self> {
        let recording = Arc::new(Self {
            state: Mutex::new(State::Waiting(Box::new(new))),
            core: Arc::clone(core),
        });
        let weak = Arc::downgrade(&recording);
        let ending = core.ending.clone();
        core.tasks.spawn(async move {
            let waited = tokio::time::sleep(delay);
            if ending.run_until_cancelled(waited).await.is_some()
                && let Some(recording) = weak.upgrade()
            {
                // It goes on by itself.
                drop(recording.begin());
            }
        });
        recording
    }

    /// One whose row was there before.
    pub(crate) fn done(core: &Arc<Core>) -> Arc<Self> {
        let recorded = futures::future::ready(Ok(())).boxed().shared();
        Arc::new(Self {
            state: Mutex::new(State::Begun(recorded)),
            core: Arc::clone(core),
        })
    }

    /// Starts to write it, unless that has begun. Writing goes on without those who wait.
    pub(crate) fn begin(&self) -> Recorded {
        let Some((new, answer)) = self.take() else {
            return self.begun();
        };
        let database = self.core.database.clone();
        self.core.tasks.spawn(async move {
            let written = database.writer().begin_intent(*new).await;
            answer.give(written.map_err(Unrecorded::Database));
        });
        self.begun()
    }

    /// Takes it over from here, where nobody has begun to write it: the caller writes it, and
    /// tells what became of it.
    pub(crate) fn take(&self) -> Option<(Box<NewTransfer>, Answer)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State::Waiting(new) = &*state else {
            return None;
        };
        let new = new.clone();
        let (answer, answered) = oneshot::channel();
        let recorded = answered
            .map(|answer| answer.unwrap_or(Err(Unrecorded::BrokeOff)))
            .boxed()
            .shared();
        *state = State::Begun(recorded);
        Some((new, Answer(answer)))
    }

    fn begun(&self) -> Recorded {
        match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Begun(recorded) => recorded.clone(),
            // Only `take` is called before, and it leaves nothing waiting.
            State::Waiting(_) => futures::future::ready(Err(Unrecorded::BrokeOff))
                .boxed()
                .shared(),
        }
    }
}
