//! Object storage: the port that every store is behind, and the two engines that stream through
//! it, [`Upload`] (bytes at any offset become parts) and [`Download`] (reads at
//! any offset become range GETs that run ahead).

mod budget;
mod buffers;
mod crc64;
mod download;
mod error;
mod fetch;
pub mod local;
pub mod memory;
pub mod metrics;
mod object;
mod object_store;
mod object_store_ext;
mod paging;
mod pool;
mod ranges;
mod role_session;
#[cfg(feature = "s3")]
pub mod s3;
mod stores;
mod upload;

pub use budget::{Budget, BudgetGate, BudgetPermit};
pub use buffers::{BufferLimits, Buffers};
pub use download::{Download, DownloadSettings};
pub use error::{Error, Result};
pub use object::{
    Body, BodyStream, ByteRange, Capabilities, CopyOptions, Encryption, Entry, Fetched, ListPage,
    ListRequest, Metadata, MultipartUpload, ObjectHead, Part, PartNumber, PendingUpload, Pin,
    Precondition, PutOptions, Source, UploadId, Written,
};
pub use object_store::ObjectStore;
pub use object_store_ext::ObjectStoreExt;
pub use pool::ChunkPool;
pub use role_session::RoleSession;
pub use stores::{Connection, DEFAULT_STORE, PROBES, StoreConflict, Stores};
pub use upload::{
    Base, Began, Copied, Intent, MAX_OBJECT_SIZE, PartPlan, Placement, Progress, Receipt, Staging,
    Tier, Upload, UploadSettings,
};
