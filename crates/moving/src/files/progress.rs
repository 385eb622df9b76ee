//! `Progress`: what has been done so far, for whoever watches.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts that grow while an import runs.
#[derive(Debug, Default)]
pub struct Progress {
    settled: AtomicU64,
    moved: AtomicU64,
    bytes: AtomicU64,
    troubles: AtomicU64,
}

impl Progress {
    /// Files, directories and others of which is known what becomes of them.
    pub fn settled(&self) -> u64 {
        self.settled.load(Relaxed)
    }

    /// Those of them that were moved in this pass.
    pub fn moved(&self) -> u64 {
        self.moved.load(Relaxed)
    }

    /// Bytes that were read to be moved.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Those that did not move and have to be looked at.
    pub fn troubles(&self) -> u64 {
        self.troubles.load(Relaxed)
    }

    pub(crate) fn note_settled(&self, moved: bool, trouble: bool) {
        self.settled.fetch_add(1, Relaxed);
        self.moved.fetch_add(u64::from(moved), Relaxed);
        self.troubles.fetch_add(u64::from(trouble), Relaxed);
    }

    pub(crate) fn note_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }
}
