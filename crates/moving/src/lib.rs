//! Moving in: users and files of another server become users and files of this one, and partners
//! change nothing.

pub mod compare;
mod error;
pub mod files;
pub mod users;

pub use error::{Error, Result};
