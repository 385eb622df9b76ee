//! The whole product: real processes, a real database, a real S3 server, real clients.

mod cluster;
mod left_over;
mod load;
mod openssh;
mod persistence;
mod world;

mod database_outage;
mod disk;
mod lost_answers;
mod reference;
mod restarts;
mod roles;
mod several_nodes;
mod slow_line;
mod slow_renames;
mod store_faults;
#[cfg(feature = "next-version")]
mod versions;
