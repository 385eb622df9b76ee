//! Passes of an import over a source that a test makes up, into buckets in memory.

mod source;
mod world;

mod changes;
mod crashes;
mod deletions;
mod moving;
