//! `Sender`: the requests of one upload, and the tasks that wait for their answers.

use std::sync::{Arc, Mutex, PoisonError};

use model::{ErrorKind, ObjectKey};
use tokio::sync::{Notify, OnceCell, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::content::Shipment;
use super::gate::Gate;
use super::plan::Slot;
use crate::{
    Body, Budget, Error, MultipartUpload, ObjectStore, Part, PartNumber, PutOptions, Result,
};

/// A multipart upload that begins when its first part does.
#[derive(Debug)]
pub(super) struct Multipart {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) key: ObjectKey,
    options: PutOptions,
    gate: Arc<Gate>,
    begun: OnceCell<MultipartUpload>,
}

impl Multipart {
    pub(super) fn new(
        store: Arc<dyn ObjectStore>,
        key: ObjectKey,
        options: PutOptions,
        gate: Arc<Gate>,
    ) -> Self {
        Self { store, key, options, gate, begun: OnceCell::new() }
    }

    /// The upload, begun now if it was not before.
    pub(super) async fn upload(&self) -> Result<&MultipartUpload> {
        let begin = async || {
            self.gate.pass().await?;
            self.store.create_upload(&self.key, &self.options).await
        };
        self.begun.get_or_try_init(begin).await
    }

    /// The upload, if it has begun.
    pub(super) fn begun(&self) -> Option<&MultipartUpload> {
        self.begun.get()
    }

    /// Tells the store to forget it. Best effort: what is left is the sweeper's.
    pub(super) async fn abort(&self) {
        let Some(upload) = self.begun() else { return };
        if let Err(error) = self.store.abort_upload(upload).await {
            tracing::warn!(key = %self.key, %error, "multipart upload not aborted");
        }
    }
}

/// A slot's request has ended.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) slot: Slot,
    pub(super) outcome: Result<Part>,
}

/// Answers that came and were not looked at yet: at most one per slot in flight.
#[derive(Debug, Default)]
pub(super) struct Answers {
    waiting: Mutex<Vec<Answer>>,
    arrived: Notify,
}

impl Answers {
    fn push(&self, answer: Answer) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
        self.arrived.notify_waiters();
    }

    /// What has come since the last look.
    pub(super) fn take(&self) -> Vec<Answer> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// To be enabled before [`Self::take`] is called, then awaited.
    pub(super) fn arrived(&self) -> tokio::sync::futures::Notified<'_> {
        self.arrived.notified()
    }
}

/// Sends slots, a few at a time.
#[derive(Debug)]
pub(super) struct Sender {
    turns: Arc<Semaphore>,
    in_flight: Arc<Budget>,
    answers: Arc<Answers>,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

impl Sender {
    pub(super) fn new(parallel: usize, in_flight: Arc<Budget>) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(parallel.max(1))),
            in_flight,
            answers: Arc::default(),
            tasks: TaskTracker::new(),
            cancel: CancellationToken::new(),
        }
    }

    pub(super) fn answers(&self) -> &Answers {
        &self.answers
    }

    /// Sends a slot as part `number` of `target`. Its bytes count against the budget from now
    /// until the store has answered.
    pub(super) fn send(&self, shipment: Shipment, number: PartNumber, target: Arc<Multipart>) {
        let Shipment { slot, body } = shipment;
        let permit = self.in_flight.take(body.len());
        let (turns, cancel) = (self.turns.clone(), self.cancel.clone());
        let mut report = Report { slot: Some(slot), answers: self.answers.clone() };
        self.tasks.spawn(async move {
            let outcome = put(number, body, &target, &turns, &cancel).await;
            drop(permit);
            report.answer(outcome);
        });
    }

    /// Ends what is on its way.
    pub(super) fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Ends what is on its way and waits until nothing is.
    pub(super) async fn stop(&self) {
        self.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.cancel();
    }
}

async fn put(
    number: PartNumber,
    body: Body,
    target: &Multipart,
    turns: &Semaphore,
    cancel: &CancellationToken,
) -> Result<Part> {
    let cancelled =
        || Error::new(ErrorKind::Conflict, "put part", target.key.as_str(), "the upload was given up");
    let _turn = tokio::select! {
        biased;
        () = cancel.cancelled() => return Err(cancelled()),
        turn = turns.acquire() => turn.map_err(|_| cancelled())?,
    };
    // Not cancelled: a multipart upload that begins unseen could not be aborted.
    let upload = target.upload().await?;
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(cancelled()),
        part = target.store.put_part(number, body, upload) => part,
    }
}

/// Makes sure that a slot gets an answer, even from a task that dies.
struct Report {
    slot: Option<Slot>,
    answers: Arc<Answers>,
}

impl Report {
    fn answer(&mut self, outcome: Result<Part>) {
        if let Some(slot) = self.slot.take() {
            self.answers.push(Answer { slot, outcome });
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let reason = "the task that sent it ended early";
        self.answer(Err(Error::new(ErrorKind::Internal, "put part", "of an upload", reason)));
    }
}
