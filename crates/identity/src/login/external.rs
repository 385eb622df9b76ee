//! Somebody whom a provider may know: what it is asked, and what its answers are worth.

use std::sync::Arc;

use database::User;
use model::{Clock, Protocol, Secret, ServerId, UserName};
use tracing::warn;

use crate::provider::{Answer, Asked, Credential, PasswordCheck, Profile, Question};
use crate::{Error, Identity, Peer, Refused};

/// Somebody whom a provider may know.
#[derive(Debug)]
pub(super) struct External {
    pub(super) asked: Arc<Asked>,
    /// His name at the provider.
    pub(super) user: UserName,
    /// His name here: `name@@provider`.
    pub(super) recorded_as: UserName,
    /// What is recorded of him, if he came before.
    pub(super) row: Option<User>,
    /// What was said about his keys: asked once.
    pub(super) keys: Option<Answer>,
    /// What was said of him last.
    pub(super) profile: Option<Box<Profile>>,
}

impl External {
    /// Whether the provider lets him sign by this key.
    pub(super) async fn check_key(
        &mut self,
        blob: &[u8],
        server: &ServerId,
        peer: &Peer,
        clock: &dyn Clock,
    ) -> Result<(), Refused> {
        let answer = match self.keys.take() {
            Some(answer) => answer,
            None => self.ask(Credential::Keys, server, peer).await?,
        };
        let checked = match &answer {
            Answer::Refused(_) => Err(Refused::ByProvider),
            Answer::Admitted(profile) if is_over(profile, clock) => Err(Refused::Expired),
            Answer::Admitted(profile) if !has_key(profile, blob) => Err(Refused::WrongKey),
            Answer::Admitted(profile) => {
                self.profile = Some(profile.clone());
                Ok(())
            }
        };
        self.keys = Some(answer);
        checked
    }

    /// Whether it is his password, by the provider's word or by the hash that it knows.
    pub(super) async fn check_password(
        &mut self,
        password: &Secret<String>,
        server: &ServerId,
        peer: &Peer,
        identity: &Identity,
    ) -> Result<(), Refused> {
        // To providers an empty one means "by key"; one that is too long is nobody's.
        if !(1..=crate::Passwords::MAX_BYTES).contains(&password.expose().len()) {
            return Err(Refused::ByProvider);
        }
        let credential = Credential::Password(password.clone());
        let profile = match self.ask(credential, server, peer).await? {
            Answer::Refused(_) => return Err(Refused::ByProvider),
            Answer::Admitted(profile) => profile,
        };
        match &profile.password {
            PasswordCheck::Verified => {}
            PasswordCheck::Hash(hash) => {
                let right = identity.passwords().verify(password, Some(hash)).await;
                if !right.map_err(Refused::Unavailable)? {
                    return Err(Refused::WrongPassword);
                }
            }
            PasswordCheck::NotAsked => {
                let provider = self.asked.name();
                warn!(%provider, user = %self.user, "the provider did not look at a password");
                return Err(Refused::ByProvider);
            }
        }
        if is_over(&profile, identity.clock()) {
            return Err(Refused::Expired);
        }
        self.profile = Some(profile);
        Ok(())
    }

    async fn ask(
        &self,
        credential: Credential,
        server: &ServerId,
        peer: &Peer,
    ) -> Result<Answer, Refused> {
        let question = question(credential, self.user.clone(), server, peer);
        let answer = self.asked.ask(&question).await;
        answer.map_err(|unanswered| {
            let provider = self.asked.name().to_string();
            Refused::Unavailable(Error::Provider(provider, unanswered))
        })
    }
}

/// What a provider is asked about somebody who wants in.
pub(crate) fn question(
    credential: Credential,
    user: UserName,
    server: &ServerId,
    peer: &Peer,
) -> Question {
    Question {
        server_id: server.clone(),
        user,
        source: peer.address.ip().to_canonical(),
        protocol: Protocol::Sftp,
        credential,
    }
}

/// Whether his time is over by his provider's word.
pub(crate) fn is_over(profile: &Profile, clock: &dyn Clock) -> bool {
    profile.expires.is_some_and(|end| end <= clock.now())
}

fn has_key(profile: &Profile, blob: &[u8]) -> bool {
    profile.keys.iter().any(|key| key.blob() == blob)
}
