//! What the local store promises beyond the contract: confinement, crashes, other programs.

#![expect(clippy::unwrap_used, reason = "a case that cannot go on has failed")]

mod agreement;
mod confinement;
mod crashes;
mod neighbours;
mod words;
