//! What a user's row says of his logins: what he has to show, when and from where.

use database::{SshKey, User, UserNetworks};
use model::{Secret, Timestamp};
use tracing::warn;

use crate::{
    AuthenticationMethods, Error, Factors, Identity, Networks, Peer, Refused, Result, Totp,
    TotpSettings,
};

impl Identity {
    /// Whether staff let him in here and now.
    pub(crate) fn admissible(&self, user: &User, peer: &Peer) -> Result<(), Refused> {
        if user.disabled {
            return Err(Refused::Disabled);
        }
        self.within(user, user.expires, &user.networks, peer)
    }

    /// Whether a key of his opens anything here and now.
    pub(crate) fn takes_key(&self, user: &User, key: &SshKey, peer: &Peer) -> Result<(), Refused> {
        self.within(user, key.bounds.expires, &key.bounds.networks, peer)
    }

    fn within(
        &self,
        user: &User,
        expires: Option<Timestamp>,
        networks: &UserNetworks,
        peer: &Peer,
    ) -> Result<(), Refused> {
        if expires.is_some_and(|end| end <= self.clock().now()) {
            return Err(Refused::Expired);
        }
        if networks.is_empty() {
            return Ok(());
        }
        let (allow, deny) = (&networks.allow, &networks.deny);
        let texts = |list: &[String]| list.to_vec();
        let (allow, deny) = (texts(allow), texts(deny));
        let allow = allow.iter().map(String::as_str);
        match Networks::parse(allow, deny.iter().map(String::as_str)) {
            Ok(networks) if networks.decide(peer.address.ip()).is_allowed() => Ok(()),
            Ok(_) => Err(Refused::Network),
            Err(error) => {
                warn!(user = %user.name, %error, "a user's networks cannot be read: he is kept out");
                Err(Refused::Network)
            }
        }
    }

    /// What he has to show. A row that says what nobody understands asks for all.
    pub(crate) fn factors_of(&self, user: Option<&User>) -> Factors {
        let methods = user.and_then(|user| user.methods.as_deref());
        let methods = methods.map_or(Ok(self.methods()), AuthenticationMethods::parse);
        let methods = methods.unwrap_or(AuthenticationMethods::PublicKeyAndPassword);
        Factors::new(methods, user.is_some_and(|user| user.totp.is_some()))
    }

    /// Takes a one-time password of his, once on all nodes.
    pub(crate) async fn take_code(
        &self,
        user: &User,
        code: &Secret<String>,
    ) -> Result<(), Refused> {
        let unavailable = |error: Error| Refused::Unavailable(error);
        let users = self.database().users();
        let secret = users.totp_secret(user);
        let secret = secret.map_err(|error| unavailable(error.into()))?;
        let secret = secret.ok_or(Refused::NotAccepted)?;
        let totp = Totp::from_base32(&secret, TotpSettings::default());
        let totp = totp.map_err(|error| unavailable(error.into()))?;
        let step = totp.verify(code, self.clock().now(), None);
        let step = step.ok_or(Refused::WrongCode)?;
        let taken = users.take_totp_step(user.id, step).await;
        match taken.map_err(|error| unavailable(error.into()))? {
            true => Ok(()),
            false => Err(Refused::UsedCode),
        }
    }

    /// Gives a user one-time passwords as a second factor, in the place of those he had. Returns
    /// what is shown to him, once.
    ///
    /// # Errors
    /// `NotFound` where there is no such user.
    pub async fn enrol_totp(&self, user: &User) -> Result<Totp> {
        let totp = Totp::generate(TotpSettings::default())?;
        let users = self.database().users();
        users
            .set_totp(user.id, Some(&totp.base32()), self.clock().now())
            .await?;
        Ok(totp)
    }
}
