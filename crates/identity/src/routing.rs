//! Which provider is asked about a login name: `user@@provider`, or a default.

use std::collections::BTreeSet;
use std::fmt;

use model::UserName;

/// A text that cannot be a provider's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("provider name {0:?} is not valid: 1 to 32 of a-z, 0-9, '-' and '_'")]
pub struct InvalidProviderName(String);

/// The name of an identity provider: 1 to 32 small letters, digits, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderName(String);

impl ProviderName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`InvalidProviderName`] where it is not one.
    pub fn parse(name: &str) -> Result<Self, InvalidProviderName> {
        let fits = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        match (1..=32).contains(&name.len()) && name.bytes().all(fits) {
            true => Ok(Self(name.to_owned())),
            false => Err(InvalidProviderName(name.chars().take(40).collect())),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who is to be asked about whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The provider.
    pub provider: ProviderName,
    /// The name to ask him about: what stood before the last `@@`.
    pub user: UserName,
}

/// Why nobody is asked about a login name. The client learns nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unroutable {
    /// What is left is not a user's name.
    #[error("the name is not one that a user can have")]
    InvalidName,
    /// It names a provider that this server does not ask. It is not passed to the default one,
    /// where it might be somebody else's name.
    #[error("the name ends in @@ and a provider that this server does not ask")]
    UnknownProvider,
    /// It names no provider, and the server has no default.
    #[error("the name names no provider, and the server has no default")]
    NoDefault,
}

/// The providers of a server.
#[derive(Debug, Clone)]
pub struct Routing {
    providers: BTreeSet<ProviderName>,
    default: Option<ProviderName>,
}

impl Routing {
    /// What parts the user's name from the provider's.
    pub const SEPARATOR: &str = "@@";

    /// A server that asks these. The default is one of them, whether it is listed or not.
    pub fn new(
        providers: impl IntoIterator<Item = ProviderName>,
        default: Option<ProviderName>,
    ) -> Self {
        let providers = providers.into_iter().chain(default.clone()).collect();
        Self { providers, default }
    }

    /// A server with a single provider. It takes names whole, `@@` or not.
    pub fn single(provider: ProviderName) -> Self {
        Self::new([], Some(provider))
    }

    /// Who is to be asked about a name, as the client sent it. The provider's name may be written
    /// in letters of either size. Of several separators the last counts, since names of LDAP and
    /// e-mail may hold one.
    ///
    /// # Errors
    /// [`Unroutable`] where nobody is.
    pub fn route(&self, name: &str) -> Result<Route, Unroutable> {
        let parted = match self.providers.len() {
            0 | 1 if self.default.is_some() => None,
            _ => name.rsplit_once(Self::SEPARATOR),
        };
        let (user, provider) = match parted {
            None => (name, self.default.clone().ok_or(Unroutable::NoDefault)?),
            Some((user, provider)) => (user, self.known(provider)?),
        };
        let user = UserName::parse(user).map_err(|_| Unroutable::InvalidName)?;
        Ok(Route { provider, user })
    }

    fn known(&self, name: &str) -> Result<ProviderName, Unroutable> {
        let name = ProviderName::parse(&name.to_ascii_lowercase()).ok();
        name.filter(|name| self.providers.contains(name))
            .ok_or(Unroutable::UnknownProvider)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn provider(name: &str) -> ProviderName {
        ProviderName::parse(name).expect("provider")
    }

    fn routed(routing: &Routing, name: &str) -> Result<(String, String), Unroutable> {
        let route = routing.route(name)?;
        Ok((route.user.to_string(), route.provider.to_string()))
    }

    fn to(user: &str, provider: &str) -> Result<(String, String), Unroutable> {
        Ok((user.to_owned(), provider.to_owned()))
    }

    #[test]
    fn a_name_goes_to_the_provider_behind_the_last_separator() {
        let routing = Routing::new(
            [provider("ldap"), provider("dynamodb")],
            Some(provider("builtin")),
        );
        for (name, expected) in [
            ("bob", to("bob", "builtin")),
            ("bob@acme.example", to("bob@acme.example", "builtin")),
            ("bob@@ldap", to("bob", "ldap")),
            ("bob@@LDAP", to("bob", "ldap")),
            ("bob@@builtin", to("bob", "builtin")),
            ("bob@@corp@@dynamodb", to("bob@@corp", "dynamodb")),
            ("bob@@@ldap", to("bob@", "ldap")),
            ("bob@@lambda", Err(Unroutable::UnknownProvider)),
            ("bob@@", Err(Unroutable::UnknownProvider)),
            ("bob@@ldap@@nowhere", Err(Unroutable::UnknownProvider)),
            ("@@ldap", Err(Unroutable::InvalidName)),
            ("", Err(Unroutable::InvalidName)),
            ("a/b@@ldap", Err(Unroutable::InvalidName)),
            ("..@@ldap", Err(Unroutable::InvalidName)),
        ] {
            assert_eq!(routed(&routing, name), expected, "{name:?}");
        }
    }

    #[test]
    fn without_a_default_a_name_must_name_its_provider() {
        let routing = Routing::new([provider("ldap")], None);
        assert_eq!(routed(&routing, "bob"), Err(Unroutable::NoDefault));
        assert_eq!(routed(&routing, "bob@@ldap"), to("bob", "ldap"));
        assert_eq!(
            routed(&Routing::new([], None), "bob"),
            Err(Unroutable::NoDefault)
        );
    }

    #[test]
    fn a_single_provider_takes_names_whole() {
        let routing = Routing::single(provider("builtin"));
        assert_eq!(routed(&routing, "bob@@ldap"), to("bob@@ldap", "builtin"));
    }

    #[test]
    fn provider_names_are_plain() {
        for wrong in ["", "LDAP", "a b", "a@b", "ä", &"x".repeat(33)] {
            assert!(ProviderName::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_routed_is_put_together_again(name in "[a-z@/ ]{0,24}") {
            let routing = Routing::new([provider("a"), provider("b")], Some(provider("c")));
            if let Ok(route) = routing.route(&name) {
                let whole = format!("{}@@{}", route.user, route.provider);
                prop_assert!(whole == name || (route.user.as_str() == name && route.provider == provider("c")));
            }
        }
    }
}
