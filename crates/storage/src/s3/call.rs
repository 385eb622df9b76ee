//! One call of the port: attempts with deadlines, pauses between them, and what is known at the
//! end.

use std::future::Future;
use std::time::Duration;

use metrics::counter;
use model::{BucketName, ErrorKind};
use rand::Rng as _;
use tokio::time::Instant;
use tracing::debug;

use super::failure::Failure;
use super::{Deadlines, Retries, S3Settings};
use crate::metrics::{STORE_ATTEMPTS, STORE_CALLS};
use crate::{Error, Precondition, Result};

/// What a call changes, and so what a lost answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing that anybody sees: reads, parts, what may be done twice.
    None,
    /// An object, the same one however often it is done.
    Publishes,
    /// An object, under a condition: a second attempt would meet what the first one did.
    PublishesIf,
}

impl Effect {
    /// Of a write under `precondition`.
    pub(super) fn under(precondition: Option<&Precondition>) -> Self {
        match precondition {
            Some(_) => Self::PublishesIf,
            None => Self::Publishes,
        }
    }
}

/// A call: what it is named in errors, what it changes, how long an attempt may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) operation: &'static str,
    pub(super) bucket: &'a BucketName,
    pub(super) object: &'a str,
    pub(super) effect: Effect,
    pub(super) limit: Duration,
}

impl Call<'_> {
    /// Runs `attempt` until it succeeds, fails for good, or patience ends.
    pub(super) async fn run<T, A, F>(&self, settings: &S3Settings, attempt: A) -> Result<T>
    where
        A: Fn() -> F,
        F: Future<Output = Result<T, Failure>>,
    {
        let began = Instant::now();
        let mut lost = false;
        for number in 1.. {
            counter!(STORE_ATTEMPTS, "operation" => self.operation).increment(1);
            let failure = match tokio::time::timeout(self.limit, Box::pin(attempt())).await {
                Ok(Ok(value)) => {
                    self.count("ok");
                    return Ok(value);
                }
                Ok(Err(failure)) => failure,
                Err(_) => Failure::deadline(self.limit),
            };
            lost |= failure.lost;
            let pause = pause(number, &failure, &settings.retries);
            let time = began.elapsed() + pause;
            if !self.may_repeat(number, &failure, &settings.retries)
                || time > settings.deadlines.retrying
            {
                return Err(self.failed(number, lost, failure));
            }
            debug!(operation = self.operation, object = self.object, attempt = number,
                ?pause, cause = %failure.cause, "store call is repeated");
            tokio::time::sleep(pause).await;
        }
        unreachable!("the loop above ends by returning")
    }

    /// A conditional write is repeated only where the store turned it away unread.
    fn may_repeat(&self, number: u32, failure: &Failure, retries: &Retries) -> bool {
        failure.transient
            && number < retries.attempts
            && !(failure.lost && self.effect == Effect::PublishesIf)
    }

    fn failed(&self, attempts: u32, lost: bool, failure: Failure) -> Error {
        self.count(failure.kind.as_str());
        // What an earlier attempt has done turns a later one away, whatever was said of that one:
        // its condition fails, or its upload is an object by now.
        let again = attempts > 1;
        let gone = again && failure.cause.code() == Some("NoSuchUpload");
        let unknown = match self.effect {
            Effect::None => false,
            Effect::Publishes => lost || gone,
            Effect::PublishesIf => lost || gone || (again && failure.kind == ErrorKind::Conflict),
        };
        let reason = match failure.cause.code() {
            Some("NoSuchBucket") => format!("the bucket {} does not exist", self.bucket),
            _ => failure.reason,
        };
        let error =
            Error::new(failure.kind, self.operation, self.object, reason).caused_by(failure.cause);
        if unknown {
            return error.with_unknown_outcome();
        }
        error
    }

    fn count(&self, outcome: &'static str) {
        counter!(STORE_CALLS, "operation" => self.operation, "outcome" => outcome).increment(1);
    }
}

/// A random time up to a limit that doubles with each attempt ("full jitter"), and no less than
/// the store asked for.
fn pause(number: u32, failure: &Failure, retries: &Retries) -> Duration {
    let doublings = number.saturating_sub(1).min(16);
    let limit = retries.first_pause.saturating_mul(1 << doublings);
    let random = limit
        .min(retries.longest_pause)
        .mul_f64(rand::rng().random());
    let asked = failure.retry_after.unwrap_or_default();
    random.max(asked.min(retries.longest_pause))
}

impl Deadlines {
    /// For a request whose body has `len` bytes.
    pub(super) fn sending(&self, len: u64) -> Duration {
        let millis = len.saturating_mul(1000) / self.slowest_rate.max(1);
        self.connect + self.answer + Duration::from_millis(millis)
    }

    /// For a small request.
    pub(super) fn asking(&self) -> Duration {
        self.connect + self.answer
    }

    /// For a request that has the store work before it answers.
    pub(super) fn working(&self) -> Duration {
        self.connect + self.server_side
    }
}
