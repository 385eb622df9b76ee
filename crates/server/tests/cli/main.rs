//! The command line as a person meets it: the real binary, its output and its exit status.

mod node;

mod config;
mod host_keys;
mod reload;
mod up;
mod users;
