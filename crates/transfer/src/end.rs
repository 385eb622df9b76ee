//! The end of an upload without an object: its row says so first, then the store forgets it.

use std::sync::Arc;
use std::time::Duration;

use model::ErrorKind;

use crate::transfer::Active;
use crate::transfers::Core;
use crate::{detach, record};

/// Pauses between attempts to tell the database what it must know.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl Active {
    /// Gives the upload up: its row first, so that nothing is taken from a session that goes on
    /// with it. A temporary file goes back to what it was at its last CLOSE.
    pub(crate) async fn give_up(self: &Arc<Self>, reason: &str, is_failure: bool) {
        if self.recorded().await.is_err() {
            self.upload.abort().await;
            return;
        }
        match self.note_end(reason, is_failure).await {
            Ok(()) => self.clear().await,
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                tracing::warn!(transfer = %self.id, %error, "cannot note yet that an upload was given up");
                let (active, reason) = (Arc::clone(self), reason.to_owned());
                self.core.tasks.spawn(async move {
                    let core = Arc::clone(&active.core);
                    let noted = core.persist(|| active.note_end(&reason, is_failure)).await;
                    if noted.is_ok() {
                        active.clear().await;
                    }
                });
            }
            Err(error) => {
                tracing::info!(transfer = %self.id, %error, "an upload was left to another session");
            }
        }
        tracing::info!(transfer = %self.id, path = %self.intent.path, reason, "upload given up");
    }

    async fn note_end(&self, reason: &str, is_failure: bool) -> Result<(), database::Error> {
        if self.staged.is_none() {
            return record::failed(self, reason, is_failure).await;
        }
        let attributes = self.attributes;
        let back = detach::unchanged(self, attributes, self.core.clock.now());
        self.core.database.writer().detach(back).await
    }

    /// Takes away what the store has of it.
    async fn clear(&self) {
        self.upload.abort().await;
        if self.staged.is_none()
            && let Err(error) = self.core.database.writer().cleaned(self.id).await
        {
            tracing::warn!(transfer = %self.id, %error, "the sweeper looks at an upload once more");
        }
    }
}

impl Core {
    /// Writes until the database takes it, or refuses it, or the node ends: what is not noted
    /// then is found by the sweeper, which sees that its node is gone.
    pub(crate) async fn persist<F>(&self, write: impl Fn() -> F) -> Result<(), database::Error>
    where
        F: Future<Output = Result<(), database::Error>>,
    {
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match write().await {
                Err(error) if error.kind() == ErrorKind::Unavailable => error,
                written => return written,
            };
            tokio::select! {
                () = self.ending.cancelled() => return Err(error),
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
    }
}
