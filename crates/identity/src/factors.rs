//! What a user has to show to get in, and how much of it he has shown.

use std::fmt;

/// Which credentials a server or a user asks for, as AWS Transfer names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AuthenticationMethods {
    /// `PASSWORD`.
    Password,
    /// `PUBLIC_KEY`.
    PublicKey,
    /// `PUBLIC_KEY_OR_PASSWORD`.
    #[default]
    PublicKeyOrPassword,
    /// `PUBLIC_KEY_AND_PASSWORD`.
    PublicKeyAndPassword,
}

/// A text that names no authentication methods.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "authentication methods {0:?} are not known: PASSWORD, PUBLIC_KEY, PUBLIC_KEY_OR_PASSWORD or \
     PUBLIC_KEY_AND_PASSWORD"
)]
pub struct UnknownMethods(String);

impl AuthenticationMethods {
    const ALL: [Self; 4] = [
        Self::Password,
        Self::PublicKey,
        Self::PublicKeyOrPassword,
        Self::PublicKeyAndPassword,
    ];

    /// Reads a name.
    ///
    /// # Errors
    /// [`UnknownMethods`] where it is none.
    pub fn parse(name: &str) -> Result<Self, UnknownMethods> {
        let found = Self::ALL
            .into_iter()
            .find(|methods| methods.as_str() == name);
        found.ok_or_else(|| UnknownMethods(name.chars().take(40).collect()))
    }

    /// As AWS Transfer names them.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "PASSWORD",
            Self::PublicKey => "PUBLIC_KEY",
            Self::PublicKeyOrPassword => "PUBLIC_KEY_OR_PASSWORD",
            Self::PublicKeyAndPassword => "PUBLIC_KEY_AND_PASSWORD",
        }
    }
}

impl fmt::Display for AuthenticationMethods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that a user can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Factor {
    /// A password, by `password` or by `keyboard-interactive`.
    Password,
    /// A signature by a key, or by a certificate's key.
    PublicKey,
    /// A one-time password, by `keyboard-interactive`.
    OneTimePassword,
}

/// How far a user has come. Each right credential consumes it and gives the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factors {
    methods: AuthenticationMethods,
    one_time_password: bool,
    shown_password: bool,
    shown_key: bool,
}

/// What a right credential led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is missing: he is in.
    Complete,
    /// It counts, and more is wanted: SSH's partial success (RFC 4252 section 5.1).
    Partial(Factors),
    /// It is not asked for, or not yet, or was shown before: as if it were wrong. Better not to
    /// look at it at all; see [`Factors::accepts`].
    NotAccepted,
}

impl Factors {
    /// Nothing has been shown yet. With `one_time_password` one is asked for at the end.
    pub fn new(methods: AuthenticationMethods, one_time_password: bool) -> Self {
        Self {
            methods,
            one_time_password,
            shown_password: false,
            shown_key: false,
        }
    }

    /// Whether this would bring him on now. A one-time password comes last, so that nobody tries
    /// one who does not know the rest.
    pub fn accepts(self, factor: Factor) -> bool {
        use AuthenticationMethods as Asked;
        if self.first_complete() {
            return factor == Factor::OneTimePassword && self.one_time_password;
        }
        match factor {
            Factor::Password => self.methods != Asked::PublicKey && !self.shown_password,
            Factor::PublicKey => self.methods != Asked::Password && !self.shown_key,
            Factor::OneTimePassword => false,
        }
    }

    /// What would bring him on now: what SSH tells the client that it can continue with.
    pub fn accepted(self) -> impl Iterator<Item = Factor> {
        let all = [Factor::PublicKey, Factor::Password, Factor::OneTimePassword];
        all.into_iter().filter(move |factor| self.accepts(*factor))
    }

    /// He has shown this, and it was right.
    pub fn shown(mut self, factor: Factor) -> Standing {
        if !self.accepts(factor) {
            return Standing::NotAccepted;
        }
        match factor {
            Factor::OneTimePassword => return Standing::Complete,
            Factor::Password => self.shown_password = true,
            Factor::PublicKey => self.shown_key = true,
        }
        match self.first_complete() && !self.one_time_password {
            true => Standing::Complete,
            false => Standing::Partial(self),
        }
    }

