//! Whole objects: PUT, GET, HEAD, DELETE, COPY.

use futures::stream;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::bucket::{Bucket, Headers, Object};
use super::state::{State, timestamp};
use super::{checksums, conditions};

type Answer<T> = S3Result<S3Response<T>>;

/// The object or version that a read is about.
fn wanted(bucket: &Bucket, key: &str, version: Option<&str>) -> S3Result<Object> {
    let object = match version {
        None => bucket.current(key).ok_or_else(|| s3_error!(NoSuchKey))?,
        Some(version) => {
            let object = bucket.version(key, version);
            object.ok_or_else(|| s3_error!(NoSuchVersion))?
        }
    };
    if object.deleted {
        return Err(s3_error!(
            MethodNotAllowed,
            "the version is a delete marker"
        ));
    }
    Ok(object.clone())
}

impl State {
    pub(super) async fn put(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> Answer<PutObjectOutput> {
        let body = request.input.body.take();
        let content = checksums::receive(body, &request).await?;
        let input = request.input;
        let headers = Headers {
            metadata: input.metadata,
            content_type: input.content_type,
            cache_control: input.cache_control,
            content_disposition: input.content_disposition,
            content_encoding: input.content_encoding,
            content_language: input.content_language,
            key_md5: input.sse_customer_key_md5,
        };
        let object = self.with(&input.bucket, |bucket| {
            if self.options.put_conditions {
                let current = bucket.current(&input.key);
                conditions::write(
                    current,
                    input.if_match.as_ref(),
                    input.if_none_match.as_ref(),
                )?;
            }
            let object = Object::new(content, headers);
            Ok(bucket.publish(&input.key, object, self.options.versions))
        })?;
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(object.etag()),
            version_id: object.version_id(),
            checksum_crc64nvme: input.checksum_crc64nvme.and(object.crc64nvme),
            sse_customer_key_md5: object.headers.key_md5,
            ..PutObjectOutput::default()
        }))
    }

    pub(super) fn get(&self, input: &GetObjectInput) -> Answer<GetObjectOutput> {
        let object = self.source(&input.bucket, |bucket| {
            wanted(bucket, &input.key, input.version_id.as_deref())
        })?;
        conditions::read(&object, input.if_match.as_ref())?;
        conditions::unsealed(&object.headers, input.sse_customer_key_md5.as_ref())?;
        let range = match &input.range {
            Some(range) => range.check(object.size)?,
            None => 0..object.size,
        };
        let content_range = input
            .range
            .as_ref()
            .map(|_| format!("bytes {}-{}/{}", range.start, range.end - 1, object.size));
        let chunks = object
            .slice(range.clone())
            .into_iter()
            .map(Ok::<_, std::io::Error>);
        Ok(S3Response::new(GetObjectOutput {
            body: Some(StreamingBlob::wrap(stream::iter(chunks))),
            content_length: i64::try_from(range.end - range.start).ok(),
            content_range,
            e_tag: Some(object.etag()),
            version_id: object.version_id(),
            last_modified: Some(timestamp(object.modified)),
            sse_customer_key_md5: object.headers.key_md5,
            metadata: object.headers.metadata,
            content_type: object.headers.content_type,
            cache_control: object.headers.cache_control,
            content_disposition: object.headers.content_disposition,
            content_encoding: object.headers.content_encoding,
            content_language: object.headers.content_language,
            ..GetObjectOutput::default()
        }))
    }

    pub(super) fn head(&self, input: &HeadObjectInput) -> Answer<HeadObjectOutput> {
        let object = self.source(&input.bucket, |bucket| {
            wanted(bucket, &input.key, input.version_id.as_deref())
        })?;
        conditions::read(&object, input.if_match.as_ref())?;
        conditions::unsealed(&object.headers, input.sse_customer_key_md5.as_ref())?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: i64::try_from(object.size).ok(),
            e_tag: Some(object.etag()),
            version_id: object.version_id(),
            last_modified: Some(timestamp(object.modified)),
            sse_customer_key_md5: object.headers.key_md5,
            metadata: object.headers.metadata,
            content_type: object.headers.content_type,
            cache_control: object.headers.cache_control,
            content_disposition: object.headers.content_disposition,
            content_encoding: object.headers.content_encoding,
            content_language: object.headers.content_language,
            ..HeadObjectOutput::default()
        }))
    }

    pub(super) fn delete(&self, input: &DeleteObjectInput) -> Answer<DeleteObjectOutput> {
        self.with(&input.bucket, |bucket| {
            if self.options.delete_conditions {
                let current = bucket.current(&input.key);
                conditions::write(current, input.if_match.as_ref(), None)?;
            }
            let mut output = DeleteObjectOutput::default();
            match &input.version_id {
                Some(version) => {
                    bucket.remove_version(&input.key, version);
                    output.version_id = Some(version.clone());
                }
                None => {
                    output.version_id = bucket.remove(&input.key, self.options.versions);
                    output.delete_marker = output.version_id.as_ref().map(|_| true);
                }
            }
            Ok(S3Response::new(output))
        })
    }

    pub(super) fn copy(&self, request: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        let if_match = conditions::header(&request.headers, "if-match")?;
        let if_none_match = conditions::header(&request.headers, "if-none-match")?;
        let input = request.input;
        let key_md5 = input.copy_source_sse_customer_key_md5.as_ref();
        let if_source = input.copy_source_if_match.as_ref();
        let mut object = self.copied(&input.copy_source, if_source, key_md5)?;
        if object.size > 5 << 30 {
            return Err(s3_error!(InvalidRequest, "the source is larger than 5 GiB"));
        }
        let replaces = input
            .metadata_directive
            .as_ref()
            .map(MetadataDirective::as_str);
        if replaces == Some("REPLACE") {
            object.headers = Headers {
                metadata: input.metadata,
                content_type: input.content_type,
                cache_control: input.cache_control,
                content_disposition: input.content_disposition,
                content_encoding: input.content_encoding,
                content_language: input.content_language,
                key_md5: None,
            };
        }
        object.headers.key_md5 = input.sse_customer_key_md5;
        object.modified = super::state::now();
        object.version = "null".to_owned();
        let object = self.with(&input.bucket, |bucket| {
            if self.options.copy_conditions {
                let current = bucket.current(&input.key);
                conditions::write(current, if_match.as_ref(), if_none_match.as_ref())?;
            }
            Ok(bucket.publish(&input.key, object, self.options.versions))
        })?;
        Ok(S3Response::new(CopyObjectOutput {
            version_id: object.version_id(),
            copy_object_result: Some(CopyObjectResult {
                e_tag: Some(object.etag()),
                last_modified: Some(timestamp(object.modified)),
                checksum_crc64nvme: object.crc64nvme,
                ..CopyObjectResult::default()
            }),
            ..CopyObjectOutput::default()
        }))
    }

    /// The source of a copy, under its conditions.
    pub(super) fn copied(
        &self,
        source: &CopySource,
        if_match: Option<&ETagCondition>,
        key_md5: Option<&String>,
    ) -> S3Result<Object> {
        let CopySource::Bucket {
            bucket,
            key,
            version_id,
        } = source
        else {
            return Err(s3_error!(NotImplemented, "there are no access points here"));
        };
        let object = self.source(bucket, |bucket| wanted(bucket, key, version_id.as_deref()))?;
        conditions::read(&object, if_match)?;
        conditions::unsealed(&object.headers, key_md5)?;
        Ok(object)
    }
}
