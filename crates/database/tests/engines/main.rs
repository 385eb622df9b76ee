//! The public promises of the database, each held on both engines.

mod attributes;
mod backups;
mod bans;
mod external_users;
mod failures;
mod fence;
mod fixture;
mod migrations;
mod moves;
mod moving_in;
mod nodes;
mod outage;
mod people;
mod private_files;
mod private_trees;
mod rules;
mod servers;
mod transfers;
mod unattended;
mod usage;
mod writer;
