//! `Ledger`: what an upload has begun in the store, as it is told to the owner.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::progress::{Below, Progress, Whole};
use super::settings::Began;
use crate::{Result, UploadId};

/// Keeps the progress that holds after a crash, and tells the owner when it changes.
pub(super) struct Ledger {
    began: Option<Began>,
    progress: Mutex<Progress>,
    /// The first byte that was written or cut off: what stood there before may be out of date.
    lowest: AtomicU64,
    /// Held while the owner is told, so that he hears of changes in their order.
    telling: tokio::sync::Mutex<()>,
}

impl Ledger {
    pub(super) fn new(began: Option<Began>, progress: Progress) -> Self {
        Self {
            began,
            progress: Mutex::new(progress),
            lowest: AtomicU64::new(u64::MAX),
            telling: tokio::sync::Mutex::default(),
        }
    }

    /// Bytes at and behind `offset` change. Cheap: it is called for every write.
    pub(super) fn touched(&self, offset: u64) {
        if offset < self.lowest.load(Relaxed) {
            self.lowest.fetch_min(offset, Relaxed);
        }
    }

    /// What holds after a crash.
    pub(super) fn progress(&self) -> Progress {
        let mut progress = self.lock().clone();
        let lowest = self.lowest.load(Relaxed);
        // What was acknowledged since and not stored must not come to light as something older.
        if let Some(base) = &mut progress.base {
            base.len = base.len.min(lowest);
        }
        progress.zeros.retain_mut(|zeros| {
            zeros.end = zeros.end.min(lowest);
            !zeros.is_empty()
        });
        progress
    }

    /// Nothing was written yet, and the upload lies on a range of another object.
    pub(super) fn copied(&self, below: Below) {
        self.lock().base = Some(below);
    }

    /// A multipart upload was begun: at the key, or of this name in staging.
    pub(super) async fn begun(&self, staged: Option<&str>, id: &UploadId) -> Result<()> {
        self.tell(|progress| match staged {
            None => progress.main = Some(id.0.clone()),
            Some(name) => {
                progress.staging.retain(|(known, _)| known != name);
                progress.staging.push((name.to_owned(), id.0.clone()));
            }
        })
        .await
    }

    /// A staging object of a staged upload is about to be completed of these slots.
    pub(super) async fn completing(&self, generation: u32, slots: Vec<Range<u64>>) -> Result<()> {
        self.tell(|progress| {
            progress
                .wholes
                .retain(|whole| whole.generation != generation);
            progress.wholes.push(Whole {
                generation,
                slots,
                void: Vec::new(),
            });
        })
        .await
    }

    /// A composed part was joined: of its piece nothing need be known any more.
    pub(super) fn joined(&self, name: &str) {
        self.lock().staging.retain(|(known, _)| known != name);
    }

    /// Tells the owner what holds now.
    pub(super) async fn tell(&self, change: impl FnOnce(&mut Progress)) -> Result<()> {
        let _telling = self.telling.lock().await;
        change(&mut self.lock());
        match &self.began {
            Some(began) => began(self.progress()).await,
            None => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}
