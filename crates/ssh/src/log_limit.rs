//! `LogLimit`: lets one log line of a kind through at a time, and counts those that it keeps back.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The time between two lines.
const INTERVAL: Duration = Duration::from_secs(10);

/// The gate of one kind of line, which strangers could cause without end.
#[derive(Debug, Default)]
pub(crate) struct LogLimit(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    last: Option<Instant>,
    kept_back: u64,
}

impl LogLimit {
    /// Whether a line may be written now; then, how many were kept back since the last one.
    pub(crate) fn pass(&self) -> Option<u64> {
        let now = Instant::now();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.last.is_some_and(|last| now < last + INTERVAL) {
            seen.kept_back += 1;
            return None;
        }
        seen.last = Some(now);
        Some(std::mem::take(&mut seen.kept_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_line_passes_at_a_time_and_the_rest_are_counted() {
        let limit = LogLimit::default();
        assert_eq!(limit.pass(), Some(0));
        assert_eq!((limit.pass(), limit.pass()), (None, None));
        tokio::time::advance(INTERVAL).await;
        assert_eq!(limit.pass(), Some(2));
        assert_eq!(limit.pass(), None);
    }
}
