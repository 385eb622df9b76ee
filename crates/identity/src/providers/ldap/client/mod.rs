//! The LDAP client: as much of RFC 4511 as a login asks for, one request at a time.
//!
//! Messages are bounded, nothing runs beside the caller, and whoever drops the future that asks
//! ends the connection with it. Why it is our own: decision 21.

mod ber;
mod connection;
mod entry;
mod fault;
mod message;
#[cfg(test)]
mod properties;
mod tls;
mod url;
mod wire;

pub(crate) use ber::{Reader, SEQUENCE, Writer, integer};
pub(crate) use connection::{Connection, Found};
pub(crate) use entry::Entry;
pub(crate) use fault::Fault;
pub(crate) use message::{Outcome, Scope, Search};
pub(crate) use tls::connector;
pub use url::{InvalidUrl, LdapUrl};
