//! Whom a login name may be about: a built-in user, somebody whom a provider may know, or nobody.

use std::sync::Arc;

use database::{Credentials, User};
use model::{ServerId, UserName};
use tracing::{debug, warn};

use super::External;
use crate::provider::Asked;
use crate::{BUILT_IN, Identity, ProviderName, Refused, Route, Routing};

/// What is known about a name before anything was shown.
#[derive(Debug)]
pub(super) enum Known {
    /// No user can be of this name.
    Nobody,
    /// A user of the database.
    BuiltIn(Box<Credentials>),
    /// A provider is to be asked.
    External(Box<External>),
}

impl Known {
    /// His row, if there is one yet.
    pub(super) fn user(&self) -> Option<&User> {
        match self {
            Self::Nobody => None,
            Self::BuiltIn(found) => Some(&found.user),
            Self::External(external) => external.row.as_ref(),
        }
    }

    /// What a certificate may call him.
    pub(super) fn names(&self, routing: &Routing) -> Vec<String> {
        match self {
            Self::BuiltIn(found) => routing.names_of(&found.user.name, &ProviderName::built_in()),
            Self::External(external) if !external.nobody => {
                routing.names_of(&external.user, external.asked.name())
            }
            Self::External(_) | Self::Nobody => Vec::new(),
        }
    }
}

/// The name that nobody has.
const NOBODY: &str = "?";

/// Looks a name up, as the client sent it. One read of the database in every case, and a provider
/// is asked later about a name that could be one of its users'.
pub(super) async fn look_up(
    identity: &Identity,
    server: &ServerId,
    name: &str,
) -> Result<Known, Refused> {
    let roster = identity.roster();
    match roster.routing().route(name) {
        Ok(Route { provider, user }) if provider.as_str() != BUILT_IN => {
            match roster.provider(provider.as_str()) {
                Some(asked) => external(identity, server, asked, user).await,
                None => built_in(identity, server, None).await,
            }
        }
        Ok(Route { user, .. }) => built_in(identity, server, Some(user)).await,
        Err(why) => {
            debug!(user = ?name, %why, "nobody can have a name");
            let asked = roster.routing().stand_in(name);
            match asked.and_then(|provider| roster.provider(provider.as_str())) {
                Some(asked) => nobody_of(identity, server, asked).await,
                None => built_in(identity, server, None).await,
            }
        }
    }
}

async fn built_in(
    identity: &Identity,
    server: &ServerId,
    wanted: Option<UserName>,
) -> Result<Known, Refused> {
    // A name that cannot exist is looked up like others: under a name nobody has.
    let Some(name) = wanted.clone().or_else(|| UserName::parse(NOBODY).ok()) else {
        return Ok(Known::Nobody);
    };
    let users = identity.database().users();
    let found = users.credentials(server, &name).await;
    let found = found.map_err(|error| Refused::Unavailable(error.into()))?;
    // The row of a provider's user admits nobody by itself.
    let found = found.filter(|found| wanted.is_some() && found.user.provider.is_none());
    Ok(found.map_or(Known::Nobody, |found| Known::BuiltIn(Box::new(found))))
}

async fn external(
    identity: &Identity,
    server: &ServerId,
    asked: &Arc<Asked>,
    user: UserName,
) -> Result<Known, Refused> {
    let provider = asked.name();
    let recorded = format!("{user}{}{provider}", User::PROVIDER_SEPARATOR);
    let Ok(recorded_as) = UserName::parse(&recorded) else {
        warn!(%user, %provider, "a name is too long to be recorded with its provider");
        return nobody_of(identity, server, asked).await;
    };
    let users = identity.database().users();
    let row = users.by_name(server, &recorded_as).await;
    let row = row.map_err(|error| Refused::Unavailable(error.into()))?;
    let taken = |row: &User| row.provider.as_deref() != Some(provider.as_str());
    if row.as_ref().is_some_and(taken) {
        warn!(user = %recorded_as, %provider, "the name of a provider's user is taken by a built-in one");
        return Ok(stand_in(asked));
    }
    Ok(Known::External(Box::new(External {
        row,
        nobody: false,
        ..External::new(asked, user, recorded_as)
    })))
}

/// Nobody, looked for as somebody of this provider is.
async fn nobody_of(
    identity: &Identity,
    server: &ServerId,
    asked: &Arc<Asked>,
) -> Result<Known, Refused> {
    built_in(identity, server, None).await?;
    Ok(stand_in(asked))
}

fn stand_in(asked: &Arc<Asked>) -> Known {
    match UserName::parse(NOBODY) {
        Ok(name) => Known::External(Box::new(External::new(asked, name.clone(), name))),
        Err(_) => Known::Nobody,
    }
}
