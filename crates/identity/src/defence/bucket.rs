//! Token buckets, one for each key, in a timestamp each.

use std::hash::Hash;
use std::time::Duration;

use model::Timestamp;

use super::tracked::Tracked;

/// How often something may happen: `burst` times at once, then once in `every`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How often at once; 0 counts as 1.
    pub burst: u32,
    /// The time in which one more becomes possible. Zero is no limit at all.
    pub every: Duration,
}

/// It happens too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooOften {
    /// When it could be taken.
    pub retry_after: Duration,
}

/// Buckets of one rate. A bucket is known by the time at which it will be full again.
#[derive(Debug)]
pub struct Bucket<K> {
    rate: Rate,
    full: Tracked<K, Timestamp>,
}

impl<K: Hash + Eq + Copy> Bucket<K> {
    /// Full buckets, of which `remembered` can be other than full.
    pub fn new(rate: Rate, remembered: usize) -> Self {
        Self {
            rate,
            full: Tracked::new(remembered),
        }
    }

    /// Another rate from now on.
    pub fn set_rate(&mut self, rate: Rate) {
        self.rate = rate;
    }

    /// Takes a token, and if need be one of the future: the answer says how long to wait for it.
    ///
    /// # Errors
    /// [`TooOften`] where that would be longer than `patience`; nothing is taken then.
    pub fn take(
        &mut self,
        key: K,
        now: Timestamp,
        patience: Duration,
    ) -> Result<Duration, TooOften> {
        let Rate { burst, every } = self.rate;
        let full = self.full.entry(key, now, || now);
        let missing = full.since(now).saturating_add(every);
        let wait = missing.saturating_sub(every.saturating_mul(burst.max(1)));
        if wait > patience {
            return Err(TooOften {
                retry_after: wait.saturating_sub(patience),
            });
        }
        *full = now.plus(missing);
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_a_limit_everything_is_taken() {
        let rate = Rate {
            burst: 0,
            every: Duration::ZERO,
        };
        let mut bucket = Bucket::new(rate, 10);
        for _ in 0..1000 {
            let taken = bucket.take((), Timestamp::from_seconds(0), Duration::ZERO);
            assert_eq!(taken, Ok(Duration::ZERO));
        }
    }

    proptest! {
        /// In any stretch of time no more is taken than the burst and what became possible in it.
        #[test]
        fn the_rate_is_kept(burst in 1_u32..6, pauses in prop::collection::vec(0_u64..4000, 1..60)) {
            let rate = Rate { burst, every: Duration::from_secs(1) };
            let mut bucket = Bucket::new(rate, 10);
            let mut now = Timestamp::from_seconds(1000);
            let mut taken = Vec::new();
            for pause in pauses {
                now = now.plus(Duration::from_millis(pause));
                match bucket.take((), now, Duration::ZERO) {
                    Ok(wait) => {
                        prop_assert_eq!(wait, Duration::ZERO);
                        taken.push(now);
                    }
                    Err(TooOften { retry_after }) => {
                        let mut later = Bucket::new(rate, 10);
                        std::mem::swap(&mut later, &mut bucket);
                        prop_assert!(later.take((), now.plus(retry_after), Duration::ZERO).is_ok());
                        bucket = Bucket::new(rate, 10);
                        taken.clear();
                    }
                }
                for (at, first) in taken.iter().enumerate() {
                    let possible = u64::from(burst) + now.since(*first).as_secs();
                    prop_assert!((taken.len() - at) as u64 <= possible);
                }
            }
        }
    }
}
