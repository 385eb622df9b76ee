//! Who somebody is: credentials become [`Authenticated`], and nothing else does.
//!
//! Built-in users have a password (argon2id) and any number of SSH public keys. Unknown and
//! disabled users, wrong passwords and wrong keys cost the same work and get the same answer.

mod authenticated;
mod breached;
pub mod certificate;
pub mod contract;
pub mod defence;
mod error;
mod hash;
mod identity;
mod login;
mod metrics;
mod networks;
mod password;
mod password_rules;
mod public_key;
mod routing;
mod totp;

pub use authenticated::{Authenticated, Method, Peer};
pub use breached::{BreachedList, BreachedListError};
pub use error::{Error, Refused, Result};
pub use hash::{HashFormat, InvalidHash, PasswordHash};
pub use identity::{Identity, Settings};
pub use login::Login;
pub use metrics::describe as describe_metrics;
pub use networks::{InvalidNetwork, NetworkDecision, Networks};
pub use password::{HashCost, Passwords, generate_password};
pub use password_rules::{PasswordRules, WeakPassword};
pub use public_key::{InvalidPublicKey, PublicKey};
pub use routing::{InvalidProviderName, ProviderName, Route, Routing, Unroutable};
pub use totp::{InvalidTotp, Totp, TotpAlgorithm, TotpSettings, TotpStep};
