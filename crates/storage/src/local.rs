//! The local store: objects are plain files at `ROOT/BUCKET/KEY` that other programs may read.
//!
//! What is unfinished lies in `ROOT/.pierhead/BUCKET` on the same file system, where no bucket and
//! no key reaches. An object is published by a rename of a file that is whole and durable, and
//! the rename is durable before the call returns; who reads goes on reading what was there
//! before. Paths are resolved beneath the bucket's folder and through no symbolic link; links,
//! devices and pipes are no objects. A folder is the object `key/` (see `marker`).
//!
//! A file system cannot hold everything that S3 holds: not `a` beside `a/b`, not `a//b`, no name
//! above 255 bytes, no `.` or `..`. Such writes fail with `Conflict` or `Invalid`, and reads find
//! nothing. Conditions are atomic among the calls of this process, and [`Precondition::Absent`]
//! against other programs too; [`Precondition::Matches`] does not see another program that writes
//! in the same instant. The file system must keep times to the nanosecond (ext4, XFS, Btrfs, ZFS
//! and tmpfs do), since ETags are made of them.

mod attributes;
mod disk;
mod failure;
mod folder;
mod key_path;
mod list;
mod marker;
mod multipart;
mod object;
mod open_upload;
mod part;
mod publish;
mod read;
mod rename;
mod staged;
mod state;
mod walk;
mod walk_cache;

use std::fmt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use model::{BucketName, ErrorKind, ObjectKey};

use crate::{
    Body, ByteRange, Capabilities, CopyOptions, Error, Fetched, ListPage, ListRequest,
    MultipartUpload, ObjectHead, ObjectStore, Part, PartNumber, PendingUpload, Pin, Precondition,
    PutOptions, Result, Source, Written,
};
use disk::{Blocking, Disk};
use failure::On;

/// One bucket of the local store. Clones share it.
#[derive(Clone)]
pub struct LocalStore {
    bucket: BucketName,
    capabilities: Capabilities,
    blocking: Blocking,
}

impl LocalStore {
    /// Opens the bucket `ROOT/BUCKET`, making both folders where they are missing. Staged files
    /// that no living process holds are removed; multipart uploads stay.
    ///
    /// # Errors
    /// `Invalid` for the reserved name `.pierhead` and for a bucket on another file system than
    /// its root; what the file system says otherwise.
    pub async fn open(root: &Path, bucket: BucketName) -> Result<Self> {
        let (path, name): (PathBuf, _) = (root.to_owned(), bucket.clone());
        let opened = tokio::task::spawn_blocking(move || Disk::open(&path, &name));
        let disk = opened.await.unwrap_or_else(|error| {
            let stopped = Error::new(
                ErrorKind::Internal,
                "open bucket",
                bucket.as_str(),
                "cut off",
            );
            Err(stopped.caused_by(error))
        })?;
        Ok(Self {
            bucket,
            capabilities: capabilities(),
            blocking: Blocking::new(disk),
        })
    }
}

fn capabilities() -> Capabilities {
    Capabilities {
        put_conditions: true,
        complete_conditions: true,
        copy_conditions: true,
        delete_conditions: true,
        rename: true,
        part_copy: true,
        uniform_parts: false,
        min_part_size: 1,
        max_part_size: u64::MAX,
        max_copy_size: u64::MAX,
        versions: false,
        file_beside_directory: false,
        max_key_bytes: ObjectKey::MAX_BYTES,
        max_name_bytes: Some(key_path::MAX_NAME_BYTES),
    }
}

impl fmt::Debug for LocalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalStore({})", self.bucket)
    }
}

