//! The SSH door: listener, user authentication, the SFTP subsystem and the old `scp` protocol.
//!
//! A [`Server`] accepts connections and hands each to russh, which owns transport and key exchange.
//! Everything above it is ours: who may connect and for how long (`admission`, `connection`), who
//! logs in (`login`), and what a channel does (`subsystem`, `scp`), all over `gateway::Session`.
#![deny(clippy::indexing_slicing)]

mod algorithms;
mod error;
mod host_keys;
#[allow(dead_code, reason = "served by exec requests, which are not wired yet")]
mod scp;
mod server;
mod settings;

pub use algorithms::AlgorithmPolicy;
pub use error::{Error, Result};
pub use host_keys::{HostKey, HostKeyAlgorithm, HostKeys};
pub use server::{Floors, Server};
pub use settings::{Limits, Settings, Startups};
