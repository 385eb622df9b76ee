//! Somebody whom a provider may know: what it is asked, and what its answers are worth.

use std::sync::Arc;

use database::User;
use model::{Clock, Protocol, Secret, ServerId, UserName};
use rand::Rng as _;
use tracing::warn;

use crate::provider::{Answer, Asked, Credential, PasswordCheck, Profile, Question, Unanswered};
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
    /// Nobody is of the name that was sent. Somebody is asked about nobody, so that it takes as
    /// long as with others, and the answer is not heard.
    pub(super) nobody: bool,
}

impl External {
    /// Nobody, until more is known.
    pub(super) fn new(asked: &Arc<Asked>, user: UserName, recorded_as: UserName) -> Self {
        Self {
            asked: Arc::clone(asked),
            user,
            recorded_as,
            row: None,
            keys: None,
            profile: None,
            nobody: true,
        }
    }

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
            None => match self.ask(Credential::Keys, server, peer).await {
                // He has no key that can be used; what else he shows is looked at by itself.
                Err(Refused::Unavailable(Error::Provider(_, Unanswered::Failed(error))))
                    if !error.is_outage() =>
                {
                    Answer::Refused(error.to_string())
                }
                answer => answer?,
            },
        };
        let checked = match &answer {
            Answer::Refused(_) => Err(self.refused()),
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

    /// Whether the provider knows him, whom a certificate has proved.
    pub(super) async fn check_certified(
        &mut self,
        server: &ServerId,
        peer: &Peer,
        clock: &dyn Clock,
    ) -> Result<(), Refused> {
        match self.ask(Credential::Certificate, server, peer).await? {
            Answer::Refused(_) => Err(self.refused()),
            Answer::Admitted(profile) if is_over(&profile, clock) => Err(Refused::Expired),
            Answer::Admitted(profile) => {
                self.profile = Some(profile);
                Ok(())
            }
        }
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
            return Err(self.refused());
        }
        let credential = Credential::Password(password.clone());
        let profile = match self.ask(credential, server, peer).await? {
            Answer::Refused(_) => return Err(self.refused()),
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
        let credential = match credential {
            // What was meant for somebody else is not shown to who stands in.
            Credential::Password(_) if self.nobody => Credential::Password(nobodys_password()),
            credential => credential,
        };
        let question = question(credential, self.user.clone(), server, peer);
        let answer = self.asked.ask(&question).await;
        let answer = answer.map_err(|unanswered| {
            let provider = self.asked.name().to_string();
            Refused::Unavailable(Error::Provider(provider, unanswered))
        })?;
        match self.nobody {
            true => Ok(Answer::Refused("nobody has this name".to_owned())),
            false => Ok(answer),
        }
    }

    fn refused(&self) -> Refused {
        match self.nobody {
            true => Refused::UnknownUser,
            false => Refused::ByProvider,
        }
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

fn nobodys_password() -> Secret<String> {
    let bytes: [u8; 16] = rand::rng().random();
    Secret::new(data_encoding::HEXLOWER.encode(&bytes))
}

/// Whether his time is over by his provider's word.
pub(crate) fn is_over(profile: &Profile, clock: &dyn Clock) -> bool {
    profile.expires.is_some_and(|end| end <= clock.now())
}

fn has_key(profile: &Profile, blob: &[u8]) -> bool {
    profile.keys.iter().any(|key| key.blob() == blob)
}
