//! What drain did to sessions, counted.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The counts of a server.
#[derive(Debug, Default)]
pub(crate) struct Farewells {
    quiet: AtomicUsize,
    cut: AtomicUsize,
}

/// The sessions that drain ended. All others ended by themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drained {
    /// Sessions that were not at work.
    pub quiet: usize,
    /// Sessions at work when the deadline came. What they had not CLOSEd was not acknowledged.
    pub cut: usize,
}

impl Farewells {
    pub(crate) fn note_quiet(&self) {
        self.quiet.fetch_add(1, Relaxed);
    }

    pub(crate) fn note_cut(&self) {
        self.cut.fetch_add(1, Relaxed);
    }

    pub(crate) fn counts(&self) -> Drained {
        Drained {
            quiet: self.quiet.load(Relaxed),
            cut: self.cut.load(Relaxed),
        }
    }
}
