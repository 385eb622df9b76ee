//! A provider behind its bounds: a deadline, a few questions at a time, a short memory, a circuit
//! breaker, a metric and a log line for each question.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::Clock;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{info, warn};

use super::cache::Cache;
use super::{Answer, Configured, Credential, ProviderError, ProviderSettings, Question};
use crate::{Breaker, LeftAlone, ProviderName, metrics as names};

/// Why a provider gave no answer. Nobody is admitted by it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unanswered {
    /// It failed lately, and is not asked.
    #[error(transparent)]
    LeftAlone(#[from] LeftAlone),
    /// As many questions are out as may be, and none came back in time.
    #[error("{most} questions are out already, and none came back within {deadline:?}")]
    Busy {
        /// How many may be out.
        most: usize,
        /// How long this one waited.
        deadline: Duration,
    },
    /// It did not answer in time.
    #[error("it did not answer within {0:?}")]
    Late(Duration),
    /// It failed, or what it said is not an answer.
    #[error(transparent)]
    Failed(#[from] ProviderError),
}

impl Unanswered {
    /// A word for metrics labels.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::LeftAlone(_) => "left_alone",
            Self::Busy { .. } => "busy",
            Self::Late(_) => "late",
            Self::Failed(error) => error.reason(),
        }
    }
}

/// A provider that is asked within its bounds.
#[derive(Debug)]
pub(crate) struct Asked {
    configured: Configured,
    places: Semaphore,
    breaker: Mutex<Breaker>,
    cache: Cache,
    clock: Arc<dyn Clock>,
}

impl Asked {
    pub(crate) fn new(configured: Configured, clock: Arc<dyn Clock>) -> Self {
        let settings = &configured.settings;
        Self {
            places: Semaphore::new(settings.concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            breaker: Mutex::new(Breaker::new(settings.breaker)),
            cache: Cache::new(),
            clock,
            configured,
        }
    }

    pub(crate) fn name(&self) -> &ProviderName {
        self.configured.provider.name()
    }

    pub(crate) fn settings(&self) -> &ProviderSettings {
        &self.configured.settings
    }

    pub(crate) fn knows_users_without_password(&self) -> bool {
        self.configured.provider.knows_users_without_password()
    }

    /// Asks, or says again what was said a moment ago.
    pub(crate) async fn ask(&self, question: &Question) -> Result<Answer, Unanswered> {
        if let Some(answer) = self.cache.find(question, self.clock.now()) {
            self.count(question, "cached");
            return Ok(answer);
        }
        self.ask_anew(question).await
    }

    /// Asks, whatever was said before.
    pub(crate) async fn ask_anew(&self, question: &Question) -> Result<Answer, Unanswered> {
        let begun = Instant::now();
        let asked = self.within_bounds(question).await;
        let elapsed = begun.elapsed();
        self.report(question, &asked, elapsed);
        if let Ok(answer) = &asked {
            let now = self.clock.now();
            self.cache.keep(question, answer, self.settings(), now);
        }
        asked
    }

    async fn within_bounds(&self, question: &Question) -> Result<Answer, Unanswered> {
        let deadline = self.settings().deadline;
        let end = Instant::now() + deadline;
        let Ok(Ok(_place)) = timeout(deadline, self.places.acquire()).await else {
            let most = self.settings().concurrency;
            return Err(Unanswered::Busy { most, deadline });
        };
        self.breaker().ask(self.clock.now())?;
        let answering = self.configured.provider.ask(question);
        let answered = match timeout_at(end, answering).await {
            Ok(answered) => answered.map_err(Unanswered::from),
            Err(_) => Err(Unanswered::Late(deadline)),
        };
        self.remember(match &answered {
            // What is wrong with one user keeps nobody else out.
            Err(Unanswered::Failed(error)) => !error.is_outage(),
            answered => answered.is_ok(),
        });
        answered
    }

    /// Tells the breaker. A refusal of a user is an answer like any other.
    fn remember(&self, answered: bool) {
        let provider = self.name();
        if answered {
            if self.breaker().succeeded() {
                info!(%provider, "identity provider answers again");
            }
        } else if self.breaker().failed(self.clock.now()) {
            let pause = self.settings().breaker.pause;
            warn!(%provider, ?pause, "identity provider keeps failing and is left alone");
        }
    }

    fn report(&self, question: &Question, asked: &Result<Answer, Unanswered>, elapsed: Duration) {
        let (provider, user, source) = (self.name(), &question.user, question.source);
        let outcome = match asked {
            Ok(Answer::Admitted(_)) => "admitted",
            Ok(Answer::Refused(why)) => {
                info!(%provider, %user, %source, why, "identity provider refused a user");
                "refused"
            }
            Err(unanswered) => {
                let (error, outcome) = (chain(unanswered), unanswered.reason());
                warn!(%provider, %user, %source, ?elapsed, error, "identity provider gave no answer");
                outcome
            }
        };
        self.count(question, outcome);
        let name = self.name().to_string();
        metrics::histogram!(names::PROVIDER_SECONDS, "provider" => name)
            .record(elapsed.as_secs_f64());
    }

    fn count(&self, question: &Question, outcome: &'static str) {
        let asked = match question.credential {
            Credential::Keys => "keys",
            Credential::Certificate => "certificate",
            Credential::Password(_) => "password",
        };
        let name = self.name().to_string();
        metrics::counter!(names::PROVIDER_QUESTIONS, "provider" => name, "question" => asked, "outcome" => outcome)
            .increment(1);
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error with what lies behind it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
