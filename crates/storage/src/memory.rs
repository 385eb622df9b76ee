//! A store that lives in memory: complete, simple, and ready to misbehave on request.
//!
//! It answers as S3 does, all conditions atomic: equal bytes have equal ETags, versions are kept
//! where [`Capabilities::versions`] says so. Capabilities can be taken away from it, so that
//! tests meet every lesser store there is; requests are counted, and a hook decides which of them
//! fail, wait or lose their answers ([`Fault`]).

mod contents;
mod faults;
mod objects;
mod uploads;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use model::{BucketName, Clock, ErrorKind, ObjectKey, SystemClock};

pub use faults::{Fault, Operation, Request, Requests};

use crate::{
    Body, ByteRange, Capabilities, CopyOptions, Error, Fetched, ListPage, ListRequest,
    MultipartUpload, ObjectHead, ObjectStore, Part, PartNumber, PendingUpload, Pin, Precondition,
    PutOptions, Result, Source, Written,
};
use contents::Contents;
use faults::Faults;

/// One bucket in memory. Clones share it.
#[derive(Clone)]
pub struct MemoryStore {
    bucket: BucketName,
    capabilities: Capabilities,
    shared: Arc<Shared>,
}

/// What the buckets of one connection share.
struct Shared {
    contents: Mutex<Contents>,
    faults: Faults,
    clock: Arc<dyn Clock>,
}

impl MemoryStore {
    /// An empty bucket on a connection of its own, that can do everything but rename
    /// objects and keep versions.
    pub fn new(bucket: BucketName) -> Self {
        Self::with_clock(bucket, Arc::new(SystemClock))
    }

    /// The same, on a clock that tests can move.
    pub fn with_clock(bucket: BucketName, clock: Arc<dyn Clock>) -> Self {
        let mut contents = Contents::default();
        contents.add_bucket(&bucket);
        let shared = Shared {
            contents: Mutex::new(contents),
            faults: Faults::default(),
            clock,
        };
        Self {
            bucket,
            capabilities: everything(),
            shared: Arc::new(shared),
        }
    }

    /// Another bucket of the same connection: copies go between them, and they share counters,
    /// faults and (at first) capabilities.
    #[must_use]
    pub fn sibling(&self, bucket: BucketName) -> Self {
        self.contents().add_bucket(&bucket);
        Self {
            bucket,
            capabilities: self.capabilities.clone(),
            shared: Arc::clone(&self.shared),
        }
    }

    /// The same bucket with other capabilities: what is taken away is refused from now on, as a
    /// store without it refuses it.
    #[must_use]
    pub fn with_capabilities(mut self, change: impl FnOnce(&mut Capabilities)) -> Self {
        change(&mut self.capabilities);
        self
    }

    /// How many requests there were since the start or [`Self::reset_requests`], by operation.
    pub fn requests(&self) -> Requests {
        self.shared.faults.requests()
    }

    /// Counts from nought again.
    pub fn reset_requests(&self) {
        self.shared.faults.reset();
    }

    /// Asks `hook` about every request from now on, in place of the hook before.
    pub fn on_request(&self, hook: impl Fn(&Request) -> Fault + Send + Sync + 'static) {
        self.shared.faults.set_hook(Some(Arc::new(hook)));
    }

    /// Lets every request pass again.
    pub fn clear_faults(&self) {
        self.shared.faults.set_hook(None);
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        let contents = self.shared.contents.lock();
        contents.unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the request, asks the hook, and does what it says.
    async fn serve<T>(&self, request: Request, effect: impl FnOnce() -> Result<T>) -> Result<T> {
        let fault = self.shared.faults.decide(&request);
        self.suffer(fault, request, effect).await
    }

    async fn suffer<T>(
        &self,
        fault: Fault,
        request: Request,
        effect: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        if let Fault::Hold(gate) = &fault {
            // A closed gate is an open one: the test has gone.
            drop(gate.acquire().await);
        }
        match fault {
            Fault::Refuse(kind) => Err(request.error(kind, "the store refused (injected fault)")),
            Fault::LoseReply => effect().and_then(|_| {
                let error = request.error(
                    ErrorKind::Unavailable,
                    "the store's answer was lost (injected fault)",
                );
                Err(error.with_unknown_outcome())
            }),
            Fault::None | Fault::Hold(_) | Fault::CutBody(_) => effect(),
        }
    }
}

/// What the memory store can do when nothing is taken away, or given to it.
fn everything() -> Capabilities {
    Capabilities {
        put_conditions: true,
        complete_conditions: true,
        copy_conditions: true,
        delete_conditions: true,
        rename: false,
        part_copy: true,
        uniform_parts: false,
        min_part_size: 1,
        max_part_size: u64::MAX,
        max_copy_size: u64::MAX,
        versions: false,
        file_beside_directory: true,
        max_key_bytes: ObjectKey::MAX_BYTES,
        max_name_bytes: None,
    }
}

/// Refuses a condition that the store is not `able` to check.
fn checked<'a>(
    precondition: Option<&'a Precondition>,
    able: bool,
    operation: &'static str,
    key: &ObjectKey,
) -> Result<Option<&'a Precondition>> {
    if precondition.is_some() && !able {
        let reason = "this store does not check conditions here";
        return Err(Error::new(
            ErrorKind::Unsupported,
            operation,
            key.as_str(),
            reason,
        ));
    }
    Ok(precondition)
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryStore({})", self.bucket)
    }
}