#[async_trait]
impl ObjectStore for LocalStore {
    fn bucket(&self) -> &BucketName {
        &self.bucket
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn put(&self, key: &ObjectKey, body: Body, options: &PutOptions) -> Result<Written> {
        let (key, options) = (key.clone(), options.clone());
        self.blocking
            .run(move |disk| disk.put(&key, &body, &options))
            .await
    }

    async fn get(
        &self,
        key: &ObjectKey,
        range: Option<ByteRange>,
        pin: Option<&Pin>,
    ) -> Result<Fetched> {
        let (wanted, pin) = (key.clone(), pin.cloned());
        let open = move |disk: &Disk| {
            let on = On {
                operation: "get",
                key: wanted.as_str(),
            };
            disk.open_object(on, &disk.bucket, pin.as_ref())
        };
        let opened = self.blocking.run(open).await?;
        Ok(Fetched {
            head: opened.head.clone(),
            body: read::body(&self.blocking, key, opened, range),
        })
    }

    async fn head(&self, key: &ObjectKey) -> Result<ObjectHead> {
        let key = key.clone();
        self.blocking.run(move |disk| disk.head(&key)).await
    }

    async fn delete(&self, key: &ObjectKey, precondition: Option<&Precondition>) -> Result<()> {
        let (key, precondition) = (key.clone(), precondition.cloned());
        self.blocking
            .run(move |disk| disk.delete(&key, precondition.as_ref()))
            .await
    }

    async fn copy(
        &self,
        source: &Source,
        to: &ObjectKey,
        options: &CopyOptions,
    ) -> Result<Written> {
        let (source, to, options) = (source.clone(), to.clone(), options.clone());
        self.blocking
            .run(move |disk| disk.copy(&source, &to, &options))
            .await
    }

    async fn rename(
        &self,
        source: &Source,
        to: &ObjectKey,
        options: &CopyOptions,
    ) -> Result<Written> {
        let (source, to, options) = (source.clone(), to.clone(), options.clone());
        let own = source.bucket == self.bucket;
        self.blocking
            .run(move |disk| disk.rename(&source, own, &to, &options))
            .await
    }

    async fn list(&self, request: &ListRequest) -> Result<ListPage> {
        let request = request.clone();
        self.blocking.run(move |disk| disk.list(&request)).await
    }

    async fn create_upload(
        &self,
        key: &ObjectKey,
        options: &PutOptions,
    ) -> Result<MultipartUpload> {
        let (key, options) = (key.clone(), options.clone());
        self.blocking
            .run(move |disk| disk.create_upload(&key, &options))
            .await
    }

    async fn put_part(
        &self,
        number: PartNumber,
        body: Body,
        upload: &MultipartUpload,
    ) -> Result<Part> {
        let upload = upload.clone();
        self.blocking
            .run(move |disk| disk.put_part(number, &body, &upload))
            .await
    }

    async fn copy_part(
        &self,
        number: PartNumber,
        source: &Source,
        range: ByteRange,
        upload: &MultipartUpload,
    ) -> Result<Part> {
        let (source, upload) = (source.clone(), upload.clone());
        let copy = move |disk: &Disk| disk.copy_part(number, &source, range, &upload);
        self.blocking.run(copy).await
    }

    async fn complete_upload(
        &self,
        upload: &MultipartUpload,
        parts: &[Part],
        precondition: Option<&Precondition>,
    ) -> Result<Written> {
        let (upload, parts, precondition) = (upload.clone(), parts.to_vec(), precondition.cloned());
        let complete =
            move |disk: &Disk| disk.complete_upload(&upload, &parts, precondition.as_ref());
        self.blocking.run(complete).await
    }

    async fn abort_upload(&self, upload: &MultipartUpload) -> Result<()> {
        let upload = upload.clone();
        self.blocking
            .run(move |disk| disk.abort_upload(&upload))
            .await
    }

    async fn list_uploads(&self, prefix: &str) -> Result<Vec<PendingUpload>> {
        let prefix = prefix.to_owned();
        self.blocking
            .run(move |disk| disk.list_uploads(&prefix))
            .await
    }

    async fn list_parts(&self, upload: &MultipartUpload) -> Result<Vec<Part>> {
        let upload = upload.clone();
        self.blocking
            .run(move |disk| disk.list_parts(&upload))
            .await
    }

    async fn list_versions(&self, key: &ObjectKey) -> Result<Vec<ObjectHead>> {
        match self.head(key).await {
            Ok(head) => Ok(vec![head]),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}
