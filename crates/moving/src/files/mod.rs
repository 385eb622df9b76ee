//! Files that move in: from a folder, an SFTP server or a bucket into a bucket of ours.

mod content;
mod copy;
mod deletion;
mod directory;
mod folder;
mod import;
mod item;
mod job;
mod map;
mod object;
mod pace;
mod place;
mod progress;
mod recorder;
mod remote;
mod report;
mod settle;
mod sha256;
mod source;
mod target;

pub(crate) use item::printed;
pub(crate) use sha256::Digest;
pub(crate) use source::below;

pub use content::Content;
pub use folder::Folder;
pub use import::{Import, Parts, Settings};
pub use item::{Found, Item};
pub use job::{Job, JobName};
pub use map::FileMap;
pub use object::Bucket;
pub use pace::Pace;
pub use place::Place;
pub use progress::Progress;
pub use remote::Remote;
pub use report::{Report, ReportFormat};
pub use source::Source;
