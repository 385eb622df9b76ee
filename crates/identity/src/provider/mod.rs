//! What every identity provider outside is: somebody who is asked about one user, and answers.
//!
//! A [`Provider`] speaks its protocol and nothing else. Its deadline, the number of questions at a
//! time, caches, the circuit breaker, metrics and the log line come from the wrapper around it
//! ([`Configured`]), the same for all.

mod asked;
mod cache;
mod profile;
mod question;
mod settings;

use futures::future::BoxFuture;

pub(crate) use self::asked::Asked;
pub use self::asked::Unanswered;
pub use self::profile::{Home, PasswordCheck, Profile};
pub use self::question::{Credential, Question};
pub use self::settings::{Configured, ProviderSettings};

use crate::ProviderName;

/// An identity provider.
pub trait Provider: std::fmt::Debug + Send + Sync {
    /// Its name, as behind `@@` and in the log.
    fn name(&self) -> &ProviderName;

    /// Asks it about one user. Who gives up at the deadline drops the future: nothing may go on
    /// behind it.
    ///
    /// # Errors
    /// [`ProviderError`], which never admits.
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, ProviderError>>;

    /// Whether a question for keys is answered for users who have none, so that running sessions
    /// that began by password can be asked about. Where it is not, only those that began by a key
    /// are.
    fn knows_users_without_password(&self) -> bool {
        false
    }
}

/// What a provider said.
#[derive(Debug, Clone)]
pub enum Answer {
    /// No, or nobody of that name. The reason is for the log alone, and holds no secret.
    Refused(String),
    /// Yes; to a question for keys: yes, if he signs by one of these.
    Admitted(Box<Profile>),
}

/// Why a provider gave no answer that counts. Nobody is admitted by it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// It did not answer, or said that it cannot: not reachable, too slow, overloaded, broken.
    #[error("{reason}")]
    Unavailable {
        /// What was tried, on what, and why it failed; holds no secret.
        reason: String,
        /// What lies behind it.
        #[source]
        source: Option<std::sync::Arc<dyn std::error::Error + Send + Sync>>,
    },
    /// What it answered is not what it must answer.
    #[error("{0}")]
    Malformed(String),
    /// It answered as it must, and what it says of this one user cannot be used. That speaks
    /// about him alone: others are asked about as before.
    #[error("{0}")]
    Unusable(String),
}

impl ProviderError {
    /// It did not answer.
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable {
            reason: reason.into(),
            source: None,
        }
    }

    /// It did not answer, because of this.
    pub fn caused_by(
        reason: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Unavailable {
            reason: reason.into(),
            source: Some(std::sync::Arc::new(source)),
        }
    }

    /// It answered, and not as it must.
    pub fn malformed(fault: impl Into<String>) -> Self {
        Self::Malformed(fault.into())
    }

    /// It answered as it must, and what it says of this one user cannot be used.
    pub fn unusable(fault: impl Into<String>) -> Self {
        Self::Unusable(fault.into())
    }

    /// Whether it speaks about the provider, and not about one user.
    pub fn is_outage(&self) -> bool {
        !matches!(self, Self::Unusable(_))
    }

    /// A word for metrics labels.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "unavailable",
            Self::Malformed(_) => "malformed",
            Self::Unusable(_) => "unusable",
        }
    }
}
