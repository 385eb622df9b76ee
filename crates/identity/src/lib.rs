//! Who somebody is: credentials become [`Authenticated`], and nothing else does.
//!
//! Built-in users have a password (argon2id, or what another program hashed until they come for
//! the first time) and any number of SSH public keys. Unknown and disabled users, wrong passwords
//! and wrong keys cost the same work and get the same answer.
//!
//! A name goes by its [`Routing`] to the built-in users or to a [`provider`] outside, which is
//! asked within bounds. What a user has to show are [`Factors`]: passwords, keys, [`certificate`]s
//! and one-time passwords ([`Totp`]). Not asked yet by a [`Login`]: [`PasswordRules`], and the
//! [`defence`] before all.

mod authenticated;
mod breached;
mod breaker;
pub mod certificate;
pub mod contract;
pub mod defence;
mod error;
mod factors;
mod hash;
mod identity;
mod login;
mod metrics;
mod networks;
mod password;
mod password_rules;
pub mod provider;
pub mod providers;
mod public_key;
mod reauthorise;
mod roster;
mod routing;
mod standing;
mod test_report;
mod totp;

pub use authenticated::{Authenticated, Method, Peer};
pub use breached::{BreachedList, BreachedListError};
pub use breaker::{Breaker, BreakerSettings, LeftAlone};
pub use error::{Error, Refused, Result};
pub use factors::{AuthenticationMethods, Factor, Factors, Standing, UnknownMethods};
pub use hash::{HashFormat, InvalidHash, PasswordHash};
pub use identity::{Identity, Settings};
pub use login::Login;
pub use metrics::describe as describe_metrics;
pub use networks::{InvalidNetwork, NetworkDecision, Networks};
pub use password::{HashCost, Passwords, generate_password};
pub use password_rules::{PasswordPolicy, PasswordRules, WeakPassword};
pub use public_key::{InvalidPublicKey, PublicKey};
pub use reauthorise::{Reauthorised, StandingLost};
pub use routing::{
    BUILT_IN, InvalidNamePattern, InvalidProviderName, NamePattern, ProviderName, Route, Routing,
    Unroutable,
};
pub use test_report::{TestCredential, TestReport, Tested};
pub use totp::{InvalidTotp, Totp, TotpAlgorithm, TotpSettings, TotpStep};
