//! The moves that this process is at.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::TransferId;
use tokio_util::sync::CancellationToken;

/// The moves that this process is at; each has a token that says when it is over. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Running(Arc<Mutex<HashMap<TransferId, CancellationToken>>>);

/// One of them; dropping it says that this process is at it no more.
#[derive(Debug)]
pub(super) struct Guard {
    running: Running,
    id: TransferId,
}

impl Running {
    pub(super) fn enter(&self, id: TransferId) -> Guard {
        self.lock().insert(id, CancellationToken::new());
        Guard {
            running: self.clone(),
            id,
        }
    }

    pub(crate) fn contains(&self, id: TransferId) -> bool {
        self.lock().contains_key(&id)
    }

    /// Waits for the end of a move; false at once where this process is not at it.
    pub(super) async fn wait(&self, id: TransferId) -> bool {
        let Some(over) = self.lock().get(&id).cloned() else {
            return false;
        };
        over.cancelled().await;
        true
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TransferId, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(over) = self.running.lock().remove(&self.id) {
            over.cancel();
        }
    }
}
