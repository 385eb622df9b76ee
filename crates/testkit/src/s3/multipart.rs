//! Multipart uploads.

use std::collections::BTreeMap;

use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::bucket::{Bucket, Headers, Object, Part as StoredPart, Upload};
use super::state::{State, now, timestamp};
use super::{checksums, conditions};

type Answer<T> = S3Result<S3Response<T>>;

fn upload<'a>(bucket: &'a mut Bucket, key: &str, id: &str) -> S3Result<&'a mut Upload> {
    let upload = bucket.uploads.get_mut(&(key.to_owned(), id.to_owned()));
    upload.ok_or_else(|| s3_error!(NoSuchUpload))
}

impl State {
    pub(super) fn create(
        &self,
        input: CreateMultipartUploadInput,
    ) -> Answer<CreateMultipartUploadOutput> {
        let id = uuid::Uuid::now_v7().simple().to_string();
        let upload = Upload {
            headers: Headers {
                metadata: input.metadata,
                content_type: input.content_type,
                cache_control: input.cache_control,
                content_disposition: input.content_disposition,
                content_encoding: input.content_encoding,
                content_language: input.content_language,
                key_md5: input.sse_customer_key_md5,
            },
            initiated: now(),
            parts: BTreeMap::new(),
        };
        self.with(&input.bucket, |bucket| {
            bucket
                .uploads
                .insert((input.key.clone(), id.clone()), upload);
            Ok(())
        })?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    pub(super) async fn put_part(
        &self,
        mut request: S3Request<UploadPartInput>,
    ) -> Answer<UploadPartOutput> {
        let body = request.input.body.take();
        let part = checksums::receive(body, &request).await?;
        let input = request.input;
        let etag = part.etag();
        let crc = checksums::to_base64(part.crc);
        let key_md5 = input.sse_customer_key_md5.as_ref();
        self.keep(
            &input.bucket,
            (&input.key, &input.upload_id),
            input.part_number,
            key_md5,
            part,
        )?;
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(ETag::Strong(etag)),
            checksum_crc64nvme: input.checksum_crc64nvme.map(|_| crc),
            ..UploadPartOutput::default()
        }))
    }

    pub(super) fn copy_part(&self, input: &UploadPartCopyInput) -> Answer<UploadPartCopyOutput> {
        if !self.options.part_copy {
            return Err(s3_error!(NotImplemented, "part copies are switched off"));
        }
        let source_key = input.copy_source_sse_customer_key_md5.as_ref();
        let if_match = input.copy_source_if_match.as_ref();
        let source = self.copied(&input.copy_source, if_match, source_key)?;
        let range = conditions::copy_range(input.copy_source_range.as_deref(), source.size)?;
        let chunks = source.slice(range.clone());
        let part = StoredPart {
            crc: checksums::of(chunks.iter().map(AsRef::as_ref)),
            chunks,
            size: range.end - range.start,
            modified: now(),
        };
        let (etag, crc, modified) = (part.etag(), checksums::to_base64(part.crc), part.modified);
        let key_md5 = input.sse_customer_key_md5.as_ref();
        self.keep(
            &input.bucket,
            (&input.key, &input.upload_id),
            input.part_number,
            key_md5,
            part,
        )?;
        Ok(S3Response::new(UploadPartCopyOutput {
            copy_part_result: Some(CopyPartResult {
                e_tag: Some(ETag::Strong(etag)),
                checksum_crc64nvme: Some(crc),
                last_modified: Some(timestamp(modified)),
                ..CopyPartResult::default()
            }),
            ..UploadPartCopyOutput::default()
        }))
    }

    fn keep(
        &self,
        bucket: &str,
        (key, id): (&str, &str),
        number: i32,
        key_md5: Option<&String>,
        part: StoredPart,
    ) -> S3Result {
        if !(1..=10_000).contains(&number) {
            return Err(s3_error!(InvalidArgument, "part numbers are 1 to 10000"));
        }
        self.with(bucket, |bucket| {
            let upload = upload(bucket, key, id)?;
            conditions::unsealed(&upload.headers, key_md5)?;
            upload.parts.insert(number, part);
            Ok(())
        })
    }

    pub(super) fn complete(
        &self,
        input: &CompleteMultipartUploadInput,
    ) -> Answer<CompleteMultipartUploadOutput> {
        let named = input
            .multipart_upload
            .as_ref()
            .and_then(|upload| upload.parts.as_deref());
        let named = named.unwrap_or_default();
        let object = self.with(&input.bucket, |bucket| {
            let upload = upload(bucket, &input.key, &input.upload_id)?;
            let object = self.assemble(upload, named)?;
            agree(input, &object)?;
            if self.options.complete_conditions {
                let current = bucket.current(&input.key);
                conditions::write(
                    current,
                    input.if_match.as_ref(),
                    input.if_none_match.as_ref(),
                )?;
            }
            bucket
                .uploads
                .remove(&(input.key.clone(), input.upload_id.clone()));
            Ok(bucket.publish(&input.key, object, self.options.versions))
        })?;
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket.clone()),
            key: Some(input.key.clone()),
            e_tag: Some(object.etag()),
            version_id: object.version_id(),
            checksum_crc64nvme: object.crc64nvme,
            checksum_type: Some(ChecksumType::from_static(ChecksumType::FULL_OBJECT)),
            ..CompleteMultipartUploadOutput::default()
        }))
    }

    /// The object that these parts make.
    fn assemble(&self, upload: &Upload, named: &[CompletedPart]) -> S3Result<Object> {
        if named.is_empty() {
            return Err(s3_error!(MalformedXML, "no parts are named"));
        }
        let mut whole = StoredPart {
            chunks: Vec::new(),
            size: 0,
            crc: checksums::of([]),
            modified: now(),
        };
        let mut before = 0;
        for (index, part) in named.iter().enumerate() {
            let number = part.part_number.unwrap_or_default();
            if number <= before {
                return Err(s3_error!(InvalidPartOrder));
            }
            before = number;
            let stored = upload
                .parts
                .get(&number)
                .ok_or_else(|| s3_error!(InvalidPart))?;
            check(part, stored)?;
            if index + 1 < named.len() && stored.size < self.options.min_part_size {
                return Err(s3_error!(EntityTooSmall));
            }
            whole.crc = checksums::combine(whole.crc, stored.crc, stored.size);
            whole.size += stored.size;
            whole.chunks.extend(stored.chunks.iter().cloned());
        }
        let mut object = Object::new(whole, upload.headers.clone());
        object.etag = format!("{}-{}", object.etag, named.len());
        Ok(object)
    }

    pub(super) fn abort(
        &self,
        input: &AbortMultipartUploadInput,
    ) -> Answer<AbortMultipartUploadOutput> {
        self.with(&input.bucket, |bucket| {
            let at = (input.key.clone(), input.upload_id.clone());
            let aborted = bucket.uploads.remove(&at);
            aborted.ok_or_else(|| s3_error!(NoSuchUpload))
        })?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    pub(super) fn parts(&self, input: &ListPartsInput) -> Answer<ListPartsOutput> {
        let after = input.part_number_marker.unwrap_or_default();
        let room = self.room(input.max_parts);
        self.with(&input.bucket, |bucket| {
            let upload = upload(bucket, &input.key, &input.upload_id)?;
            let behind = upload.parts.range(after.saturating_add(1)..);
            let mut parts: Vec<Part> = behind.take(room + 1).map(listed).collect();
            let more = parts.len() > room;
            parts.truncate(room);
            Ok(S3Response::new(ListPartsOutput {
                bucket: Some(input.bucket.clone()),
                key: Some(input.key.clone()),
                upload_id: Some(input.upload_id.clone()),
                is_truncated: Some(more),
                next_part_number_marker: parts.last().and_then(|part| part.part_number),
                parts: Some(parts),
                ..ListPartsOutput::default()
            }))
        })
    }
}

