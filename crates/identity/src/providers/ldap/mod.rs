//! LDAP and Active Directory: a user is searched, then bound with his own password.
//!
//! Nothing is said before TLS begins, unless the configuration gives that up by name. A name is
//! never part of a filter's text, an empty password is never sent, and an account that is locked,
//! disabled or expired does not come in by key either.

mod account;
mod client;
mod directory;
mod dn;
mod filter;
mod groups;
mod primary;
mod provider;
mod refusal;
mod rules;
mod settings;
mod visit;

pub use client::{InvalidUrl, LdapUrl};
pub use directory::InvalidLdapSettings;
pub use provider::Ldap;
pub use settings::{Directory, GroupLookup, GroupRule, LdapAttributes, LdapGroups, LdapSettings};