#[async_trait]
impl ObjectStore for MemoryStore {
    fn bucket(&self) -> &BucketName {
        &self.bucket
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn put(&self, key: &ObjectKey, body: Body, options: &PutOptions) -> Result<Written> {
        let request = Request::new(Operation::Put, key.as_str());
        self.serve(request, || self.put_now(key, &body, options))
            .await
    }

    async fn get(
        &self,
        key: &ObjectKey,
        range: Option<ByteRange>,
        pin: Option<&Pin>,
    ) -> Result<Fetched> {
        let request = Request::new(Operation::Get, key.as_str());
        let fault = self.shared.faults.decide(&request);
        let cut = match fault {
            Fault::CutBody(bytes) => Some(bytes),
            _ => None,
        };
        let effect = || self.get_now(key, range, pin, cut);
        self.suffer(fault, request, effect).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<ObjectHead> {
        let request = Request::new(Operation::Head, key.as_str());
        self.serve(request, || self.head_now(key)).await
    }

    async fn delete(&self, key: &ObjectKey, precondition: Option<&Precondition>) -> Result<()> {
        let request = Request::new(Operation::Delete, key.as_str());
        self.serve(request, || self.delete_now(key, precondition))
            .await
    }

    async fn copy(
        &self,
        source: &Source,
        to: &ObjectKey,
        options: &CopyOptions,
    ) -> Result<Written> {
        let request = Request::new(Operation::Copy, to.as_str());
        self.serve(request, || self.copy_now(source, to, options))
            .await
    }

    async fn rename(
        &self,
        source: &Source,
        to: &ObjectKey,
        options: &CopyOptions,
    ) -> Result<Written> {
        let request = Request::new(Operation::Rename, to.as_str());
        self.serve(request, || self.rename_now(source, to, options))
            .await
    }

    async fn list(&self, request: &ListRequest) -> Result<ListPage> {
        let counted = Request::new(Operation::List, &request.prefix);
        self.serve(counted, || self.list_now(request)).await
    }

    async fn create_upload(
        &self,
        key: &ObjectKey,
        options: &PutOptions,
    ) -> Result<MultipartUpload> {
        let request = Request::new(Operation::CreateUpload, key.as_str());
        self.serve(request, || self.create_upload_now(key, options))
            .await
    }

    async fn put_part(
        &self,
        number: PartNumber,
        body: Body,
        upload: &MultipartUpload,
    ) -> Result<Part> {
        let request = Request::new(Operation::PutPart, upload.key.as_str()).part(number);
        self.serve(request, || self.put_part_now(number, &body, upload))
            .await
    }

    async fn copy_part(
        &self,
        number: PartNumber,
        source: &Source,
        range: ByteRange,
        upload: &MultipartUpload,
    ) -> Result<Part> {
        let request = Request::new(Operation::CopyPart, upload.key.as_str()).part(number);
        self.serve(request, || {
            self.copy_part_now(number, source, range, upload)
        })
        .await
    }

    async fn complete_upload(
        &self,
        upload: &MultipartUpload,
        parts: &[Part],
        precondition: Option<&Precondition>,
    ) -> Result<Written> {
        let request = Request::new(Operation::CompleteUpload, upload.key.as_str());
        self.serve(request, || {
            self.complete_upload_now(upload, parts, precondition)
        })
        .await
    }

    async fn abort_upload(&self, upload: &MultipartUpload) -> Result<()> {
        let request = Request::new(Operation::AbortUpload, upload.key.as_str());
        self.serve(request, || self.abort_upload_now(upload)).await
    }

    async fn list_uploads(&self, prefix: &str) -> Result<Vec<PendingUpload>> {
        let request = Request::new(Operation::ListUploads, prefix);
        self.serve(request, || self.list_uploads_now(prefix)).await
    }

    async fn list_parts(&self, upload: &MultipartUpload) -> Result<Vec<Part>> {
        let request = Request::new(Operation::ListParts, upload.key.as_str());
        self.serve(request, || self.list_parts_now(upload)).await
    }

    async fn list_versions(&self, key: &ObjectKey) -> Result<Vec<ObjectHead>> {
        let request = Request::new(Operation::ListVersions, key.as_str());
        self.serve(request, || self.list_versions_now(key)).await
    }
}
