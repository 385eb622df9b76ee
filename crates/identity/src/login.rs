//! One user's attempts on one connection, with a single look-up for all of them.

use database::{Credentials, User};
use model::{Secret, ServerId, UserName};
use subtle::ConstantTimeEq;
use tracing::warn;

use crate::{Authenticated, Error, Identity, Method, Peer, PublicKey, Refused, Result, metrics};

/// One name's attempts on one connection. The user and his keys are looked up once, at the first
/// attempt, however many follow. A connection on which the client changes the name begins another.
#[derive(Debug)]
pub struct Login {
    identity: Identity,
    server: ServerId,
    name: String,
    peer: Peer,
    found: Option<Option<Credentials>>,
}

impl Login {
    pub(crate) fn new(identity: Identity, server: ServerId, name: &str, peer: Peer) -> Self {
        Self {
            identity,
            server,
            name: name.to_owned(),
            peer,
            found: None,
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

    /// Whether a signature by this key would let him in: SSH's probe, before he signs anything.
    /// `blob` is the key as it travels in SSH. False for unknown and disabled users.
    ///
    /// # Errors
    /// [`Refused::Unavailable`] where the database does not answer.
    pub async fn offer_key(&mut self, blob: &[u8]) -> Result<bool, Refused> {
        let credentials = self.credentials().await?;
        Ok(check_key(credentials, blob).is_ok())
    }

    /// Lets him in by a key whose signature the transport has verified.
    ///
    /// # Errors
    /// [`Refused`], which looks the same for every reason.
    pub async fn authenticate_key(&mut self, blob: &[u8]) -> Result<Authenticated, Refused> {
        let checked = match self.credentials().await {
            Ok(credentials) => check_key(credentials, blob).cloned(),
            Err(refused) => Err(refused),
        };
        let checked = checked.map(|user| {
            let fingerprint = PublicKey::from_blob(blob).map(|key| key.fingerprint());
            let fingerprint = fingerprint.unwrap_or_default();
            (user, Method::PublicKey { fingerprint })
        });
        self.conclude("publickey", checked)
    }

    /// Lets him in by his password.
    ///
    /// # Errors
    /// [`Refused`], which looks the same for every reason and costs the same work: one look-up
    /// and one hash.
    pub async fn authenticate_password(
        &mut self,
        password: &Secret<String>,
    ) -> Result<Authenticated, Refused> {
        let checked = self.check_password(password).await;
        if let Ok(user) = &checked {
            self.rehash(user, password).await;
        }
        self.conclude("password", checked.map(|user| (user, Method::Password)))
    }

    async fn check_password(&mut self, password: &Secret<String>) -> Result<User, Refused> {
        let passwords = self.identity.passwords().clone();
        let user = self.credentials().await?.map(|found| found.user.clone());
        let hash = user.as_ref().and_then(|user| user.password_hash.as_ref());
        let right = passwords.verify(password, hash).await;
        let right = right.map_err(Refused::Unavailable)?;
        // Only now, when everybody has paid the same.
        match user {
            None => Err(Refused::UnknownUser),
            Some(user) if user.password_hash.is_none() => Err(Refused::NoPassword),
            Some(_) if !right => Err(Refused::WrongPassword),
            Some(user) if user.disabled => Err(Refused::Disabled),
            Some(user) => Ok(user),
        }
    }

    /// Hashes the password again where its hash was made by another program or at another cost
    /// than today's. A login does not fail for that.
    async fn rehash(&self, user: &User, password: &Secret<String>) {
        let passwords = self.identity.passwords();
        let Some(old) = &user.password_hash else {
            return;
        };
        if !passwords.is_outdated(old) {
            return;
        }
        let users = self.identity.database().users();
        let done = match passwords.hash_again(password).await {
            Ok(new) => users.rehash(user.id, old, &new).await.map_err(Error::from),
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            warn!(user = %user.name, %error, "password was not hashed again");
        }
    }

    /// Looks the user up at the first call.
    async fn credentials(&mut self) -> Result<Option<&Credentials>, Refused> {
        if self.found.is_none() {
            self.found = Some(self.look_up().await?);
        }
        Ok(self.found.as_ref().and_then(Option::as_ref))
    }

    async fn look_up(&mut self) -> Result<Option<Credentials>, Refused> {
        // A name that cannot exist is looked up like others: under a name nobody has.
        let name = UserName::parse(&self.name).or_else(|_| UserName::parse("?"));
        let Ok(name) = name else { return Ok(None) };
        let users = self.identity.database().users();
        let found = users.credentials(&self.server, &name).await;
        let found = found.map_err(|error| Refused::Unavailable(error.into()))?;
        Ok(found.filter(|found| found.user.name.as_str() == self.name))
    }

    fn conclude(
        &self,
        method: &'static str,
        checked: Result<(User, Method), Refused>,
    ) -> Result<Authenticated, Refused> {
        let outcome = checked.as_ref().map_or_else(Refused::reason, |_| "success");
        ::metrics::counter!(metrics::LOGINS, "method" => method, "outcome" => outcome).increment(1);
        let (user, method) = checked?;
        let now = self.identity.clock().now();
        Ok(Authenticated::new(user, method, self.peer.clone(), now))
    }
}

/// The user, if the key is one of his and he is not kept out.
fn check_key<'a>(credentials: Option<&'a Credentials>, blob: &[u8]) -> Result<&'a User, Refused> {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(blob);
    let found = credentials.ok_or(Refused::UnknownUser)?;
    let same = |key: &database::SshKey| key.body.as_bytes().ct_eq(body.as_bytes());
    let matches = found.keys.iter().filter(|key| same(key).into()).count();
    match matches {
        0 => Err(Refused::WrongKey),
        _ if found.user.disabled => Err(Refused::Disabled),
        _ => Ok(&found.user),
    }
}
