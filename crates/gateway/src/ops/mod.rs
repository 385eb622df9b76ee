//! The verbs of a session, one file for each.

mod close;
mod copy;
mod directory;
mod list;
mod open;
mod private;
mod private_tree;
mod read;
mod remove;
mod rename;
mod rename_directory;
mod resume;
mod set_attributes;
mod space;
mod stat;
mod sync;
mod write;