    fn first_complete(self) -> bool {
        match self.methods {
            AuthenticationMethods::Password => self.shown_password,
            AuthenticationMethods::PublicKey => self.shown_key,
            AuthenticationMethods::PublicKeyOrPassword => self.shown_password || self.shown_key,
            AuthenticationMethods::PublicKeyAndPassword => self.shown_password && self.shown_key,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What becomes of somebody who shows these, one after the other.
    fn after(methods: &str, one_time_password: bool, shown: &[Factor]) -> &'static str {
        let methods = AuthenticationMethods::parse(methods).expect("methods");
        let mut factors = Factors::new(methods, one_time_password);
        for (at, factor) in shown.iter().enumerate() {
            match factors.shown(*factor) {
                Standing::Partial(next) => factors = next,
                Standing::NotAccepted => return "refused",
                Standing::Complete if at + 1 == shown.len() => return "in",
                Standing::Complete => panic!("{shown:?}: in before the end"),
            }
        }
        "partial"
    }

    #[test]
    fn whoever_shows_what_is_asked_for_is_in_and_nobody_else() {
        use Factor::{OneTimePassword as Code, Password as Pass, PublicKey as Key};
        for (methods, code, shown, expected) in [
            ("PASSWORD", false, &[Pass][..], "in"),
            ("PASSWORD", false, &[Key], "refused"),
            ("PASSWORD", true, &[Pass], "partial"),
            ("PASSWORD", true, &[Pass, Code], "in"),
            ("PASSWORD", true, &[Code], "refused"),
            ("PASSWORD", true, &[Pass, Pass], "refused"),
            ("PASSWORD", false, &[Code], "refused"),
            ("PUBLIC_KEY", false, &[Key], "in"),
            ("PUBLIC_KEY", false, &[Pass], "refused"),
            ("PUBLIC_KEY", true, &[Key, Code], "in"),
            ("PUBLIC_KEY", true, &[Key, Pass], "refused"),
            ("PUBLIC_KEY_OR_PASSWORD", false, &[Key], "in"),
            ("PUBLIC_KEY_OR_PASSWORD", false, &[Pass], "in"),
            ("PUBLIC_KEY_OR_PASSWORD", true, &[Pass, Code], "in"),
            ("PUBLIC_KEY_OR_PASSWORD", true, &[Pass, Key], "refused"),
            ("PUBLIC_KEY_AND_PASSWORD", false, &[Key], "partial"),
            ("PUBLIC_KEY_AND_PASSWORD", false, &[Key, Key], "refused"),
            ("PUBLIC_KEY_AND_PASSWORD", false, &[Pass, Pass], "refused"),
            ("PUBLIC_KEY_AND_PASSWORD", false, &[Key, Pass], "in"),
            ("PUBLIC_KEY_AND_PASSWORD", false, &[Pass, Key], "in"),
            ("PUBLIC_KEY_AND_PASSWORD", true, &[Pass, Code], "refused"),
            ("PUBLIC_KEY_AND_PASSWORD", true, &[Pass, Key], "partial"),
            ("PUBLIC_KEY_AND_PASSWORD", true, &[Pass, Key, Code], "in"),
        ] {
            assert_eq!(
                after(methods, code, shown),
                expected,
                "{methods} {code} {shown:?}"
            );
        }
    }

    #[test]
    fn names_are_those_of_aws() {
        for methods in AuthenticationMethods::ALL {
            assert_eq!(AuthenticationMethods::parse(methods.as_str()), Ok(methods));
        }
        for wrong in ["", "password", "PASSWORD ", "NONE"] {
            assert!(AuthenticationMethods::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        /// What is told to the client is what counts, and there is always a way on.
        #[test]
        fn what_is_accepted_leads_in_after_at_most_three(
            which in 0_usize..4,
            code: bool,
            choices in prop::collection::vec(0_usize..3, 3),
        ) {
            let mut factors = Factors::new(AuthenticationMethods::ALL[which], code);
            for choice in choices {
                let accepted: Vec<Factor> = factors.accepted().collect();
                prop_assert!(!accepted.is_empty());
                match factors.shown(accepted[choice % accepted.len()]) {
                    Standing::Complete => return Ok(()),
                    Standing::Partial(next) => factors = next,
                    Standing::NotAccepted => prop_assert!(false, "it was accepted"),
                }
            }
            prop_assert!(false, "three are enough for everything");
        }
    }
}
