//! The multipart verbs of the memory store.

use std::collections::BTreeMap;

use bytes::Bytes;
use model::{ErrorKind, ObjectKey};

use super::contents::{Bucket, Pending, PendingPart, gather};
use super::objects::{Said, pinned};
use super::{MemoryStore, checked};
use crate::crc64;
use crate::{
    Body, ByteRange, Capabilities, Error, MultipartUpload, Part, PartNumber, PendingUpload,
    Precondition, PutOptions, Result, Source, UploadId, Written,
};

impl MemoryStore {
    pub(super) fn create_upload_now(
        &self,
        key: &ObjectKey,
        options: &PutOptions,
    ) -> Result<MultipartUpload> {
        self.check_key("begin upload of", key)?;
        let contents = &mut *self.contents();
        let id = format!("upload-{:08}", contents.next_serial());
        let pending = Pending {
            key: key.clone(),
            said: Said {
                metadata: options.metadata.clone(),
                content_type: options.content_type.clone(),
            },
            initiated: self.shared.clock.now(),
            parts: BTreeMap::new(),
        };
        let bucket = contents.bucket(&self.bucket)?;
        bucket.uploads.insert(id.clone(), pending);
        Ok(MultipartUpload {
            key: key.clone(),
            id: UploadId(id),
        })
    }

    pub(super) fn put_part_now(
        &self,
        number: PartNumber,
        body: &Body,
        upload: &MultipartUpload,
    ) -> Result<Part> {
        let contents = &mut *self.contents();
        let pending = pending(contents.bucket(&self.bucket)?, "put part of", upload)?;
        self.take_part(number, gather(body), pending)
    }

    pub(super) fn copy_part_now(
        &self,
        number: PartNumber,
        source: &Source,
        range: ByteRange,
        upload: &MultipartUpload,
    ) -> Result<Part> {
        let failed = |kind, reason| Error::new(kind, "copy part from", source.key.as_str(), reason);
        if !self.capabilities.part_copy {
            let reason = "this store does not copy parts";
            return Err(failed(ErrorKind::Unsupported, reason));
        }
        let contents = &mut *self.contents();
        let from = contents.bucket(&source.bucket)?;
        let from = pinned(from, "copy part from", &source.key, source.pin.as_ref())?;
        if range.start >= range.end || range.end > from.head.size {
            let reason = "the range does not lie inside the object";
            return Err(failed(ErrorKind::Invalid, reason));
        }
        let whole = from.bytes.clone();
        // Both ends lie inside a slice, so they fit.
        let bytes = whole.slice(range.start as usize..range.end as usize);
        let pending = pending(contents.bucket(&self.bucket)?, "copy part of", upload)?;
        self.take_part(number, bytes, pending)
    }

    fn take_part(&self, number: PartNumber, bytes: Bytes, pending: &mut Pending) -> Result<Part> {
        if bytes.len() as u64 > self.capabilities.max_part_size {
            let reason = "the part is larger than this store takes";
            return Err(Error::new(
                ErrorKind::Invalid,
                "put part of",
                pending.key.as_str(),
                reason,
            ));
        }
        let crc = crc64::of([bytes.as_ref()]);
        let etag = format!("{crc:016x}");
        let part = PendingPart { bytes, etag, crc };
        let answer = described(number, &part);
        pending.parts.insert(number.get(), part);
        Ok(answer)
    }

    pub(super) fn complete_upload_now(
        &self,
        upload: &MultipartUpload,
        parts: &[Part],
        precondition: Option<&Precondition>,
    ) -> Result<Written> {
        const OPERATION: &str = "complete upload of";
        let able = self.capabilities.complete_conditions;
        let precondition = checked(precondition, able, OPERATION, &upload.key)?;
        let contents = &mut *self.contents();
        let bucket = contents.bucket(&self.bucket)?;
        let pending = pending(bucket, OPERATION, upload)?;
        let chosen = choose(pending, parts, &self.capabilities).map_err(|reason| {
            Error::new(ErrorKind::Invalid, OPERATION, upload.key.as_str(), reason)
        })?;
        let said = pending.said.clone();
        let bytes: Bytes = chosen.concat().into();
        bucket.check(OPERATION, &upload.key, precondition)?;
        let crc = crc64::of([bytes.as_ref()]);
        let etag = format!("{crc:016x}-{}", parts.len());
        let stored = self.stored(contents, bytes, etag, crc, said);
        let bucket = contents.bucket(&self.bucket)?;
        bucket.uploads.remove(&upload.id.0);
        Ok(bucket.store(&upload.key, stored))
    }

