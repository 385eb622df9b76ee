//! The reference model: random sequences of operations go to a gateway and to a deliberately
//! simple file system in memory, and both must answer and look the same.
//!
//! Where the gateway differs from a POSIX file system, and `docs/SEMANTICS.md` says so, the model
//! differs in the same way, and a comment there says why.

mod deed;
mod player;
mod tree;

pub use deed::{Deed, Flags, Step, deeds};
pub use player::{Doors, play};
