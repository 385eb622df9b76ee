//! The door at packet level: what real clients put on the wire, and what none should.
//!
//! Every test has a gateway of its own in this process, on a loopback port, with a bucket in
//! memory and SQLite. The scripts R1 to R19 follow what the sources of real clients were seen to
//! send.

mod support;

mod byte_model;
mod extensions;
mod listings;
mod malformed;
mod names;
mod order;
mod pipelining;
mod reference;
mod replay;
mod resuming;
mod statuses;
mod vanishing;
mod verbs;
