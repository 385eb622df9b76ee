//! `Exposure`: what an upload has taken and its store does not have yet, and `Receipt`, which says
//! when that is little enough to acknowledge more.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::{Error, Result};

/// Bytes that were sent and are not stored, in the order in which they were sent.
#[derive(Debug, Default)]
pub(super) struct Exposure {
    state: Mutex<State>,
    moved: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes that were sent, ever.
    sent: u64,
    /// Those of them that are stored, without a gap.
    stored: u64,
    /// What was sent behind them, and whether it is stored.
    behind: VecDeque<(u64, bool)>,
    /// How many were taken off `behind`.
    gone: u64,
    failed: Option<Error>,
}

impl Exposure {
    /// So many bytes are on their way from now on, until the ticket is told that they are stored.
    pub(super) fn send(self: &Arc<Self>, bytes: u64) -> Ticket {
        let mut state = self.state();
        let number = state.gone + state.behind.len() as u64;
        state.sent += bytes;
        state.behind.push_back((bytes, false));
        Ticket {
            exposure: Arc::clone(self),
            number,
        }
    }

    /// Nothing more comes of the upload. The first reason stays.
    pub(super) fn fail(&self, error: &Error) {
        self.state().failed.get_or_insert_with(|| error.clone());
        self.moved.notify_waiters();
    }

    /// For what was taken so far, the last `filling` bytes of which were not sent yet: due when no
    /// more than `unsaved` bytes are in memory alone. What is not sent waits for the client, who
    /// must not wait for himself: it is never waited for.
    pub(super) fn receipt(self: &Arc<Self>, filling: u64, unsaved: u64) -> Receipt {
        let sent = self.state().sent;
        let needed = sent.saturating_add(filling).saturating_sub(unsaved);
        Receipt {
            exposure: Arc::clone(self),
            needed: needed.min(sent),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes on their way.
#[derive(Debug)]
pub(super) struct Ticket {
    exposure: Arc<Exposure>,
    number: u64,
}

impl Ticket {
    /// The store has them.
    pub(super) fn stored(self) {
        let mut state = self.exposure.state();
        let place = usize::try_from(self.number - state.gone).unwrap_or(usize::MAX);
        if let Some((_, stored)) = state.behind.get_mut(place) {
            *stored = true;
        }
        while let Some((bytes, _)) = state.behind.pop_front_if(|(_, stored)| *stored) {
            state.stored += bytes;
            state.gone += 1;
        }
        drop(state);
        self.exposure.moved.notify_waiters();
    }
}

/// Says when the bytes that an upload had taken so far may be acknowledged.
///
/// It comes due by the store's progress alone, never by the client's, so that nobody waits for
/// himself.
#[derive(Debug)]
pub struct Receipt {
    exposure: Arc<Exposure>,
    needed: u64,
}

impl Receipt {
    /// What is to be answered, once it is due.
    pub fn answer(&self) -> Option<Result<()>> {
        let state = self.exposure.state();
        match &state.failed {
            Some(error) => Some(Err(error.clone())),
            None => (state.stored >= self.needed).then_some(Ok(())),
        }
    }

    /// Waits until it is due.
    ///
    /// # Errors
    /// What a part that was sent before ran into.
    pub async fn due(&self) -> Result<()> {
        loop {
            let mut moved = std::pin::pin!(self.exposure.moved.notified());
            moved.as_mut().enable();
            if let Some(answer) = self.answer() {
                return answer;
            }
            moved.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use model::ErrorKind;

    use super::*;

    fn is_due(receipt: &Receipt) -> bool {
        receipt.due().now_or_never().is_some_and(|due| due.is_ok())
    }

    #[test]
    fn what_fits_is_due_at_once() {
        let exposure = Arc::new(Exposure::default());
        assert!(is_due(&exposure.receipt(16, 16)));
        let _first = exposure.send(8);
        assert!(is_due(&exposure.receipt(8, 16)));
        assert!(!is_due(&exposure.receipt(9, 16)));
    }

    #[test]
    fn what_follows_a_gap_does_not_count() {
        let exposure = Arc::new(Exposure::default());
        let (first, second) = (exposure.send(8), exposure.send(8));
        let receipt = exposure.receipt(4, 16);
        second.stored();
        assert!(!is_due(&receipt), "the first is on its way still");
        first.stored();
        assert!(is_due(&receipt));
        let third = exposure.send(8);
        let receipt = exposure.receipt(0, 4);
        third.stored();
        assert!(is_due(&receipt));
    }

    #[test]
    fn what_the_client_has_yet_to_fill_is_not_waited_for() {
        let exposure = Arc::new(Exposure::default());
        let first = exposure.send(8);
        let receipt = exposure.receipt(100, 0);
        assert!(!is_due(&receipt));
        first.stored();
        assert!(is_due(&receipt));
    }

    #[tokio::test]
    async fn a_failure_is_told_and_the_first_one_stays() {
        let exposure = Arc::new(Exposure::default());
        let lost = exposure.send(8);
        let receipt = exposure.receipt(1, 8);
        let mut due = std::pin::pin!(receipt.due());
        assert!(due.as_mut().now_or_never().is_none());
        drop(lost);
        assert!(due.as_mut().now_or_never().is_none(), "nobody said why");
        for reason in ["no store", "given up"] {
            exposure.fail(&Error::new(
                ErrorKind::Unavailable,
                "put part of",
                "a",
                reason,
            ));
        }
        let error = due.await.unwrap_err();
        assert_eq!(error.to_string(), "put part of a: no store");
    }
}
