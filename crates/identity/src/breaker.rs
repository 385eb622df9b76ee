//! A circuit breaker for a remote provider: one that is down is left alone for a while.

use std::time::Duration;

use model::Timestamp;

/// When a provider is left alone, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// How many failures in a row; 0 counts as 1.
    pub failures: u32,
    /// How long it is left alone before one request tries it again, and how long that one may
    /// take before another does.
    pub pause: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failures: 5,
            pause: Duration::from_secs(10),
        }
    }
}

/// The provider is left alone. Logins that need it are refused: a provider that is down admits
/// nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the identity provider failed lately and is left alone for {retry_after:?}")]
pub struct LeftAlone {
    /// When it will be tried again.
    pub retry_after: Duration,
}

/// Whether a provider is asked. Refusals of users are successes of the provider: only what it did
/// not answer, or not as it must, is a failure.
#[derive(Debug)]
pub struct Breaker {
    settings: BreakerSettings,
    failures: u32,
    /// Until when nobody asks; whoever comes then is the one who tries.
    alone_until: Option<Timestamp>,
}

impl Breaker {
    /// The provider is believed to be well.
    pub fn new(settings: BreakerSettings) -> Self {
        Self {
            settings,
            failures: 0,
            alone_until: None,
        }
    }

    /// Whether to ask now. After a pause one caller is let through; the others wait for what he
    /// reports, or, if he never does, for another pause.
    ///
    /// # Errors
    /// [`LeftAlone`] where the provider is not to be asked.
    pub fn ask(&mut self, now: Timestamp) -> Result<(), LeftAlone> {
        match self.alone_until {
            None => Ok(()),
            Some(until) if now < until => Err(LeftAlone {
                retry_after: until.since(now),
            }),
            Some(_) => {
                self.alone_until = Some(now.plus(self.settings.pause));
                Ok(())
            }
        }
    }

    /// The provider answered. Returns whether it had been left alone: worth a line in the log.
    pub fn succeeded(&mut self) -> bool {
        self.failures = 0;
        self.alone_until.take().is_some()
    }

    /// The provider did not answer, or not as it must. Returns whether it is left alone from now
    /// on: worth a line in the log.
    pub fn failed(&mut self, now: Timestamp) -> bool {
        self.failures = self.failures.saturating_add(1);
        if self.failures < self.settings.failures.max(1) {
            return false;
        }
        let first = self.alone_until.is_none();
        self.alone_until = Some(now.plus(self.settings.pause));
        first
    }
}

#[cfg(test)]
mod tests {
    use model::{Clock, ManualClock};

    use super::*;

    fn down() -> (Breaker, ManualClock) {
        let clock = ManualClock::new(Timestamp::from_seconds(1_790_000_000));
        let mut breaker = Breaker::new(BreakerSettings::default());
        for failure in 1..=5 {
            assert_eq!(breaker.ask(clock.now()), Ok(()));
            assert_eq!(breaker.failed(clock.now()), failure == 5);
        }
        (breaker, clock)
    }

    #[test]
    fn a_provider_that_fails_five_times_in_a_row_is_left_alone() {
        let (mut breaker, clock) = down();
        let retry_after = Duration::from_secs(10);
        assert_eq!(breaker.ask(clock.now()), Err(LeftAlone { retry_after }));
        clock.advance(Duration::from_secs(9));
        assert!(breaker.ask(clock.now()).is_err());
    }

    #[test]
    fn failures_between_successes_do_not_add_up() {
        let mut breaker = Breaker::new(BreakerSettings::default());
        let now = Timestamp::from_seconds(0);
        for _ in 0..20 {
            for _ in 0..4 {
                assert!(!breaker.failed(now));
            }
            assert!(!breaker.succeeded());
        }
        assert_eq!(breaker.ask(now), Ok(()));
    }

    #[test]
    fn after_the_pause_one_tries_for_all() {
        let (mut breaker, clock) = down();
        clock.advance(Duration::from_secs(10));
        assert_eq!(breaker.ask(clock.now()), Ok(()));
        assert!(breaker.ask(clock.now()).is_err(), "one is enough");
        assert!(!breaker.failed(clock.now()), "nothing new");
        clock.advance(Duration::from_secs(10));
        assert_eq!(breaker.ask(clock.now()), Ok(()));
        assert!(breaker.succeeded());
        assert_eq!(breaker.ask(clock.now()), Ok(()));
        assert!(!breaker.failed(clock.now()), "the count begins anew");
    }

    #[test]
    fn a_trial_that_never_reports_does_not_close_the_door_for_good() {
        let (mut breaker, clock) = down();
        clock.advance(Duration::from_secs(10));
        assert_eq!(breaker.ask(clock.now()), Ok(()));
        clock.advance(Duration::from_secs(10));
        assert_eq!(breaker.ask(clock.now()), Ok(()));
    }
}
