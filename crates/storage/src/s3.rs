//! S3 and what speaks like it: [`S3Client`] is one connection, shared by its buckets;
//! [`S3Store`] is a bucket of it behind the [`ObjectStore`](crate::ObjectStore) port.
//!
//! Retries, deadlines, checksums and conditions are ours; the SDK signs, sends and parses.

mod client;
mod settings;

pub use client::S3Client;
pub use settings::{Credentials, Deadlines, Retries, S3Settings};
