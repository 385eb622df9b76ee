//! One user's attempts on one connection, with a single look-up for all of them.

mod external;
mod finish;
mod known;

use database::{Credentials, SshKey, User};
use model::{Secret, ServerId};
use subtle::ConstantTimeEq;
use tracing::{info, warn};

pub(crate) use self::external::{is_over, question};

use self::external::External;
use self::known::Known;
use crate::{
    Authenticated, Error, Factor, Factors, Identity, Method, Peer, PublicKey, Refused, Result,
    Standing, metrics,
};

/// One name's attempts on one connection. The user and his keys are looked up once, at the first
/// attempt, however many follow. A connection on which the client changes the name begins another.
///
/// A credential that is right and not enough is refused as [`Refused::Incomplete`]; what was
/// shown is remembered, and [`Login::accepted`] says what is wanted beside it.
#[derive(Debug)]
pub struct Login {
    identity: Identity,
    server: ServerId,
    name: String,
    peer: Peer,
    known: Option<Known>,
    factors: Option<Factors>,
    shown: Vec<Method>,
}

impl Login {
    pub(crate) fn new(identity: Identity, server: ServerId, name: &str, peer: Peer) -> Self {
        Self {
            identity,
            server,
            name: name.to_owned(),
            peer,
            known: None,
            factors: None,
            shown: Vec::new(),
        }
    }

    /// The name, as the client sent it. Not clean: escape it in logs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the attempts come from.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// What is wanted beside what was shown; none before anything right was shown, since that
    /// would tell users from others.
    pub fn accepted(&self) -> Option<Vec<Factor>> {
        let shown = self.factors.filter(|_| !self.shown.is_empty());
        shown.map(|factors| factors.accepted().collect())
    }

    /// Whether a signature by this key would bring him on: SSH's probe, before he signs anything.
    /// `blob` is the key as it travels in SSH. False for unknown and disabled users.
    ///
    /// # Errors
    /// [`Refused::Unavailable`] where the database or his provider does not answer.
    pub async fn offer_key(&mut self, blob: &[u8]) -> Result<bool, Refused> {
        match self.check_key(blob).await {
            Ok(()) => Ok(true),
            Err(unavailable @ Refused::Unavailable(_)) => Err(unavailable),
            Err(_) => Ok(false),
        }
    }

    /// Takes a key whose signature the transport has verified.
    ///
    /// # Errors
    /// [`Refused`], which looks the same for every reason but [`Refused::Incomplete`].
    pub async fn authenticate_key(&mut self, blob: &[u8]) -> Result<Authenticated, Refused> {
        let checked = self.check_key(blob).await.map(|()| {
            let fingerprint = PublicKey::from_blob(blob).map(|key| key.fingerprint());
            let fingerprint = fingerprint.unwrap_or_default();
            Method::PublicKey { fingerprint }
        });
        self.conclude("publickey", Factor::PublicKey, checked).await
    }

    /// Takes a certificate whose key's signature the transport has verified; `blob` is the
    /// certificate as it travels in SSH, and one of its principals a login name that leads to him.
    /// Who he is with a provider, the provider says.
    ///
    /// # Errors
    /// As [`Self::authenticate_key`].
    pub async fn authenticate_certificate(
        &mut self,
        blob: &[u8],
    ) -> Result<Authenticated, Refused> {
        let checked = self.check_certificate(blob).await;
        self.conclude("certificate", Factor::PublicKey, checked)
            .await
    }

    /// Takes his password.
    ///
    /// # Errors
    /// As [`Self::authenticate_key`]; every refusal costs the same work: one look-up and one hash.
    pub async fn authenticate_password(
        &mut self,
        password: &Secret<String>,
    ) -> Result<Authenticated, Refused> {
        let checked = self.check_password(password).await;
        if checked.is_ok() {
            self.rehash(password).await;
        }
        let checked = checked.map(|()| Method::Password);
        self.conclude("password", Factor::Password, checked).await
    }

