//! The whole product: real processes, a real database, a real S3 server, real clients.

mod disk;
mod lost_answers;
mod reference;
mod several_nodes;
mod store_faults;
mod world;
