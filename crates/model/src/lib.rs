//! The words every floor shares: ids, paths, locations, errors by kind, time, secrets and events.
//!
//! Nothing here does I/O, and nothing here knows a framework.

mod error_kind;
mod event;
mod id;
mod location;
mod path;
mod secret;
mod time;
mod user_name;

pub use error_kind::ErrorKind;
pub use event::{Event, EventKind, Protocol};
pub use id::{
    AuditId, EventId, GroupId, InstallationId, InvalidId, KeyId, NodeId, ServerId, SessionId,
    TransferId, UserId,
};
pub use location::{BucketName, InvalidLocation, Location, ObjectKey};
pub use path::{InvalidPath, VirtualPath};
pub use secret::Secret;
pub use time::{Clock, ManualClock, SystemClock, Timestamp};
pub use user_name::{InvalidUserName, UserName};
