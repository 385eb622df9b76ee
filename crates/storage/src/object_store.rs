//! The port: one bucket of some store.

use std::fmt;

use async_trait::async_trait;
use model::{BucketName, ErrorKind, ObjectKey};

use crate::{
    Body, ByteRange, Capabilities, CopyOptions, Error, Fetched, ListPage, ListRequest,
    MultipartUpload, ObjectHead, Part, PartNumber, PendingUpload, Pin, Precondition, PutOptions,
    Result, Source, Written,
};

/// One bucket of an object store.
///
/// Every call has a deadline of the store's own and ends in an answer or an [`crate::Error`].
/// Idempotent calls are retried inside; a write whose answer was lost fails with
/// [`crate::Error::outcome_unknown`], and the caller proves what happened (by a HEAD that shows
/// the transfer id it put into the metadata). Dropping a call's future abandons it: the request
/// may still take effect.
#[async_trait]
pub trait ObjectStore: Send + Sync + fmt::Debug + 'static {
    /// The bucket.
    fn bucket(&self) -> &BucketName;

    /// What it can do.
    fn capabilities(&self) -> &Capabilities;

    /// Stores an object whole, in one request.
    async fn put(&self, key: &ObjectKey, body: Body, options: &PutOptions) -> Result<Written>;

    /// Reads an object or a range of it. A range that begins at or behind the end gives no bytes
    /// and no error. `Conflict` where the pin does not hold (any more).
    async fn get(
        &self,
        key: &ObjectKey,
        range: Option<ByteRange>,
        pin: Option<&Pin>,
    ) -> Result<Fetched>;

    /// Looks at an object. `NotFound` where there is none.
    async fn head(&self, key: &ObjectKey) -> Result<ObjectHead>;

    /// Removes an object; fine where there is none. Where versions are kept, they stay.
    /// [`Precondition::Absent`] makes no sense here and is refused.
    async fn delete(&self, key: &ObjectKey, precondition: Option<&Precondition>) -> Result<()>;

    /// Copies an object of up to `max_copy_size` bytes inside the store.
    async fn copy(&self, source: &Source, to: &ObjectKey, options: &CopyOptions)
    -> Result<Written>;

    /// Gives an object of this bucket another key: it stands at one of both at any time, and
    /// what stood at `to` is replaced. It keeps its ETag or gets a new one, as the store likes.
    ///
    /// `Unsupported`, and nothing is changed, where the store has no
    /// [`rename`](Capabilities::rename), between buckets, and for keys that end with a slash;
    /// `Conflict` where the source's pin or the precondition does not hold. A rename that fails
    /// may leave the new metadata at the old key.
    async fn rename(
        &self,
        source: &Source,
        to: &ObjectKey,
        options: &CopyOptions,
    ) -> Result<Written> {
        let _ = (to, options);
        let reason = "this store gives no object another key";
        Err(Error::new(
            ErrorKind::Unsupported,
            "rename",
            source.key.as_str(),
            reason,
        ))
    }

    /// One page of a listing, as of its time.
    async fn list(&self, request: &ListRequest) -> Result<ListPage>;

    /// Begins a multipart upload; nothing is visible until it is completed.
    async fn create_upload(&self, key: &ObjectKey, options: &PutOptions)
    -> Result<MultipartUpload>;

    /// Stores a part; one of the same number is replaced.
    async fn put_part(
        &self,
        number: PartNumber,
        body: Body,
        upload: &MultipartUpload,
    ) -> Result<Part>;

    /// Stores a part that is a range of an object of this store.
    async fn copy_part(
        &self,
        number: PartNumber,
        source: &Source,
        range: ByteRange,
        upload: &MultipartUpload,
    ) -> Result<Part>;

    /// Makes the object of these parts, in order. All or nothing.
    async fn complete_upload(
        &self,
        upload: &MultipartUpload,
        parts: &[Part],
        precondition: Option<&Precondition>,
    ) -> Result<Written>;

    /// Gives up a multipart upload and its parts; fine where there is none.
    async fn abort_upload(&self, upload: &MultipartUpload) -> Result<()>;

    /// The multipart uploads in progress whose keys begin with `prefix`, all of them.
    async fn list_uploads(&self, prefix: &str) -> Result<Vec<PendingUpload>>;

    /// The parts that the store has of an upload, in order of their numbers.
    async fn list_parts(&self, upload: &MultipartUpload) -> Result<Vec<Part>>;

    /// The versions of the object at `key`, newest first; just the object itself where the
    /// bucket keeps none.
    async fn list_versions(&self, key: &ObjectKey) -> Result<Vec<ObjectHead>>;
}
