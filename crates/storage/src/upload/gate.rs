//! `Gate`: holds an upload's first request back until its intent is durable.

use tokio::sync::Mutex;

use super::settings::Intent;
use crate::{Error, Result};

/// Awaits the intent once; afterwards its result stands.
pub(super) struct Gate(Mutex<State>);

enum State {
    Waiting(Intent),
    Passed,
    Failed(Error),
}

impl Gate {
    pub(super) fn new(intent: Option<Intent>) -> Self {
        Self(Mutex::new(intent.map_or(State::Passed, State::Waiting)))
    }

    /// Waits for the intent. A caller that is cancelled meanwhile leaves it to the next one.
    pub(super) async fn pass(&self) -> Result<()> {
        let mut state = self.0.lock().await;
        if let State::Waiting(intent) = &mut *state {
            *state = intent.await.map_or_else(State::Failed, |()| State::Passed);
        }
        match &*state {
            State::Failed(error) => Err(error.clone()),
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gate")
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use model::ErrorKind;

    use super::*;

    #[tokio::test]
    async fn a_cancelled_waiter_leaves_the_intent_to_the_next() {
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        let intent = async move {
            told.await
                .map_err(|_| Error::new(ErrorKind::Unavailable, "record", "a", "gone"))
        };
        let gate = Gate::new(Some(intent.boxed()));
        assert!(gate.pass().now_or_never().is_none());
        tell.send(()).unwrap();
        assert!(gate.pass().await.is_ok());
        assert!(gate.pass().await.is_ok());
    }

    #[tokio::test]
    async fn a_failed_intent_keeps_the_gate_shut() {
        let failed = Error::new(
            ErrorKind::Unavailable,
            "record intent of",
            "a",
            "no database",
        );
        let gate = Gate::new(Some(async move { Err(failed) }.boxed()));
        for _ in 0..2 {
            let error = gate.pass().await.unwrap_err();
            assert_eq!(error.to_string(), "record intent of a: no database");
        }
    }
}