    pub(super) fn abort_upload_now(&self, upload: &MultipartUpload) -> Result<()> {
        let contents = &mut *self.contents();
        let bucket = contents.bucket(&self.bucket)?;
        if pending(bucket, "abort upload of", upload).is_ok() {
            bucket.uploads.remove(&upload.id.0);
        }
        Ok(())
    }

    pub(super) fn list_uploads_now(&self, prefix: &str) -> Result<Vec<PendingUpload>> {
        let contents = &mut *self.contents();
        let uploads = contents.bucket(&self.bucket)?.uploads.iter();
        let mut uploads: Vec<PendingUpload> = uploads
            .filter(|(_, pending)| pending.key.as_str().starts_with(prefix))
            .map(|(id, pending)| PendingUpload {
                upload: MultipartUpload {
                    key: pending.key.clone(),
                    id: UploadId(id.clone()),
                },
                initiated: pending.initiated,
            })
            .collect();
        // Ids grow, and the sort is stable: by key, then by age, as S3 lists them.
        uploads.sort_by(|a, b| a.upload.key.cmp(&b.upload.key));
        Ok(uploads)
    }

    pub(super) fn list_parts_now(&self, upload: &MultipartUpload) -> Result<Vec<Part>> {
        let contents = &mut *self.contents();
        let pending = pending(contents.bucket(&self.bucket)?, "list parts of", upload)?;
        let numbered = pending.parts.iter();
        Ok(numbered
            .filter_map(|(number, part)| Some(described(PartNumber::new(*number)?, part)))
            .collect())
    }
}

/// The upload, if it is in progress and of that key.
fn pending<'a>(
    bucket: &'a mut Bucket,
    operation: &'static str,
    upload: &MultipartUpload,
) -> Result<&'a mut Pending> {
    let found = bucket.uploads.get_mut(&upload.id.0);
    found
        .filter(|pending| pending.key == upload.key)
        .ok_or_else(|| {
            let reason = "no such upload is in progress";
            Error::new(ErrorKind::NotFound, operation, upload.key.as_str(), reason)
        })
}

fn described(number: PartNumber, part: &PendingPart) -> Part {
    Part {
        number,
        etag: part.etag.clone(),
        size: part.bytes.len() as u64,
        crc64nvme: Some(crc64::to_base64(part.crc)),
    }
}

/// The bytes of the listed parts, or why they make no object.
fn choose(
    pending: &Pending,
    parts: &[Part],
    limits: &Capabilities,
) -> std::result::Result<Vec<Bytes>, &'static str> {
    if parts.is_empty() {
        return Err("no parts are named");
    }
    if !parts.is_sorted_by(|a, b| a.number < b.number) {
        return Err("the parts are not in ascending order");
    }
    let mut chosen = Vec::with_capacity(parts.len());
    for part in parts {
        match pending.parts.get(&part.number.get()) {
            Some(stored) if stored.etag == part.etag => chosen.push(stored.bytes.clone()),
            Some(_) => return Err("a part has another ETag than named"),
            None => return Err("a part that is named was never stored"),
        }
    }
    let sizes = chosen.iter().map(|bytes| bytes.len() as u64);
    check_sizes(&sizes.collect::<Vec<_>>(), limits)?;
    Ok(chosen)
}

/// Every part but the last is large enough and, where the store wants that, of one size.
fn check_sizes(sizes: &[u64], limits: &Capabilities) -> std::result::Result<(), &'static str> {
    let Some((last, others)) = sizes.split_last() else {
        return Ok(());
    };
    if others.iter().any(|size| *size < limits.min_part_size) {
        return Err("a part before the last is smaller than this store takes");
    }
    let first = others.first();
    let uneven = others.iter().any(|size| Some(size) != first) || first.is_some_and(|f| last > f);
    if limits.uniform_parts && uneven {
        return Err("this store wants all parts of one size");
    }
    Ok(())
}
