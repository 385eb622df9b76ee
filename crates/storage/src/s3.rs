//! S3 and what speaks like it: [`S3Client`] is one connection, shared by its buckets;
//! [`S3Store`] is a bucket of it behind the [`ObjectStore`](crate::ObjectStore) port.
//!
//! The SDK signs, sends and parses. Attempts, deadlines, checksums and what a lost answer means
//! are ours: only here a body can be sent again, and a refusal told from silence.

mod acting;
mod body;
mod call;
mod client;
mod copy;
mod failure;
mod get;
mod list;
mod multipart;
mod probe;
mod put;
mod role;
mod sealed;
mod settings;
mod store;
mod text;
mod transport;

pub(crate) use acting::ActingStore;
pub(crate) use client::RoleClient;
pub use client::S3Client;
pub use settings::{Credentials, Deadlines, Retries, S3Settings};
pub use store::S3Store;
