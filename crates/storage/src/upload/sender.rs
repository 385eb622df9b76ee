//! `Sender`: the requests of one upload, and the tasks that wait for their answers.

use std::sync::{Arc, Mutex, PoisonError};

use model::ErrorKind;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::content::Shipment;
use super::exposure::Exposure;
use super::multipart::Multipart;
use super::plan::Slot;
use crate::{Budget, Error, Part, PartNumber, Result};

/// What a task has come to.
#[derive(Debug)]
pub(super) enum Answer {
    /// The store has a slot.
    Stored(Slot, Part),
    /// The store has a composed part.
    Joined(Part),
    /// Neither: what that leaves undone.
    Failed(Error, Undone),
}

/// What a request should have done.
#[derive(Debug)]
pub(super) enum Undone {
    Slot(Shipment),
    Join(PartNumber),
}

/// Answers that came and were not looked at yet: at most one per slot in flight.
#[derive(Debug, Default)]
pub(super) struct Answers {
    waiting: Mutex<Vec<Answer>>,
    arrived: Notify,
}

impl Answers {
    fn push(&self, answer: Answer) {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(answer);
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
    exposure: Arc<Exposure>,
    answers: Arc<Answers>,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

impl Sender {
    pub(super) fn new(parallel: usize, in_flight: Arc<Budget>) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(parallel.max(1))),
            in_flight,
            exposure: Arc::default(),
            answers: Arc::default(),
            tasks: TaskTracker::new(),
            cancel: CancellationToken::new(),
        }
    }

    pub(super) fn answers(&self) -> &Answers {
        &self.answers
    }

    pub(super) fn exposure(&self) -> &Arc<Exposure> {
        &self.exposure
    }

    /// Sends a slot as part `number` of `target`. Its bytes count against the budget from now
    /// until the store has answered.
    pub(super) fn send(&self, shipment: Shipment, number: PartNumber, target: Arc<Multipart>) {
        let permit = self.in_flight.take(shipment.slot.len());
        let ticket = self.exposure.send(shipment.slot.len());
        let undone = Undone::Slot(shipment.clone());
        self.run(target.clone(), undone, async move {
            let Shipment { slot, pieces } = shipment;
            let body = pieces.gather().await?;
            let upload = target.upload().await?;
            let part = target.store().put_part(number, body, upload).await?;
            drop(permit);
            ticket.stored();
            Ok(Answer::Stored(slot, part))
        });
    }

    /// Finishes a piece made of `parts` and makes it part `number` of `main`.
    pub(super) fn join(
        &self,
        piece: Arc<Multipart>,
        parts: Vec<Part>,
        number: PartNumber,
        main: Arc<Multipart>,
    ) {
        self.run(main.clone(), Undone::Join(number), async move {
            let len = parts.iter().map(|part| part.size).sum();
            let original = piece.complete(&parts).await?;
            let part = main.copy_part(number, &original, 0..len).await?;
            Ok(Answer::Joined(part))
        });
    }

    /// Runs `work` besides; it sees for itself to its end.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(work);
    }

    /// Runs `work`, which sends requests to `target`, when its turn has come.
    fn run(
        &self,
        target: Arc<Multipart>,
        undone: Undone,
        work: impl Future<Output = Result<Answer>> + Send + 'static,
    ) {
        let (turns, cancel) = (self.turns.clone(), self.cancel.clone());
        let mut report = Report {
            answer: Some((self.answers.clone(), undone)),
            exposure: self.exposure.clone(),
        };
        self.tasks.spawn(async move {
            match take_turn(&target, &turns, &cancel, work).await {
                Ok(answer) => report.answer(answer),
                Err(error) => {
                    report.failed(error);
                    // The upload has failed: what else is on its way need not try.
                    cancel.cancel();
                }
            }
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

async fn take_turn(
    target: &Multipart,
    turns: &Semaphore,
    cancel: &CancellationToken,
    work: impl Future<Output = Result<Answer>>,
) -> Result<Answer> {
    let given_up = || {
        let reason = "the upload was given up";
        Error::new(
            ErrorKind::Conflict,
            "put part of",
            target.key().as_str(),
            reason,
        )
    };
    let start = async {
        let turn = turns.acquire().await.map_err(|_| given_up())?;
        target.gate().pass().await?;
        Ok::<_, Error>(turn)
    };
    let _turn = tokio::select! {
        biased;
        () = cancel.cancelled() => return Err(given_up()),
        turn = start => turn?,
    };
    // Not cancelled: a multipart upload that begins unseen could not be aborted.
    target.upload().await?;
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(given_up()),
        answer = work => answer,
    }
}

/// Makes sure that there is an answer, even from a task that dies.
struct Report {
    answer: Option<(Arc<Answers>, Undone)>,
    exposure: Arc<Exposure>,
}

impl Report {
    fn answer(&mut self, answer: Answer) {
        if let Some((answers, _)) = self.answer.take() {
            answers.push(answer);
        }
    }

    fn failed(&mut self, error: Error) {
        if let Some((answers, undone)) = self.answer.take() {
            self.exposure.fail(&error);
            answers.push(Answer::Failed(error, undone));
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let reason = "the task that sent it ended early";
        self.failed(Error::new(
            ErrorKind::Internal,
            "put part",
            "of an upload",
            reason,
        ));
    }
}
