//! An SFTP client that others build on: it checks the host key, says what the server is like, and
//! lists, reads and writes with bounded memory.
//!
//! ```text
//! Offer::of(endpoint, settings)
//! Connection::connect(endpoint, host key, settings) -> log_in(user, credential) -> sftp()
//! ```

mod algorithms;
mod connection;
mod credential;
mod endpoint;
mod error;
mod exchange;
mod handler;
mod host_key;
mod listing;
mod offer;
mod read;
mod seen;
mod settings;
mod sftp_session;
mod write;

pub use algorithms::HostKeyKind;
pub use connection::{Connection, LogIn};
pub use credential::Credential;
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use error::{Error, Result};
pub use host_key::{Fingerprint, HostKeyCheck, InvalidFingerprint};
pub use listing::Listing;
pub use offer::Offer;
pub use read::FileReader;
pub use seen::{Algorithms, HostKey, Seen};
pub use settings::Settings;
pub use sftp_session::{Sftp, WriteMode};
pub use write::FileWriter;