    /// Takes a one-time password. Each is taken once, on all nodes together, and none before
    /// everything else that is wanted was shown.
    ///
    /// # Errors
    /// As [`Self::authenticate_key`].
    pub async fn authenticate_code(
        &mut self,
        code: &Secret<String>,
    ) -> Result<Authenticated, Refused> {
        let checked = self.check_code(code).await;
        self.conclude("totp", Factor::OneTimePassword, checked)
            .await
    }

    async fn check_key(&mut self, blob: &[u8]) -> Result<(), Refused> {
        let revoked = self.identity.trust().revokes(blob);
        let key = match self.known().await? {
            Known::Nobody => Err(Refused::UnknownUser),
            Known::BuiltIn(found) => {
                let key = find_key(found, blob).cloned();
                let user = found.user.clone();
                key.and_then(|key| self.identity.takes_key(&user, &key, &self.peer))
            }
            Known::External(_) => self.check_external_key(blob).await,
        };
        key?;
        if revoked {
            return Err(Refused::RevokedKey);
        }
        self.admissible().await?;
        self.factor(Factor::PublicKey).await
    }

    async fn check_external_key(&mut self, blob: &[u8]) -> Result<(), Refused> {
        // Who is kept out in any case is not asked about.
        self.admissible().await?;
        self.factor(Factor::PublicKey).await?;
        let (identity, server, peer) = (&self.identity, &self.server, &self.peer);
        match &mut self.known {
            Some(Known::External(external)) => {
                external
                    .check_key(blob, server, peer, identity.clock())
                    .await
            }
            _ => Err(Refused::UnknownUser),
        }
    }

