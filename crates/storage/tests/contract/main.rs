//! The contract of `storage::ObjectStore`: every store runs every case, each under its own name.
//!
//! A store joins with a module that opens a [`fixture::Fixture`] (a fresh bucket for every case)
//! and hands it to [`suite!`]. What a store cannot do it says in its capabilities, and then the
//! cases hold it to a clear refusal; what a real server gets wrong is a [`fixture::Quirks`] flag.

#![expect(clippy::unwrap_used, reason = "a case that cannot go on has failed")]

#[macro_use]
mod suite;

mod conditions;
mod copies;
mod fixture;
mod keys;
mod listing;
mod multipart;
mod multipart_refusals;
mod objects;
mod part_copies;
mod renames;
mod resuming;
mod versions;

mod local;
mod memory;
#[cfg(feature = "s3")]
mod moto;
#[cfg(feature = "s3")]
mod s3;
