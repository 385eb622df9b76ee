//! User authentication on one connection: which methods, how many attempts, the same refusal for
//! every reason.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use identity::defence::Refusal;
use identity::{Authenticated, Factor, Login, Peer, Refused};
use model::Secret;
use russh::keys::{Algorithm, Certificate, PublicKey};
use russh::server::Auth;
use russh::{MethodKind, MethodSet};
use tracing::{debug, info, warn};

use crate::connection::Context;

/// What a client is told whose login nobody can decide.
const OUT_OF_ORDER: &str =
    "logins cannot be checked at the moment: the service is out of order; try again in a minute";

/// What `keyboard-interactive` asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Password,
    Code,
}

impl Question {
    fn prompt(self) -> &'static [(Cow<'static, str>, bool)] {
        match self {
            Self::Password => &[(Cow::Borrowed("Password: "), false)],
            Self::Code => &[(Cow::Borrowed("Verification code: "), false)],
        }
    }
}

/// The attempts of one connection.
pub(crate) struct Doorkeeper {
    context: Arc<Context>,
    peer: Peer,
    /// The look-up of the name that was tried last.
    login: Option<Login>,
    refusals: usize,
    offers: usize,
    /// Whether the key that was offered last was let through unknown, since a certificate shows
    /// itself only with its signature.
    unproven: bool,
    /// What `keyboard-interactive` asked last.
    question: Question,
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
            unproven: false,
            question: Question::Password,
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
        let auth = match self.admit(user, method).await {
            Ok(()) => {
                let outcome = self.login(user).authenticate_password(&password).await;
                self.conclude(user, method, Some(&password), outcome)
            }
            Err(refusal) => self.turn_down(user, method, &refusal),
        };
        if is_refusal(&auth) {
            self.hold_back().await;
        }
        auth
    }

    /// Whether a credential may be looked at. Where a name is being guessed at, strangers wait.
    async fn admit(&self, user: &str, method: &str) -> Result<(), Refusal> {
        let wait = self.context.visit.attempt(user, method)?;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// Refuses like any other refusal, and asks nobody.
    fn turn_down(&mut self, user: &str, method: &str, refusal: &Refusal) -> Auth {
        let (peer, client) = (self.context.peer, self.context.line.client());
        let reason = refusal.reason();
        info!(%peer, ?user, method, reason, client, "login refused");
        self.refusals = match refusal {
            Refusal::Banned(_) => usize::MAX,
            _ => self.refusals.saturating_add(1),
        };
        self.reject()
    }

    /// A refusal takes its time, and more of it for who was refused a lot.
    async fn hold_back(&self) {
        let hold = self.context.visit.hold();
        let more = hold.as_ref().map_or(Duration::ZERO, |hold| hold.time);
        tokio::time::sleep(self.context.settings.refusal_delay + more).await;
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
        self.unproven = false;
        if let Err(refusal) = self.context.visit.offer(user) {
            let reason = refusal.reason();
            debug!(peer = %self.context.peer, ?user, reason, "key offered and not looked up");
            return self.reject();
        }
        let taken = self.login(user).offer_key(&blob).await;
        match taken {
            Ok(true) => Auth::Accept,
            Ok(false) if self.context.floors.identity.trust().takes_certificates() => {
                self.unproven = true;
                Auth::Accept
            }
            Ok(false) => {
                debug!(peer = %self.context.peer, ?user, "key offered and not taken");
                self.reject()
            }
            Err(refused) => self.conclude(user, "publickey", None, Err(refused)),
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
        let unproven = std::mem::take(&mut self.unproven);
        // A key that need not have been signed with is no attempt; it was looked at when offered.
        let admitted = match unproven {
            true => Ok(()),
            false => self.admit(user, "publickey").await,
        };
        if let Err(refusal) = admitted {
            return self.turn_down(user, "publickey", &refusal);
        }
        let outcome = self.login(user).authenticate_key(&blob).await;
        if unproven && matches!(&outcome, Err(refused) if refused.counts()) {
            // It would not have been signed with, had it been known to be no certificate.
            debug!(peer = %self.context.peer, ?user, "key offered and not taken");
            return self.reject();
        }
        self.conclude(user, "publickey", None, outcome)
    }

    /// A certificate whose key's signature was verified.
    pub(crate) async fn certificate(&mut self, user: &str, certificate: &Certificate) -> Auth {
        self.unproven = false;
        let (false, Ok(blob)) = (self.is_exhausted(), certificate.to_bytes()) else {
            return self.reject();
        };
        if let Err(refusal) = self.admit(user, "certificate").await {
            return self.turn_down(user, "certificate", &refusal);
        }
        let outcome = self.login(user).authenticate_certificate(&blob).await;
        self.conclude(user, "certificate", None, outcome)
    }

    /// `keyboard-interactive` (RFC 4256): one question at a time. For the password, as clients
    /// answer that are told to avoid the `password` method, until everything but a one-time
    /// password was shown.
    pub(crate) fn ask(&mut self, user: &str) -> Auth {
        if self.is_exhausted() {
            return self.reject();
        }
        let accepted = self.login(user).accepted().unwrap_or_default();
        self.question = match accepted.contains(&Factor::OneTimePassword) {
            true => Question::Code,
            false => Question::Password,
        };
        self.put_question()
    }

    /// The answer to [`Self::ask`]. A password that is right is followed by the question for a
    /// one-time password, where one is wanted.
    pub(crate) async fn answer(&mut self, user: &str, answer: &str) -> Auth {
        const METHOD: &str = "keyboard-interactive";
        let auth = match self.question {
            Question::Password => self.password(user, answer, METHOD).await,
            Question::Code => self.code(user, answer, METHOD).await,
        };
        let accepted = self.login(user).accepted().unwrap_or_default();
        let goes_on = self.question == Question::Password
            && matches!(
                &auth,
                Auth::Reject {
                    partial_success: true,
                    ..
                }
            )
            && accepted.contains(&Factor::OneTimePassword);
        match goes_on {
            true => self.ask(user),
            false => auth,
        }
    }

    async fn code(&mut self, user: &str, code: &str, method: &str) -> Auth {
        if self.is_exhausted() {
            return self.reject();
        }
        let code = Secret::new(code.to_owned());
        let auth = match self.admit(user, method).await {
            Ok(()) => {
                let outcome = self.login(user).authenticate_code(&code).await;
                self.conclude(user, method, None, outcome)
            }
            Err(refusal) => self.turn_down(user, method, &refusal),
        };
        if is_refusal(&auth) {
            self.hold_back().await;
        }
        auth
    }

    fn put_question(&self) -> Auth {
        Auth::Partial {
            name: Cow::Borrowed(""),
            instructions: Cow::Borrowed(""),
            prompts: Cow::Borrowed(self.question.prompt()),
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
        credential: Option<&Secret<String>>,
        outcome: Result<Authenticated, Refused>,
    ) -> Auth {
        let visit = &self.context.visit;
        let (peer, client) = (self.context.peer, self.context.line.client());
        match outcome {
            Ok(authenticated) => {
                let shown = authenticated.methods().iter().map(identity::Method::as_str);
                info!(
                    %peer,
                    user = %authenticated.user().name,
                    method,
                    shown = shown.collect::<Vec<_>>().join("+"),
                    client,
                    refusals = self.refusals,
                    "logged in"
                );
                visit.succeeded(user, &authenticated);
                self.authenticated = Some(authenticated);
                Auth::Accept
            }
            Err(Refused::Incomplete) => {
                debug!(%peer, ?user, method, "right, and more is wanted");
                Auth::Reject {
                    proceed_with_methods: Some(self.methods()),
                    partial_success: true,
                }
            }
            Err(refused) => {
                visit.refused(user, method, credential, &refused);
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

    /// The methods that can go on: all, until something right was shown.
    fn methods(&self) -> MethodSet {
        let accepted = self.login.as_ref().and_then(Login::accepted);
        let Some(accepted) = accepted else {
            return methods();
        };
        let mut kinds = Vec::new();
        for factor in accepted {
            match factor {
                Factor::PublicKey => kinds.push(MethodKind::PublicKey),
                Factor::Password => kinds.push(MethodKind::Password),
                Factor::OneTimePassword => {}
            }
            if factor != Factor::PublicKey {
                kinds.push(MethodKind::KeyboardInteractive);
            }
        }
        MethodSet::from(&kinds[..])
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
            self.methods()
        };
        Auth::Reject {
            proceed_with_methods: Some(methods),
            partial_success: false,
        }
    }
}

/// Whether somebody was refused, and not only asked for more.
fn is_refusal(auth: &Auth) -> bool {
    matches!(
        auth,
        Auth::Reject {
            partial_success: false,
            ..
        }
    )
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
