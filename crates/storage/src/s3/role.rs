//! `RoleCredentials`: the keys of an assumed IAM role, asked of STS and renewed before they end.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_sts::Client;
use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::error::{DisplayErrorContext, ProvideErrorMetadata as _, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use metrics::counter;
use model::{Clock, ErrorKind, Timestamp};
use tokio::sync::Mutex;

use crate::metrics::ROLES_ASSUMED;
use crate::{Error, Result, RoleSession};

/// Keys are renewed when so much of their time is left, or a quarter of it where that is less.
const RENEW_BEFORE: Duration = Duration::from_secs(300);
/// After a renewal that failed, keys that are still good are used for so long before the next.
const RENEW_AGAIN: Duration = Duration::from_secs(10);
const OPERATION: &str = "assume role";

/// The keys of one [`RoleSession`], for as long as anybody holds on to this.
pub(super) struct RoleCredentials {
    session: RoleSession,
    /// How long keys are asked for.
    duration: Duration,
    sts: Client,
    clock: Arc<dyn Clock>,
    held: RwLock<Option<Held>>,
    renewing: Mutex<()>,
}

/// Keys, and until when.
#[derive(Clone)]
struct Held {
    keys: Credentials,
    until: Timestamp,
    renew: Timestamp,
}

impl RoleCredentials {
    pub(super) fn new(
        session: RoleSession,
        duration: Duration,
        sts: Client,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            session,
            duration,
            sts,
            clock,
            held: RwLock::default(),
            renewing: Mutex::default(),
        }
    }

    /// Keys that are good now. Whoever comes first when it is time renews them; who comes
    /// meanwhile takes those that are still good, or waits.
    ///
    /// # Errors
    /// `Denied` and `Invalid` where STS refuses, `Unavailable` where it does not answer, and there
    /// are no keys that are still good.
    pub(super) async fn keys(&self) -> Result<Credentials> {
        let now = self.clock.now();
        let held = self.held();
        let good = held.clone().filter(|held| now < held.until);
        if let Some(held) = good.as_ref().filter(|held| now < held.renew) {
            return Ok(held.keys.clone());
        }
        let renewing = match (self.renewing.try_lock(), &good) {
            (Ok(renewing), _) => renewing,
            (Err(_), Some(held)) => return Ok(held.keys.clone()),
            (Err(_), None) => self.renewing.lock().await,
        };
        // Somebody else may have been first.
        if let Some(held) = self.held().filter(|held| now < held.renew) {
            return Ok(held.keys);
        }
        let renewed = self.renew(good).await;
        drop(renewing);
        renewed
    }

    async fn renew(&self, good: Option<Held>) -> Result<Credentials> {
        let error = match self.ask().await {
            Ok(held) => {
                counter!(ROLES_ASSUMED, "outcome" => "ok").increment(1);
                let keys = held.keys.clone();
                self.hold(held);
                return Ok(keys);
            }
            Err(error) => error,
        };
        counter!(ROLES_ASSUMED, "outcome" => error.kind().as_str()).increment(1);
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let (role, session) = (&self.session.role, &self.session.name);
        let Some(good) = good else {
            tracing::warn!(role, session, %error, cause, "an IAM role cannot be assumed");
            return Err(error);
        };
        tracing::warn!(role, session, %error, cause, "the keys of an IAM role cannot be renewed yet");
        let keys = good.keys.clone();
        self.hold(Held {
            renew: self.clock.now().plus(RENEW_AGAIN).min(good.until),
            ..good
        });
        Ok(keys)
    }

    async fn ask(&self) -> Result<Held> {
        let session = &self.session;
        let seconds = i32::try_from(self.duration.as_secs()).unwrap_or(i32::MAX);
        let asked = self.clock.now();
        let answer = self
            .sts
            .assume_role()
            .role_arn(&session.role)
            .role_session_name(&session.name)
            .set_external_id(session.external_id.clone())
            .set_policy(session.policy.clone())
            .duration_seconds(seconds)
            .send()
            .await
            .map_err(|error| self.failed(&error))?;
        let keys = answer.credentials.ok_or_else(|| {
            let reason = "the answer of STS has no credentials";
            self.error(ErrorKind::Unavailable, reason)
        })?;
        let until = Timestamp::from_seconds(keys.expiration.secs());
        let margin = RENEW_BEFORE.min(until.since(asked) / 4);
        Ok(Held {
            keys: Credentials::new(
                keys.access_key_id,
                keys.secret_access_key,
                Some(keys.session_token),
                None,
                "IAM role",
            ),
            until,
            renew: asked.plus(until.since(asked).saturating_sub(margin)),
        })
    }

    fn failed(&self, error: &SdkError<AssumeRoleError, HttpResponse>) -> Error {
        let status = error.raw_response().map(|answer| answer.status().as_u16());
        let code = error.as_service_error().and_then(|error| error.code());
        let (kind, reason) = match (code, status) {
            (Some("MalformedPolicyDocument" | "PackedPolicyTooLarge" | "ValidationError"), _) => (
                ErrorKind::Invalid,
                "STS does not take the session policy, or another parameter",
            ),
            (Some("Throttling" | "ThrottlingException" | "RequestLimitExceeded"), _) => {
                (ErrorKind::Unavailable, "STS is asked too often")
            }
            (_, Some(400..=499)) => (
                ErrorKind::Denied,
                "STS does not let the gateway assume the role",
            ),
            _ => (ErrorKind::Unavailable, "STS does not answer"),
        };
        let cause = DisplayErrorContext(error).to_string();
        self.error(kind, reason).caused_by(cause)
    }

    fn error(&self, kind: ErrorKind, reason: &str) -> Error {
        Error::new(kind, OPERATION, &self.session.role, reason)
    }

    fn held(&self) -> Option<Held> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.clone()
    }

    fn hold(&self, held: Held) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(held);
    }
}

impl ProvideCredentials for RoleCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.keys().await.map_err(CredentialsError::provider_error)
        })
    }
}

impl fmt::Debug for RoleCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleCredentials")
            .field("role", &self.session.role)
            .field("session", &self.session.name)
            .finish_non_exhaustive()
    }
}
