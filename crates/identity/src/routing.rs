//! Which provider is asked about a login name: `user@@provider`, a pattern's, or a default.

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

    /// The built-in users' name.
    pub fn built_in() -> Self {
        Self(BUILT_IN.to_owned())
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

/// The name of the built-in users among the providers.
pub const BUILT_IN: &str = "builtin";

/// A text that is not `PATTERN=PROVIDER`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNamePattern {
    /// There is no `=`, or nothing in front of it.
    #[error("write PATTERN=PROVIDER, such as *@corp.example=ldap")]
    Form,
    /// What follows the `=` is no provider's name.
    #[error(transparent)]
    Provider(#[from] InvalidProviderName),
}

/// Login names of one kind: `*` stands for any text, everything else for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern(Vec<String>);

impl NamePattern {
    /// Reads `PATTERN=PROVIDER`; the last `=` parts the two.
    ///
    /// # Errors
    /// [`InvalidNamePattern`] where it is not that.
    pub fn parse(text: &str) -> Result<(Self, ProviderName), InvalidNamePattern> {
        let parted = text.rsplit_once('=');
        let (pattern, provider) = parted.ok_or(InvalidNamePattern::Form)?;
        if pattern.is_empty() {
            return Err(InvalidNamePattern::Form);
        }
        let pieces = pattern.split('*').map(str::to_owned).collect();
        Ok((Self(pieces), ProviderName::parse(provider)?))
    }

    /// Whether a name is of this kind. Letters of either size differ.
    pub fn matches(&self, name: &str) -> bool {
        let (Some(first), Some(last)) = (self.0.first(), self.0.last()) else {
            return false;
        };
        if self.0.len() == 1 {
            return name == first;
        }
        let Some(rest) = name.strip_prefix(first.as_str()) else {
            return false;
        };
        let Some(mut rest) = rest.strip_suffix(last.as_str()) else {
            return false;
        };
        for piece in &self.0[1..self.0.len() - 1] {
            let Some(at) = rest.find(piece.as_str()) else {
                return false;
            };
            rest = &rest[at + piece.len()..];
        }
        true
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
    patterns: Vec<(NamePattern, ProviderName)>,
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
        Self {
            providers,
            patterns: Vec::new(),
            default,
        }
    }

    /// Asks by patterns, too: the first that matches a name without `@@provider` comes before the
    /// default. Their providers are this server's, whether they are listed or not.
    #[must_use]
    pub fn with_patterns(mut self, patterns: Vec<(NamePattern, ProviderName)>) -> Self {
        let named = patterns.iter().map(|(_, provider)| provider.clone());
        self.providers.extend(named);
        self.patterns = patterns;
        self
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
        let (user, provider) = match self.parted(name) {
            None => (name, self.of_plain(name).ok_or(Unroutable::NoDefault)?),
            Some((user, provider)) => (user, self.known(provider)?),
        };
        let user = UserName::parse(user).map_err(|_| Unroutable::InvalidName)?;
        Ok(Route { provider, user })
    }

    /// Who is asked about nobody in the place of a name that is taken nowhere, so that it is
    /// answered as late as others: nobody learns from the time which providers there are.
    pub(crate) fn stand_in(&self, name: &str) -> Option<ProviderName> {
        let Some((_, provider)) = self.parted(name) else {
            return self.of_plain(name);
        };
        let outside = |name: &&ProviderName| name.as_str() != BUILT_IN;
        let default = self.default.as_ref().filter(outside);
        let any = || default.or_else(|| self.providers.iter().find(outside));
        self.known(provider).ok().or_else(|| any().cloned())
    }

    /// The names that a certificate may call this user by: those that lead to him.
    pub(crate) fn names_of(&self, user: &UserName, provider: &ProviderName) -> Vec<String> {
        let whole = format!("{user}{}{provider}", Self::SEPARATOR);
        let names = [whole, user.to_string()].into_iter();
        let leads = |name: &String| {
            let route = self.route(name);
            route.is_ok_and(|route| route.user == *user && route.provider == *provider)
        };
        names.filter(leads).collect()
    }

    fn parted<'a>(&self, name: &'a str) -> Option<(&'a str, &'a str)> {
        match self.providers.len() {
            0 | 1 if self.default.is_some() => None,
            _ => name.rsplit_once(Self::SEPARATOR),
        }
    }

    fn of_plain(&self, name: &str) -> Option<ProviderName> {
        let mut patterns = self.patterns.iter();
        let matching = patterns.find(|(pattern, _)| pattern.matches(name));
        matching
            .map(|(_, provider)| provider.clone())
            .or_else(|| self.default.clone())
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
    fn a_name_without_a_provider_goes_where_the_first_pattern_says() {
        let patterns = [
            "*@corp.example=ldap",
            "svc-*-*=dynamodb",
            "root=builtin",
            "*@*=lambda",
        ];
        let patterns = patterns.map(|text| NamePattern::parse(text).expect("pattern"));
        let routing = Routing::new([provider("ldap")], Some(provider("builtin")))
            .with_patterns(patterns.to_vec());
        for (name, asked) in [
            ("bob", "builtin"),
            ("bob@corp.example", "ldap"),
            ("bob@Corp.example", "lambda"),
            ("@corp.example", "ldap"),
            ("svc-a-b", "dynamodb"),
            ("svc-a", "builtin"),
            ("svc--", "dynamodb"),
            ("svc-", "builtin"),
            ("root", "builtin"),
            ("a@b", "lambda"),
        ] {
            assert_eq!(routed(&routing, name), to(name, asked), "{name}");
        }
        assert_eq!(routed(&routing, "a@b@@ldap"), to("a@b", "ldap"));
        assert_eq!(NamePattern::parse("*"), Err(InvalidNamePattern::Form));
        assert_eq!(NamePattern::parse("=ldap"), Err(InvalidNamePattern::Form));
        assert!(NamePattern::parse("*=LDAP").is_err());
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
    fn a_name_that_leads_nowhere_takes_as_long_as_one_that_leads_somewhere() {
        let routing = Routing::new(
            [provider("ldap"), provider("http")],
            Some(provider("builtin")),
        );
        for (name, asked) in [
            ("bob@@nowhere", "http"),
            ("bob@@", "http"),
            ("a/b@@ldap", "ldap"),
            ("a/b", "builtin"),
        ] {
            assert!(routing.route(name).is_err(), "{name}");
            assert_eq!(routing.stand_in(name), Some(provider(asked)), "{name}");
        }
        let routing = Routing::new([provider("http")], Some(provider("ldap")));
        assert_eq!(routing.stand_in("bob@@nowhere"), Some(provider("ldap")));
    }

    #[test]
    fn a_user_is_called_by_the_names_that_lead_to_him() {
        let routing = Routing::new(
            [provider("ldap"), provider("builtin")],
            Some(provider("ldap")),
        );
        let names = |user: &str, of: &str| {
            let user = UserName::parse(user).expect("a name");
            routing.names_of(&user, &provider(of))
        };
        assert_eq!(names("bob", "ldap"), ["bob@@ldap", "bob"]);
        assert_eq!(names("bob", "builtin"), ["bob@@builtin"]);
        let single = Routing::single(provider("builtin"));
        let bob = UserName::parse("bob").expect("a name");
        assert_eq!(single.names_of(&bob, &provider("builtin")), ["bob"]);
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
