//! Sessions, the virtual filesystem that each user sees, and one file per verb.
//!
//! Doors (SFTP, SCP) hold a [`Session`] each and speak to it in paths, handles and attributes.
//! Everything that a user may see or do is decided here: where a path leads (`mount`), whether the
//! verb is allowed there (`grant`), and in which order verbs on one path run ([`Turns`]).

mod access;
mod allowance;
mod attendance;
mod attributes;
mod audit;
mod bounds;
mod count;
mod error;
mod gateway;
mod grant;
mod handles;
mod home;
mod listing;
mod look;
pub mod metrics;
mod mount;
mod moves;
mod names;
mod objection;
mod open_file;
mod open_options;
mod ops;
mod overlay;
mod pace;
mod place;
mod policies;
mod quota;
mod reading;
mod reauthorise;
mod receipt;
mod refusals;
mod rights;
mod sealing;
mod seats;
mod session;
mod settings;
mod target;
mod trees;
mod turns;

pub use access::{AccessReport, Question, Reached, ReachedMount, explain_access};
pub use allowance::Allowance;
pub use attributes::{AttributeChanges, DirectoryEntry, FileAttributes, FileKind, Space};
pub use count::count_usage;
pub use error::{Error, Result};
pub use gateway::{Gateway, Peer};
pub use home::check_home;
pub use names::check_limits;
pub use open_options::{HandleId, OpenOptions, Overwrite};
pub use pace::Pace;
pub use receipt::Receipt;
pub use session::Session;
pub use settings::{OwnerChanges, Settings, Unfinished};
pub use turns::{Access, Turn, Turns};
