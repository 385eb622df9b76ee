//! Object storage: the port that every store is behind, and the two engines that stream through
//! it, [`Upload`](upload) (bytes at any offset become parts) and [`Download`](download) (reads at
//! any offset become range GETs that run ahead).

mod error;
mod object;
mod object_store;

pub use error::{Error, Result};
pub use object::{
    Body, BodyStream, ByteRange, Capabilities, CopyOptions, Encryption, Entry, Fetched, ListPage,
    ListRequest, Metadata, MultipartUpload, ObjectHead, Part, PartNumber, PendingUpload, Pin,
    Precondition, PutOptions, Source, UploadId, Written,
};
pub use object_store::ObjectStore;
