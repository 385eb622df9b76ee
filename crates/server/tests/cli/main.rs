//! The command line as a person meets it: the real binary, its output and its exit status.

mod node;
mod nodes;
mod served;

mod backup;
mod bans;
mod compare;
mod config;
mod decisions;
mod drain;
mod groups;
mod host_keys;
mod import;
mod import_files;
mod outage;
mod reload;
mod rules;
mod sweep;
mod up;
mod users;
