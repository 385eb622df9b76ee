//! Several nodes on one database and one store: they take turns, they die, and nothing is lost.

mod claims;
mod fencing;
mod sweeping;
mod world;
