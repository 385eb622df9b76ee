//! The SSH door: listener, user authentication, the SFTP subsystem and the old `scp` protocol.
//!
//! A [`Server`] accepts connections and hands each to russh, which owns transport and key exchange.
//! Everything above it is ours: who may connect and for how long (`admission`, `connection`), who
//! logs in (`login`), and what a channel does (`subsystem`, `scp`), all over `gateway::Session`.
#![deny(clippy::indexing_slicing)]

mod admission;
mod algorithms;
mod connection;
mod error;
mod farewells;
mod handler;
mod host_keys;
mod line;
mod listener;
mod log_limit;
mod login;
mod outbox;
mod proxy;
mod scp;
mod server;
mod settings;
mod stream;
mod subsystem;
mod tarpit;

pub use algorithms::AlgorithmPolicy;
pub use error::{Error, Result};
pub use farewells::Drained;
pub use host_keys::{HostKey, HostKeyAlgorithm, HostKeys};
pub use listener::Listener;
pub use proxy::ProxyProtocol;
pub use server::{Floors, Server};
pub use settings::{Limits, Settings, Startups};
