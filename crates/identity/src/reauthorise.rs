//! Whether who is in may stay: users of providers are asked about again, keys and certificates are
//! held against what is revoked now.

use database::User;
use model::UserName;
use tracing::info;

use crate::login::{is_over, question};
use crate::provider::{Answer, Asked, Credential, Profile};
use crate::{Authenticated, Identity, Method, Refused};

/// What became of a question about somebody who is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reauthorised {
    /// He may stay.
    Stands,
    /// There is nobody to ask: he is built in, or his provider needs his password to answer.
    NotAsked,
    /// Nobody could say now.
    Unanswered,
    /// He may not stay.
    Lost(StandingLost),
}

/// Why somebody who is in may not stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandingLost {
    /// His provider refuses him now.
    Refused,
    /// His provider does not know the key any more that he came by.
    KeyRemoved,
    /// His provider says something else of him than it did: home, role or policy.
    Changed,
}

impl StandingLost {
    /// What he is told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "your identity provider lets you in no longer",
            Self::KeyRemoved => "the key you logged in with was removed",
            Self::Changed => "your account was changed; connect again",
        }
    }
}

impl Identity {
    /// Asks the provider of somebody who is in about him again.
    pub async fn reauthorise(&self, who: &Authenticated) -> Reauthorised {
        let Some(provider) = who.user().provider.as_deref() else {
            return Reauthorised::NotAsked;
        };
        let roster = self.roster();
        let Some(asked) = roster.provider(provider) else {
            return Reauthorised::Lost(StandingLost::Refused);
        };
        let credential = match who.method() {
            Method::Certificate(_) => Credential::Certificate,
            Method::PublicKey { .. } => Credential::Keys,
            _ if asked.knows_users_without_password() => Credential::Keys,
            _ => return Reauthorised::NotAsked,
        };
        let Ok(name) = UserName::parse(who.user().plain_name()) else {
            return Reauthorised::Lost(StandingLost::Refused);
        };
        let question = question(credential, name, who.server(), who.peer());
        match asked.ask_anew(&question).await {
            Err(_) => Reauthorised::Unanswered,
            Ok(Answer::Refused(_)) => Reauthorised::Lost(StandingLost::Refused),
            Ok(Answer::Admitted(profile)) => self.compared(who, &profile, asked).await,
        }
    }

    async fn compared(
        &self,
        who: &Authenticated,
        profile: &Profile,
        asked: &Asked,
    ) -> Reauthorised {
        if is_over(profile, self.clock()) {
            return Reauthorised::Lost(StandingLost::Refused);
        }
        if let Method::PublicKey { fingerprint } = who.method() {
            let mut keys = profile.keys.iter();
            if !keys.any(|key| key.fingerprint() == *fingerprint) {
                return Reauthorised::Lost(StandingLost::KeyRemoved);
            }
        }
        let name = who.user().name.clone();
        let said = self.external_user(asked, profile, who.server(), name).await;
        match said {
            Err(Refused::Unavailable(_)) => Reauthorised::Unanswered,
            Err(_) => Reauthorised::Lost(StandingLost::Refused),
            Ok(said) if differs(&said, who.user()) => {
                info!(user = %said.name, "the provider says something else of a user who is in");
                Reauthorised::Lost(StandingLost::Changed)
            }
            Ok(_) => Reauthorised::Stands,
        }
    }

    /// Whether what he showed would still be taken, by what is revoked now. Where nobody can say,
    /// it is.
    pub fn still_trusts(&self, who: &Authenticated) -> bool {
        let trust = self.trust();
        who.methods().iter().all(|method| match method {
            Method::Certificate(certified) => trust.still_takes(certified),
            Method::PublicKey { fingerprint } => trust.still_takes_key(fingerprint),
            Method::Password | Method::OneTimePassword => true,
        })
    }
}

fn differs(said: &database::ExternalUser, user: &User) -> bool {
    said.external_id != user.external_id
        || said.home_type != user.home_type
        || said.home_directory != user.home_directory
        || said.mappings != user.mappings
        || said.role != user.role
        || said.session_policy != user.session_policy
}
