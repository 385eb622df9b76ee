//! User authentication on one connection: which methods, how many attempts, the same refusal for
//! every reason.

use std::borrow::Cow;
use std::sync::Arc;

use identity::{Authenticated, Login, Peer, Refused};
use model::Secret;
use russh::keys::{Algorithm, PublicKey};
use russh::server::Auth;
use russh::{MethodKind, MethodSet};
use tracing::{debug, info, warn};

use crate::connection::Context;

/// What a client is told whose login nobody can decide.
const OUT_OF_ORDER: &str =
    "logins cannot be checked at the moment: the service is out of order; try again in a minute";

/// The attempts of one connection.
pub(crate) struct Doorkeeper {
    context: Arc<Context>,
    peer: Peer,
    /// The look-up of the name that was tried last.
    login: Option<Login>,
    refusals: usize,
    offers: usize,
    authenticated: Option<Authenticated>,
}

impl Doorkeeper {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self {
            peer: Peer::new(context.peer),
            context,
            login: None,
            refusals: 0,
            offers: 0,
            authenticated: None,
        }
    }

    /// Who logged in.
    pub(crate) fn authenticated(&self) -> Option<&Authenticated> {
        self.authenticated.as_ref()
    }

    /// The `none` method, by which clients ask for the methods. Counts as no attempt.
    pub(crate) fn none(&self) -> Auth {
        self.reject()
    }

    /// A password, from `password` or as the answer to `keyboard-interactive`.
    pub(crate) async fn password(&mut self, user: &str, password: &str, method: &str) -> Auth {
        if self.is_exhausted() {
            return self.reject();
        }
        let password = Secret::new(password.to_owned());
        let outcome = self.login(user).authenticate_password(&password).await;
        let auth = self.conclude(user, method, outcome);
        if auth != Auth::Accept {
            tokio::time::sleep(self.context.settings.refusal_delay).await;
        }
        auth
    }

    /// A key, before the client signs with it.
    pub(crate) async fn offer(
        &mut self,
        user: &str,
        key: &PublicKey,
        algorithm: &Algorithm,
    ) -> Auth {
        self.offers += 1;
        if self.is_exhausted() {
            return self.reject();
        }
        if !self
            .context
            .settings
            .algorithms
            .accepts_signature(algorithm)
        {
            debug!(peer = %self.context.peer, %algorithm, "signature algorithm not offered");
            return self.reject();
        }
        let Ok(blob) = key.to_bytes() else {
            return self.reject();
        };
        match self.login(user).offer_key(&blob).await {
            Ok(true) => Auth::Accept,
            Ok(false) => {
                debug!(peer = %self.context.peer, ?user, "key offered and not taken");
                self.reject()
            }
            Err(refused) => self.conclude(user, "publickey", Err(refused)),
        }
    }

    /// A key whose signature was verified.
    pub(crate) async fn key(&mut self, user: &str, key: &PublicKey, algorithm: &Algorithm) -> Auth {
        let allowed = self
            .context
            .settings
            .algorithms
            .accepts_signature(algorithm);
        let (false, true, Ok(blob)) = (self.is_exhausted(), allowed, key.to_bytes()) else {
            return self.reject();
        };
        let outcome = self.login(user).authenticate_key(&blob).await;
        self.conclude(user, "publickey", outcome)
    }

    /// `keyboard-interactive` (RFC 4256): one question, for the password. Clients that are told to
    /// avoid the `password` method use it.
    pub(crate) fn ask(&self) -> Auth {
        const PROMPTS: &[(Cow<'static, str>, bool)] = &[(Cow::Borrowed("Password: "), false)];
        if self.is_exhausted() {
            return self.reject();
        }
        Auth::Partial {
            name: Cow::Borrowed(""),
            instructions: Cow::Borrowed(""),
            prompts: Cow::Borrowed(PROMPTS),
        }
    }

    fn login(&mut self, user: &str) -> &mut Login {
        let login = self.login.take().filter(|login| login.name() == user);
        let floors = &self.context.floors;
        let login =
            login.unwrap_or_else(|| floors.identity.login(&floors.server, user, &self.peer));
        self.login.insert(login)
    }

    fn conclude(
        &mut self,
        user: &str,
        method: &str,
        outcome: Result<Authenticated, Refused>,
    ) -> Auth {
        let (peer, client) = (self.context.peer, self.context.line.client());
        match outcome {
            Ok(authenticated) => {
                info!(
                    %peer,
                    user = %authenticated.user().name,
                    method,
                    client,
                    refusals = self.refusals,
                    "logged in"
                );
                self.authenticated = Some(authenticated);
                Auth::Accept
            }
            Err(refused) => {
                if let Refused::Unavailable(cause) = &refused {
                    let cause = chain(cause);
                    warn!(%peer, ?user, method, cause, "login could not be decided");
                    // Another try would wait as long again, and a person would take the refusal
                    // for a wrong password.
                    self.context.line.end(OUT_OF_ORDER);
                } else {
                    self.refusals += 1;
                    let reason = refused.reason();
                    info!(%peer, ?user, method, reason, client, "login refused");
                }
                self.reject()
            }
        }
    }

    fn is_exhausted(&self) -> bool {
        let limits = &self.context.settings.limits;
        self.refusals >= limits.auth_attempts || self.offers > limits.offered_keys
    }

    fn reject(&self) -> Auth {
        let methods = if self.is_exhausted() {
            self.context.line.end("too many authentication failures");
            MethodSet::empty()
        } else {
            methods()
        };
        Auth::Reject {
            proceed_with_methods: Some(methods),
            partial_success: false,
        }
    }
}

/// The methods offered.
pub(crate) fn methods() -> MethodSet {
    MethodSet::from(
        &[
            MethodKind::PublicKey,
            MethodKind::Password,
            MethodKind::KeyboardInteractive,
        ][..],
    )
}

/// An error with what lies behind it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Transparent errors repeat what they wrap.
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
