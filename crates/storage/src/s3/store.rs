//! A bucket of a connection, behind the port.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use model::{BucketName, ErrorKind, ObjectKey};

use super::call::{Call, Effect};
use super::probe;
use super::sealed::Sealing;
use super::{S3Client, S3Settings};
use crate::{
    Body, ByteRange, Capabilities, CopyOptions, Error, Fetched, ListPage, ListRequest,
    MultipartUpload, ObjectHead, ObjectStore, Part, PartNumber, PendingUpload, Pin, Precondition,
    PutOptions, Result, Source, Written,
};

/// A bucket in S3. Cheap to clone.
#[derive(Clone)]
pub struct S3Store {
    pub(super) shared: Arc<Shared>,
}

/// What the calls of a bucket share.
pub(super) struct Shared {
    pub(super) client: S3Client,
    pub(super) sdk: Client,
    pub(super) bucket: BucketName,
    pub(super) sealing: Arc<Sealing>,
    pub(super) capabilities: Capabilities,
}

impl S3Store {
    /// Opens `bucket`: looks whether it is there and, unless the settings forbid it, what its
    /// store can do, on keys of its own below `.pierhead/probe/` that are removed again. Where
    /// the credentials do not suffice to find out, the answer is no.
    ///
    /// # Errors
    /// `Unavailable` where there is no such bucket or the store does not answer; `Denied` where
    /// its keys may not be listed.
    pub async fn open(client: &S3Client, bucket: BucketName) -> Result<Self> {
        let sdk = client.sdk().await;
        let mut shared = Shared {
            sdk,
            bucket,
            sealing: Arc::new(Sealing::of(&client.settings().encryption)),
            capabilities: hopeful(client.settings()),
            client: client.clone(),
        };
        shared.look().await?;
        shared.capabilities = if client.settings().probe {
            probe::capabilities(&shared).await
        } else {
            modest(client.settings())
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// The same bucket, its requests signed by `sdk`. What the store can do is known, and not
    /// found out again.
    pub(super) fn signed_by(&self, sdk: Client) -> Self {
        Self {
            shared: Arc::new(Shared {
                client: self.shared.client.clone(),
                sdk,
                bucket: self.shared.bucket.clone(),
                sealing: Arc::clone(&self.shared.sealing),
                capabilities: self.shared.capabilities.clone(),
            }),
        }
    }
}

impl Shared {
    pub(super) fn settings(&self) -> &S3Settings {
        self.client.settings()
    }

    /// A call that changes nothing anybody sees.
    pub(super) fn asking<'a>(&'a self, operation: &'static str, object: &'a str) -> Call<'a> {
        let limit = self.settings().deadlines.asking();
        self.call(operation, object, Effect::None, limit)
    }

    pub(super) fn call<'a>(
        &'a self,
        operation: &'static str,
        object: &'a str,
        effect: Effect,
        limit: Duration,
    ) -> Call<'a> {
        Call {
            operation,
            bucket: &self.bucket,
            object,
            effect,
            limit,
        }
    }
}

/// What is assumed while it is being found out.
fn hopeful(settings: &S3Settings) -> Capabilities {
    Capabilities {
        put_conditions: true,
        complete_conditions: true,
        copy_conditions: true,
        delete_conditions: true,
        part_copy: true,
        versions: true,
        ..modest(settings)
    }
}

/// What every S3 store can do.
pub(super) fn modest(settings: &S3Settings) -> Capabilities {
    Capabilities {
        put_conditions: false,
        complete_conditions: false,
        copy_conditions: false,
        delete_conditions: false,
        rename: false,
        part_copy: false,
        uniform_parts: settings.uniform_parts,
        min_part_size: settings.min_part_size,
        max_part_size: settings.max_part_size,
        max_copy_size: 5 << 30,
        versions: false,
        file_beside_directory: true,
        max_key_bytes: ObjectKey::MAX_BYTES,
        max_name_bytes: None,
    }
}

/// A write under a condition that the store would not look at changes nothing.
pub(super) fn checked(
    able: bool,
    precondition: Option<&Precondition>,
    operation: &'static str,
    object: &str,
) -> Result<()> {
    if able || precondition.is_none() {
        return Ok(());
    }
    let reason = "this store does not check conditions here";
    Err(Error::new(
        ErrorKind::Unsupported,
        operation,
        object,
        reason,
    ))
}

impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Store")
            .field("bucket", &self.shared.bucket)
            .field("client", &self.shared.client)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    fn bucket(&self) -> &BucketName {
        &self.shared.bucket
    }

    fn capabilities(&self) -> &Capabilities {
        &self.shared.capabilities
    }

    async fn put(&self, key: &ObjectKey, body: Body, options: &PutOptions) -> Result<Written> {
        self.shared.put(key, &body, options).await
    }

    async fn get(
        &self,
        key: &ObjectKey,
        range: Option<ByteRange>,
        pin: Option<&Pin>,
    ) -> Result<Fetched> {
        Arc::clone(&self.shared).get(key, range, pin).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<ObjectHead> {
        self.shared.head(key, None).await
    }

    async fn delete(&self, key: &ObjectKey, precondition: Option<&Precondition>) -> Result<()> {
        self.shared.delete(key, precondition).await
    }

    async fn copy(
        &self,
        source: &Source,
        to: &ObjectKey,
        options: &CopyOptions,
    ) -> Result<Written> {
        self.shared.copy(source, to, options).await
    }

    async fn list(&self, request: &ListRequest) -> Result<ListPage> {
        self.shared.list(request).await
    }

    async fn create_upload(
        &self,
        key: &ObjectKey,
        options: &PutOptions,
    ) -> Result<MultipartUpload> {
        self.shared.create_upload(key, options).await
    }

    async fn put_part(
        &self,
        number: PartNumber,
        body: Body,
        upload: &MultipartUpload,
    ) -> Result<Part> {
        self.shared.put_part(number, &body, upload).await
    }

    async fn copy_part(
        &self,
        number: PartNumber,
        source: &Source,
        range: ByteRange,
        upload: &MultipartUpload,
    ) -> Result<Part> {
        self.shared.copy_part(number, source, range, upload).await
    }

    async fn complete_upload(
        &self,
        upload: &MultipartUpload,
        parts: &[Part],
        precondition: Option<&Precondition>,
    ) -> Result<Written> {
        self.shared
            .complete_upload(upload, parts, precondition)
            .await
    }

    async fn abort_upload(&self, upload: &MultipartUpload) -> Result<()> {
        self.shared.abort_upload(upload).await
    }

    async fn list_uploads(&self, prefix: &str) -> Result<Vec<PendingUpload>> {
        self.shared.list_uploads(prefix).await
    }

    async fn list_parts(&self, upload: &MultipartUpload) -> Result<Vec<Part>> {
        self.shared.list_parts(upload).await
    }

    async fn list_versions(&self, key: &ObjectKey) -> Result<Vec<ObjectHead>> {
        self.shared.list_versions(key).await
    }
}
