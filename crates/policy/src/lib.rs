//! What a principal may do: actions and sets of them. Pure values, no I/O.
//!
//! Documents, conditions and decisions come to this floor with their own issue; until then a
//! mount's [`Permissions`] decide alone.

mod action;
mod permissions;

pub use action::Action;
pub use permissions::{Permissions, UnknownAction};
