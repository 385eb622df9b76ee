//! Several nodes on one database and one store: they take turns, they die, and nothing is lost.

mod claims;
mod fencing;
mod late;
mod orphans;
mod sweeping;
mod world;
