//! Whether an account may be used: what its entry says, whichever credential is shown.

mod active_directory;
mod policy;
mod standard;
mod time;

use model::Timestamp;

use super::client::Entry;
use super::refusal::Refusal;
use super::settings::Directory;

pub(crate) use policy::{Policy, told};

/// What is read of entries to know their state. Operational attributes come only by name.
pub(crate) fn attributes(directory: Directory) -> &'static [&'static str] {
    match directory {
        Directory::ActiveDirectory => &active_directory::ATTRIBUTES,
        Directory::Standard => &standard::ATTRIBUTES,
    }
}

/// The state of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct State {
    /// Why it may not be used now.
    pub(crate) refusal: Option<Refusal>,
    /// When it ends.
    pub(crate) expires: Option<Timestamp>,
}

/// Reads the state of an account. The text of an error says what cannot be read.
pub(crate) fn state(
    directory: Directory,
    entry: &Entry,
    policy: &Policy,
    now: Timestamp,
) -> Result<State, String> {
    match directory {
        Directory::ActiveDirectory => active_directory::state(entry, now),
        Directory::Standard => standard::state(entry, policy, now),
    }
}

/// The name of the entry that holds an account's password policy, where it says.
pub(crate) fn policy_dn(entry: &Entry) -> Option<&str> {
    entry.text("pwdPolicySubentry")
}
