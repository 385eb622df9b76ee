//! The end of a login: everything was shown, and a row stands for whoever comes in.

use std::time::Duration;

use database::{ExternalUser, User};
use model::{Timestamp, UserName};
use tokio::time::timeout;
use tracing::{info, warn};

use super::{External, Known, Login};
use crate::provider::{Asked, Profile};
use crate::{Authenticated, Error, Identity, Refused};

/// How exactly the last login is known: a write for every connection would cost more than it says.
const NOTED_EVERY: Duration = Duration::from_secs(60);
/// A database that is busy writing does not keep anybody out.
const NOTED_WITHIN: Duration = Duration::from_secs(1);

impl Login {
    pub(super) async fn finish(&mut self) -> Result<Authenticated, Refused> {
        let (user, until) = match &self.known {
            Some(Known::BuiltIn(found)) => (found.user.clone(), None),
            Some(Known::External(external)) => {
                let until = external
                    .profile
                    .as_ref()
                    .and_then(|profile| profile.expires);
                (self.record(external).await?, until)
            }
            Some(Known::Nobody) | None => return Err(Refused::UnknownUser),
        };
        self.identity.admissible(&user, &self.peer)?;
        let now = self.identity.clock().now();
        self.note(&user, now).await;
        let shown = std::mem::take(&mut self.shown);
        Ok(Authenticated::new(
            user,
            shown,
            self.peer.clone(),
            now,
            until,
        ))
    }

    async fn record(&self, external: &External) -> Result<User, Refused> {
        let Some(profile) = &external.profile else {
            return Err(Refused::ByProvider);
        };
        let name = external.recorded_as.clone();
        let said = self
            .identity
            .external_user(&external.asked, profile, &self.server, name);
        let said = said.await?;
        let users = self.identity.database().users();
        let recorded = users.record(&said, self.identity.clock().now()).await;
        let recorded = recorded.map_err(|error| Refused::Unavailable(Error::Database(error)))?;
        let user = &recorded.user.name;
        if let Some(before) = recorded.replaced {
            warn!(
                %user,
                %before,
                "another user has the name of one who was known: nothing is inherited"
            );
        } else if recorded.new {
            info!(%user, role = said.role, "user of an identity provider recorded");
        }
        Ok(recorded.user)
    }

    /// A login does not fail for this.
    async fn note(&self, user: &User, now: Timestamp) {
        let recent = |last: Timestamp| last <= now && now.since(last) < NOTED_EVERY;
        if user.last_login.is_some_and(recent) {
            return;
        }
        let users = self.identity.database().users();
        match timeout(NOTED_WITHIN, users.note_login(user.id, now)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                warn!(user = %user.name, %error, "the time of a login was not noted");
            }
            Err(_) => warn!(user = %user.name, "the time of a login was not noted in time"),
        }
    }
}

impl Identity {
    /// What a provider says of somebody, in the words that are known here.
    pub(crate) async fn external_user(
        &self,
        asked: &Asked,
        profile: &Profile,
        server: &model::ServerId,
        name: UserName,
    ) -> Result<ExternalUser, Refused> {
        let role = self.role(asked, profile, &name).await?;
        Ok(ExternalUser {
            server: server.clone(),
            name,
            provider: asked.name().to_string(),
            external_id: profile.external_id.clone(),
            home_type: profile.home.kind,
            home_directory: profile.home.directory.clone(),
            mappings: profile.home.mappings.clone(),
            role,
            session_policy: profile.policy.clone(),
        })
    }

    /// The name of his role: what the provider's settings make of its word, or the role of this
    /// ARN. A role that is not known here grants nothing, and so refuses.
    async fn role(
        &self,
        asked: &Asked,
        profile: &Profile,
        user: &UserName,
    ) -> Result<Option<String>, Refused> {
        let said = profile.role.as_deref().map(str::trim);
        let Some(said) = said.filter(|said| !said.is_empty()) else {
            return Ok(None);
        };
        let word = asked
            .settings()
            .roles
            .get(said)
            .map_or(said, String::as_str);
        let found = self.database().roles().by_arn_or_name(word).await;
        let found = found.map_err(|error| Refused::Unavailable(Error::Database(error)))?;
        match found {
            Some(role) => Ok(Some(role.name)),
            None => {
                let provider = asked.name();
                warn!(
                    %provider,
                    %user,
                    role = said,
                    "the provider names a role that is not known here: make one with this ARN, \
                     or map the word in the provider's roles"
                );
                Err(Refused::UnknownRole(said.to_owned()))
            }
        }
    }
}
