//! How many refusals of a session are told of one by one: a client that tries every path must not
//! fill the audit log.

use std::sync::atomic::{AtomicU64, Ordering};

/// Audit rows for refusals that one session may cause; the rest is counted in one more.
const MOST: u64 = 200;

/// The refusals of one session.
#[derive(Debug, Default)]
pub(crate) struct Refusals(AtomicU64);

impl Refusals {
    /// Counts one more. False where it only counts.
    pub(crate) fn is_to_be_told(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) < MOST
    }

    /// How many were not told of.
    pub(crate) fn untold(&self) -> u64 {
        self.0.load(Ordering::Relaxed).saturating_sub(MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_is_counted() {
        let refusals = Refusals::default();
        let told = (0..MOST + 3).filter(|_| refusals.is_to_be_told()).count();
        assert_eq!(told as u64, MOST);
        assert_eq!(refusals.untold(), 3);
    }
}