    async fn check_certificate(&mut self, blob: &[u8]) -> Result<Method, Refused> {
        let authorities = self.identity.trust();
        let (now, address) = (self.identity.clock().now(), self.peer.address.ip());
        let routing = self.identity.roster();
        let names = self.known().await?.names(routing.routing());
        if names.is_empty() {
            return Err(Refused::UnknownUser);
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let certified = authorities.validate(blob, &names, address, now);
        let certified = certified.map_err(|refused| {
            info!(user = ?self.name, why = %refused, "certificate refused");
            Refused::Certificate(refused)
        })?;
        self.admissible().await?;
        self.factor(Factor::PublicKey).await?;
        let (server, peer, identity) = (&self.server, &self.peer, &self.identity);
        match &mut self.known {
            Some(Known::BuiltIn(_)) => {}
            Some(Known::External(external)) => {
                external
                    .check_certified(server, peer, identity.clock())
                    .await?;
            }
            Some(Known::Nobody) | None => return Err(Refused::UnknownUser),
        }
        Ok(Method::Certificate(Box::new(certified)))
    }

    async fn check_password(&mut self, password: &Secret<String>) -> Result<(), Refused> {
        let passwords = self.identity.passwords().clone();
        if let Known::External(_) = self.known().await? {
            let checked = self.check_external_password(password).await;
            return match checked {
                // What was refused without a hash pays for one, like the password of nobody.
                Err(refused) if !refused.has_paid() => {
                    let paid = passwords.verify(password, None).await;
                    paid.map_err(Refused::Unavailable)?;
                    Err(refused)
                }
                checked => checked,
            };
        }
        let user = self.user().await?;
        let hash = user.as_ref().and_then(|user| user.password_hash.as_ref());
        let right = passwords.verify(password, hash).await;
        let right = right.map_err(Refused::Unavailable)?;
        // Only now, when everybody has paid the same.
        match user {
            None => Err(Refused::UnknownUser),
            Some(user) if user.password_hash.is_none() => Err(Refused::NoPassword),
            Some(_) if !right => Err(Refused::WrongPassword),
            Some(_) => {
                self.admissible().await?;
                self.factor(Factor::Password).await
            }
        }
    }

    async fn check_external_password(&mut self, password: &Secret<String>) -> Result<(), Refused> {
        self.admissible().await?;
        self.factor(Factor::Password).await?;
        let (server, peer, identity) = (&self.server, &self.peer, &self.identity);
        match &mut self.known {
            Some(Known::External(external)) => {
                external
                    .check_password(password, server, peer, identity)
                    .await
            }
            _ => Err(Refused::UnknownUser),
        }
    }

    async fn check_code(&mut self, code: &Secret<String>) -> Result<Method, Refused> {
        self.factor(Factor::OneTimePassword).await?;
        let Some(user) = self.user().await? else {
            return Err(Refused::UnknownUser);
        };
        self.identity.take_code(&user, code).await?;
        Ok(Method::OneTimePassword)
    }

    /// Hashes the password again where its hash was made by another program or at another cost
    /// than today's. A login does not fail for that.
    async fn rehash(&self, password: &Secret<String>) {
        let passwords = self.identity.passwords();
        let Some(Known::BuiltIn(found)) = &self.known else {
            return;
        };
        let user = &found.user;
        let Some(old) = &user.password_hash else {
            return;
        };
        if !passwords.is_outdated(old) {
            return;
        }
        self.identity.report_weakness(&user.name, password).await;
        let users = self.identity.database().users();
        let done = match passwords.hash_again(password).await {
            Ok(new) => users.rehash(user.id, old, &new).await.map_err(Error::from),
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            warn!(user = %user.name, %error, "password was not hashed again");
        }
    }

    /// Whether this would bring him on now.
    async fn factor(&mut self, factor: Factor) -> Result<(), Refused> {
        match self.factors().await?.accepts(factor) {
            true => Ok(()),
            false => Err(Refused::NotAccepted),
        }
    }

    /// What he has shown, and what is wanted of him.
    async fn factors(&mut self) -> Result<Factors, Refused> {
        if let Some(factors) = self.factors {
            return Ok(factors);
        }
        let user = self.user().await?;
        let factors = self.identity.factors_of(user.as_ref());
        self.factors = Some(factors);
        Ok(factors)
    }

    /// Whether staff let him in here and now.
    async fn admissible(&mut self) -> Result<(), Refused> {
        let user = self.user().await?;
        match &user {
            Some(user) => self.identity.admissible(user, &self.peer),
            None => Ok(()),
        }
    }

    async fn user(&mut self) -> Result<Option<User>, Refused> {
        Ok(self.known().await?.user().cloned())
    }

    /// Looks the user up at the first call.
    async fn known(&mut self) -> Result<&Known, Refused> {
        if self.known.is_none() {
            let found = known::look_up(&self.identity, &self.server, &self.name).await?;
            self.known = Some(found);
        }
        Ok(self.known.as_ref().unwrap_or(&Known::Nobody))
    }

    async fn conclude(
        &mut self,
        method: &'static str,
        factor: Factor,
        checked: Result<Method, Refused>,
    ) -> Result<Authenticated, Refused> {
        let concluded = match checked {
            Ok(shown) => self.show(factor, shown).await,
            Err(refused) => Err(refused),
        };
        let outcome = concluded
            .as_ref()
            .map_or_else(Refused::reason, |_| "success");
        ::metrics::counter!(metrics::LOGINS, "method" => method, "outcome" => outcome).increment(1);
        concluded
    }

    /// He has shown this, and it was right.
    async fn show(&mut self, factor: Factor, shown: Method) -> Result<Authenticated, Refused> {
        match self.factors().await?.shown(factor) {
            Standing::NotAccepted => Err(Refused::NotAccepted),
            Standing::Partial(factors) => {
                self.factors = Some(factors);
                self.shown.push(shown);
                Err(Refused::Incomplete)
            }
            Standing::Complete => {
                self.shown.push(shown);
                let finished = self.finish().await;
                if finished.is_err() {
                    // Nothing is built on a login that could not be finished.
                    self.factors = None;
                    self.shown.clear();
                }
                finished
            }
        }
    }
}

/// Whether the key is one of his.
fn find_key<'a>(found: &'a Credentials, blob: &[u8]) -> Result<&'a SshKey, Refused> {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(blob);
    // All are compared, whichever it is.
    let same = |key: &&SshKey| key.body.as_bytes().ct_eq(body.as_bytes()).into();
    let same = found.keys.iter().filter(same);
    same.fold(None, |_, key| Some(key)).ok_or(Refused::WrongKey)
}
