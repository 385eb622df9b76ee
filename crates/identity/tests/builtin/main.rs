//! Built-in users: how they get in, and how everybody else does not.

mod imported;
mod login;
mod public_keys;
