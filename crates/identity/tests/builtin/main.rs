//! Built-in users: how they get in, and how everybody else does not.

mod factors;
mod guard;
mod imported;
mod login;
mod providers;
mod public_keys;