/// Holds a part against what the completion says of it.
fn check(named: &CompletedPart, stored: &StoredPart) -> S3Result {
    let etag = named.e_tag.as_ref().map(ETag::value);
    let crc = checksums::to_base64(stored.crc);
    let other = named
        .checksum_crc64nvme
        .as_ref()
        .is_some_and(|named| *named != crc);
    if etag != Some(stored.etag().as_str()) || other {
        return Err(s3_error!(InvalidPart));
    }
    Ok(())
}

/// Holds the object against what the completion says of it.
fn agree(input: &CompleteMultipartUploadInput, object: &Object) -> S3Result {
    let crc = input.checksum_crc64nvme.as_ref();
    if crc.is_some_and(|crc| Some(crc) != object.crc64nvme.as_ref()) {
        return Err(s3_error!(
            BadDigest,
            "the checksum of the whole does not match"
        ));
    }
    let size = input
        .mpu_object_size
        .and_then(|size| u64::try_from(size).ok());
    if size.is_some_and(|size| size != object.size) {
        return Err(s3_error!(
            InvalidRequest,
            "the size of the whole does not match"
        ));
    }
    Ok(())
}

fn listed((number, part): (&i32, &StoredPart)) -> Part {
    Part {
        part_number: Some(*number),
        e_tag: Some(ETag::Strong(part.etag())),
        size: i64::try_from(part.size).ok(),
        checksum_crc64nvme: Some(checksums::to_base64(part.crc)),
        last_modified: Some(timestamp(part.modified)),
        ..Part::default()
    }
}
