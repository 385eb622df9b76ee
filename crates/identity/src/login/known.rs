//! Whom a login name may be about: a built-in user, somebody whom a provider may know, or nobody.

use std::sync::Arc;

use database::{Credentials, User};
use model::{ServerId, UserName};
use tracing::{debug, warn};

use super::External;
use crate::{BUILT_IN, Identity, Refused, Route};

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
}

/// Looks a name up, as the client sent it. One read of the database in every case.
pub(super) async fn look_up(
    identity: &Identity,
    server: &ServerId,
    name: &str,
) -> Result<Known, Refused> {
    let route = match identity.routing().route(name) {
        Ok(route) => Some(route),
        Err(why) => {
            debug!(user = ?name, %why, "no provider is asked about a name");
            None
        }
    };
    match route {
        Some(Route { provider, user }) if provider.as_str() != BUILT_IN => {
            external(identity, server, provider.as_str(), user).await
        }
        route => built_in(identity, server, route.map(|route| route.user)).await,
    }
}

async fn built_in(
    identity: &Identity,
    server: &ServerId,
    wanted: Option<UserName>,
) -> Result<Known, Refused> {
    // A name that cannot exist is looked up like others: under a name nobody has.
    let Some(name) = wanted.clone().or_else(|| UserName::parse("?").ok()) else {
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
    provider: &str,
    user: UserName,
) -> Result<Known, Refused> {
    let Some(asked) = identity.provider(provider) else {
        return built_in(identity, server, None).await;
    };
    let recorded = format!("{user}{}{provider}", User::PROVIDER_SEPARATOR);
    let Ok(recorded_as) = UserName::parse(&recorded) else {
        warn!(%user, provider, "a name is too long to be recorded with its provider");
        return built_in(identity, server, None).await;
    };
    let users = identity.database().users();
    let row = users.by_name(server, &recorded_as).await;
    let row = row.map_err(|error| Refused::Unavailable(error.into()))?;
    if row
        .as_ref()
        .is_some_and(|row| row.provider.as_deref() != Some(provider))
    {
        warn!(user = %recorded_as, provider, "the name of a provider's user is taken by a built-in one");
        return Ok(Known::Nobody);
    }
    Ok(Known::External(Box::new(External {
        asked: Arc::clone(asked),
        user,
        recorded_as,
        row,
        keys: None,
        profile: None,
    })))
}
