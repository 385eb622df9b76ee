//! `ActingStore`: a bucket as the session of an assumed role sees it. Decides which requests are
//! signed by the role, and which by the gateway itself (decision 29).

use std::sync::Arc;

use async_trait::async_trait;
use model::{BucketName, ObjectKey};

use super::S3Store;
use crate::{
    Body, ByteRange, Capabilities, CopyOptions, Fetched, ListPage, ListRequest, MultipartUpload,
    ObjectHead, ObjectStore, Part, PartNumber, PendingUpload, Pin, Precondition, PutOptions,
    Result, Source, Written,
};

/// Where the gateway keeps what is its own, in every bucket.
const RESERVED: &str = ".pierhead/";

/// Reads, listings, writes, deletes and copies between keys of users go by the role; the gateway's
/// own prefix, looks, and what cleans up go by its own credentials.
#[derive(Debug)]
pub(crate) struct ActingStore {
    role: S3Store,
    own: Arc<S3Store>,
}

impl ActingStore {
    /// `role` is the same bucket as `own`, signed for by the role.
    pub(super) fn new(role: S3Store, own: Arc<S3Store>) -> Self {
        Self { role, own }
    }

    fn at(&self, key: &ObjectKey) -> &S3Store {
        match is_reserved(key) {
            true => &self.own,
            false => &self.role,
        }
    }

    /// From staging to a key of users: the upload is begun and completed by the role, so that the
    /// store decides whether it may write there, and filled by the gateway.
    async fn publish(
        &self,
        source: &Source,
        to: &ObjectKey,
        options: &CopyOptions,
    ) -> Result<Written> {
        let own = &self.own.shared;
        let head = own.head_in(&source.bucket, &source.key, None).await?;
        let mut put = PutOptions {
            metadata: options.metadata.clone().unwrap_or(head.metadata),
            content_type: head.content_type,
            precondition: None,
        };
        if head.size == 0 {
            put.precondition.clone_from(&options.precondition);
            return self.role.put(to, Body::default(), &put).await;
        }
        let upload = self.role.create_upload(to, &put).await?;
        let completed = self.fill(source, head.size, &upload, options).await;
        if let Err(error) = &completed
            && !error.outcome_unknown()
            && let Err(abort) = self.own.abort_upload(&upload).await
        {
            tracing::warn!(key = %to, error = %abort, "cannot abort the upload of a copy");
        }
        completed
    }

    async fn fill(
        &self,
        source: &Source,
        size: u64,
        upload: &MultipartUpload,
        options: &CopyOptions,
    ) -> Result<Written> {
        let number = PartNumber::new(1).expect("one is a part number");
        let part = self.own.copy_part(number, source, 0..size, upload).await?;
        let precondition = options.precondition.as_ref();
        self.role
            .complete_upload(upload, &[part], precondition)
            .await
    }
}

fn is_reserved(key: &ObjectKey) -> bool {
    key.as_str().starts_with(RESERVED)
}

/// Policies seldom allow to read versions (`s3:GetObjectVersion`): the ETag alone pins then.
fn by_etag(pin: Option<&Pin>) -> Option<Pin> {
    pin.map(|pin| Pin {
        etag: pin.etag.clone(),
        version: None,
    })
}

fn source_by_etag(source: &Source) -> Source {
    Source {
        pin: by_etag(source.pin.as_ref()),
        ..source.clone()
    }
}

#[async_trait]
impl ObjectStore for ActingStore {
    fn bucket(&self) -> &BucketName {
        self.own.bucket()
    }

    fn capabilities(&self) -> &Capabilities {
        self.own.capabilities()
    }

    async fn put(&self, key: &ObjectKey, body: Body, options: &PutOptions) -> Result<Written> {
        self.at(key).put(key, body, options).await
    }

    async fn get(
        &self,
        key: &ObjectKey,
        range: Option<ByteRange>,
        pin: Option<&Pin>,
    ) -> Result<Fetched> {
        if is_reserved(key) {
            return self.own.get(key, range, pin).await;
        }
        self.role.get(key, range, by_etag(pin).as_ref()).await
    }

    /// A look: S3 would want the right to read the bytes.
    async fn head(&self, key: &ObjectKey) -> Result<ObjectHead> {
        self.own.head(key).await
    }

    async fn delete(&self, key: &ObjectKey, precondition: Option<&Precondition>) -> Result<()> {
        self.at(key).delete(key, precondition).await
    }

    async fn copy(
        &self,
        source: &Source,
        to: &ObjectKey,
        options: &CopyOptions,
    ) -> Result<Written> {
        let conditional = options.precondition.is_some();
        let able = self.capabilities();
        let complete = able.part_copy && (able.complete_conditions || !conditional);
        match (is_reserved(&source.key), is_reserved(to)) {
            (true, false) if complete => self.publish(source, to, options).await,
            (false, false) => self.role.copy(&source_by_etag(source), to, options).await,
            _ => self.own.copy(source, to, options).await,
        }
    }

    /// With a delimiter it is a directory that a client reads, without one a look of the gateway's.
    async fn list(&self, request: &ListRequest) -> Result<ListPage> {
        let own = request.delimiter.is_none() || request.prefix.starts_with(RESERVED);
        match own {
            true => self.own.list(request).await,
            false => self.role.list(request).await,
        }
    }

    async fn create_upload(
        &self,
        key: &ObjectKey,
        options: &PutOptions,
    ) -> Result<MultipartUpload> {
        self.at(key).create_upload(key, options).await
    }

    async fn put_part(
        &self,
        number: PartNumber,
        body: Body,
        upload: &MultipartUpload,
    ) -> Result<Part> {
        self.at(&upload.key).put_part(number, body, upload).await
    }

    async fn copy_part(
        &self,
        number: PartNumber,
        source: &Source,
        range: ByteRange,
        upload: &MultipartUpload,
    ) -> Result<Part> {
        // One request reads and writes, and has one signature: staging is for the gateway alone.
        if is_reserved(&source.key) || is_reserved(&upload.key) {
            return self.own.copy_part(number, source, range, upload).await;
        }
        let source = source_by_etag(source);
        self.role.copy_part(number, &source, range, upload).await
    }

    async fn complete_upload(
        &self,
        upload: &MultipartUpload,
        parts: &[Part],
        precondition: Option<&Precondition>,
    ) -> Result<Written> {
        let by = self.at(&upload.key);
        by.complete_upload(upload, parts, precondition).await
    }

    async fn abort_upload(&self, upload: &MultipartUpload) -> Result<()> {
        self.own.abort_upload(upload).await
    }

    async fn list_uploads(&self, prefix: &str) -> Result<Vec<PendingUpload>> {
        self.own.list_uploads(prefix).await
    }

    async fn list_parts(&self, upload: &MultipartUpload) -> Result<Vec<Part>> {
        self.own.list_parts(upload).await
    }

    async fn list_versions(&self, key: &ObjectKey) -> Result<Vec<ObjectHead>> {
        self.own.list_versions(key).await
    }
}
