//! `Pace`: how fast bytes are moved, by all workers together.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A limit in bytes a second; a second's worth may come at once.
#[derive(Debug)]
pub struct Pace {
    rate: u64,
    free: Mutex<Instant>,
}

const BURST: Duration = Duration::from_secs(1);

impl Pace {
    /// So many bytes a second; at least 1.
    pub fn new(rate: u64) -> Self {
        Self {
            rate: rate.max(1),
            free: Mutex::new(Instant::now()),
        }
    }

    /// Waits until these bytes may pass, behind all that came before.
    pub(crate) async fn pass(&self, bytes: usize) {
        let until = {
            let now = Instant::now();
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            let earliest = now.checked_sub(BURST).unwrap_or(now);
            *free = earliest.max(*free) + Duration::from_secs_f64(bytes as f64 / self.rate as f64);
            *free
        };
        tokio::time::sleep_until(until).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bytes_pass_at_their_rate() {
        let pace = Pace::new(1000);
        let begun = Instant::now();
        for _ in 0..10 {
            pace.pass(500).await;
        }
        let taken = begun.elapsed();
        assert!(
            taken >= Duration::from_secs(4) && taken <= Duration::from_secs(5),
            "{taken:?}"
        );
    }
}
