//! Isolation, attacked: a file per attack, each against a real gateway process on the local store
//! and on S3, by OpenSSH's clients and by packets that no good client sends.

#[macro_use]
mod world;
mod clients;
mod leads;
mod verbs;

mod absolute;
mod bots;
mod case;
mod copy_data;
mod dot_dot;
mod encodings;
mod globs;
mod handles;
mod look_alikes;
mod private;
mod renames;
mod scp_paths;
mod slashes_and_dots;
mod symlinks;
mod times;
mod variables;
