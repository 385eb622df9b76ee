//! Every verb of a session, on a memory store and SQLite: what it answers, what it leaves in the
//! store and the database, and how many requests it takes.

mod attributes;
mod bounds;
mod checksums;
mod commits;
mod copying;
mod crashes;
mod directories;
mod failures;
mod isolation;
mod listings;
mod local;
mod mappings;
mod moving;
mod private_names;
mod queries;
mod quotas;
mod reading;
mod reauthorising;
mod removing;
mod renaming;
mod requests;
mod resuming;
mod revoking;
mod sessions;
mod set_attributes;
mod staging;
mod stores;
mod temporary;
mod world;
mod writing;
