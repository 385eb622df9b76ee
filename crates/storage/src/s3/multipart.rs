//! Multipart uploads, from beginning to completion.

use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart, EncodingType,
};
use model::{ErrorKind, ObjectKey};

use super::body;
use super::call::Effect;
use super::failure::Failure;
use super::get::{timestamp, version};
use super::list::strange;
use super::put::{DEFAULT_TYPE, checksum, conditions, unmatched, verified};
use super::sealed::{sealed, with_customer_key, with_source_key};
use super::store::{Shared, checked};
use super::text::{bare_etag, copy_source, listed_key, quoted, to_headers};
use crate::{
    Body, ByteRange, Error, MultipartUpload, Part, PartNumber, PendingUpload, Precondition,
    PutOptions, Result, Source, UploadId, Written, crc64,
};

impl Shared {
    pub(super) async fn create_upload(
        &self,
        key: &ObjectKey,
        options: &PutOptions,
    ) -> Result<MultipartUpload> {
        let name = key.as_str();
        let checksums = self.settings().checksums;
        let mut request = sealed!(self.sdk.create_multipart_upload(), self.sealing)
            .bucket(self.bucket.as_str())
            .key(name)
            .content_type(options.content_type.as_deref().unwrap_or(DEFAULT_TYPE))
            .set_checksum_algorithm(checksums.then_some(ChecksumAlgorithm::Crc64Nvme))
            .set_checksum_type(checksums.then_some(ChecksumType::FullObject));
        for (name, value) in to_headers(&options.metadata, name)? {
            request = request.metadata(name, value);
        }
        let attempt = || async {
            let answer = request.clone().send().await?;
            let id = answer
                .upload_id
                .ok_or_else(|| Failure::incomplete("upload id"))?;
            Ok(MultipartUpload {
                key: key.clone(),
                id: UploadId(id),
            })
        };
        let call = self.asking("begin upload of", name);
        call.run(self.settings(), attempt).await
    }

    pub(super) async fn put_part(
        &self,
        number: PartNumber,
        body: &Body,
        upload: &MultipartUpload,
    ) -> Result<Part> {
        let crc = checksum(body, self.settings().checksums);
        let request = || {
            with_customer_key!(self.sdk.upload_part(), self.sealing)
                .bucket(self.bucket.as_str())
                .key(upload.key.as_str())
                .upload_id(&upload.id.0)
                .part_number(i32::from(number.get()))
                .content_length(i64::try_from(body.len()).unwrap_or(i64::MAX))
                .set_checksum_crc64_nvme(crc.clone())
                .body(body::stream(body))
                .customize()
        };
        let attempt = || async {
            let answer = if self.settings().sign_payload {
                request().send().await?
            } else {
                request().disable_payload_signing().send().await?
            };
            let etag = answer.e_tag.ok_or_else(|| Failure::incomplete("ETag"))?;
            Ok(Part {
                number,
                etag: bare_etag(&etag),
                size: body.len(),
                crc64nvme: verified(crc.as_ref(), answer.checksum_crc64_nvme)?,
            })
        };
        let limit = self.settings().deadlines.sending(body.len());
        let call = self.call("put part of", upload.key.as_str(), Effect::None, limit);
        call.run(self.settings(), attempt).await
    }

    pub(super) async fn copy_part(
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
        if range.start >= range.end {
            let reason = "the range does not lie inside the object";
            return Err(failed(ErrorKind::Invalid, reason));
        }
        let pin = source.pin.as_ref();
        let request = with_customer_key!(self.sdk.upload_part_copy(), self.sealing)
            .bucket(self.bucket.as_str())
            .key(upload.key.as_str())
            .upload_id(&upload.id.0)
            .part_number(i32::from(number.get()))
            .copy_source(copy_source(&source.bucket, &source.key, pin))
            .copy_source_range(format!("bytes={}-{}", range.start, range.end - 1))
            .set_copy_source_if_match(pin.map(|pin| quoted(&pin.etag)));
        let request = with_source_key!(request, self.sealing);
        let attempt = || async {
            let answer = request.clone().send().await?.copy_part_result;
            let etag = answer.as_ref().and_then(|copied| copied.e_tag.as_deref());
            let etag = bare_etag(etag.ok_or_else(|| Failure::incomplete("ETag"))?);
            let named = answer.and_then(|copied| copied.checksum_crc64_nvme);
            Ok(Part {
                number,
                etag,
                size: range.end - range.start,
                crc64nvme: verified(None, named)?,
            })
        };
        let limit = self.settings().deadlines.working();
        let call = self.call("copy part from", source.key.as_str(), Effect::None, limit);
        call.run(self.settings(), attempt).await
    }

    pub(super) async fn complete_upload(
        &self,
        upload: &MultipartUpload,
        parts: &[Part],
        precondition: Option<&Precondition>,
    ) -> Result<Written> {
        let name = upload.key.as_str();
        let able = self.capabilities.complete_conditions;
        checked(able, precondition, "complete", name)?;
        if parts.is_empty() {
            let reason = "an upload without parts makes no object";
            return Err(Error::new(ErrorKind::Invalid, "complete", name, reason));
        }
        let (if_none_match, if_match) = conditions(precondition);
        let crc = whole_checksum(parts).filter(|_| self.settings().checksums);
        let size: u64 = parts.iter().map(|part| part.size).sum();
        let request = with_customer_key!(self.sdk.complete_multipart_upload(), self.sealing)
            .bucket(self.bucket.as_str())
            .key(name)
            .upload_id(&upload.id.0)
            .multipart_upload(completed(parts, self.settings().checksums))
            .mpu_object_size(i64::try_from(size).unwrap_or(i64::MAX))
            .set_checksum_type(crc.as_ref().map(|_| ChecksumType::FullObject))
            .set_checksum_crc64_nvme(crc.clone())
            .set_if_none_match(if_none_match)
            .set_if_match(if_match);
        let attempt = || async {
            let answer = request.clone().send().await;
            let answer = answer.map_err(|error| unmatched(precondition, error.into()))?;
            let etag = answer.e_tag.ok_or_else(|| Failure::incomplete("ETag"))?;
            Ok(Written {
                etag: bare_etag(&etag),
                version: version(answer.version_id.as_deref()),
                crc64nvme: verified(crc.as_ref(), answer.checksum_crc64_nvme)?,
            })
        };
        let limit = self.settings().deadlines.working();
        let call = self.call("complete", name, Effect::under(precondition), limit);
        call.run(self.settings(), attempt).await
    }

    pub(super) async fn abort_upload(&self, upload: &MultipartUpload) -> Result<()> {
        let request = self
            .sdk
            .abort_multipart_upload()
            .bucket(self.bucket.as_str())
            .key(upload.key.as_str())
            .upload_id(&upload.id.0);
        let attempt = || async {
            match request.clone().send().await.map_err(Failure::from) {
                Err(failure) if failure.kind != ErrorKind::NotFound => Err(failure),
                _ => Ok(()),
            }
        };
        let call = self.asking("abort upload of", upload.key.as_str());
        call.run(self.settings(), attempt).await
    }

    pub(super) async fn list_uploads(&self, prefix: &str) -> Result<Vec<PendingUpload>> {
        let mut found = Vec::new();
        let mut markers = (None, None);
        loop {
            let send = self
                .sdk
                .list_multipart_uploads()
                .bucket(self.bucket.as_str())
                .encoding_type(EncodingType::Url)
                .set_prefix(Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty()))
                .set_key_marker(markers.0.take())
                .set_upload_id_marker(markers.1.take());
            let attempt = || async { Ok(send.clone().send().await?) };
            let call = self.asking("list uploads in", prefix);
            let answer = call.run(self.settings(), attempt).await?;
            let encoded = answer.encoding_type.is_some();
            for upload in answer.uploads.into_iter().flatten() {
                let key = upload.key().and_then(|key| listed_key(key, encoded));
                let key = key.and_then(|key| ObjectKey::parse(key).ok());
                let (Some(key), Some(id)) = (key, upload.upload_id) else {
                    return Err(strange("list uploads in", prefix));
                };
                found.push(PendingUpload {
                    upload: MultipartUpload {
                        key,
                        id: UploadId(id),
                    },
                    initiated: timestamp(upload.initiated.as_ref()),
                });
            }
            let next = answer
                .next_key_marker
                .and_then(|next| listed_key(&next, encoded));
            if answer.is_truncated != Some(true) || next.is_none() {
                return Ok(found);
            }
            markers = (next, answer.next_upload_id_marker);
        }
    }

    pub(super) async fn list_parts(&self, upload: &MultipartUpload) -> Result<Vec<Part>> {
        let name = upload.key.as_str();
        let mut found = Vec::new();
        let mut marker = None;
        loop {
            let send = with_customer_key!(self.sdk.list_parts(), self.sealing)
                .bucket(self.bucket.as_str())
                .key(name)
                .upload_id(&upload.id.0)
                .set_part_number_marker(marker.take());
            let attempt = || async { Ok(send.clone().send().await?) };
            let call = self.asking("list parts of", name);
            let answer = call.run(self.settings(), attempt).await?;
            for part in answer.parts.into_iter().flatten() {
                found.push(stored_part(&part).ok_or_else(|| strange("list parts of", name))?);
            }
            marker = answer.next_part_number_marker;
            if answer.is_truncated != Some(true) || marker.is_none() {
                found.sort_unstable_by_key(|part| part.number);
                return Ok(found);
            }
        }
    }
}

fn stored_part(part: &aws_sdk_s3::types::Part) -> Option<Part> {
    Some(Part {
        number: PartNumber::new(u16::try_from(part.part_number()?).ok()?)?,
        etag: bare_etag(part.e_tag()?),
        size: u64::try_from(part.size()?).ok()?,
        crc64nvme: part.checksum_crc64_nvme().map(str::to_owned),
    })
}

fn completed(parts: &[Part], checksums: bool) -> CompletedMultipartUpload {
    let part = |part: &Part| {
        CompletedPart::builder()
            .part_number(i32::from(part.number.get()))
            .e_tag(quoted(&part.etag))
            .set_checksum_crc64_nvme(part.crc64nvme.clone().filter(|_| checksums))
            .build()
    };
    CompletedMultipartUpload::builder()
        .set_parts(Some(parts.iter().map(part).collect()))
        .build()
}

/// The checksum of the whole object, where those of all parts are known.
fn whole_checksum(parts: &[Part]) -> Option<String> {
    let mut whole = 0;
    for part in parts {
        let crc = crc64::from_base64(part.crc64nvme.as_deref()?)?;
        whole = crc64::combine(whole, crc, part.size);
    }
    Some(crc64::to_base64(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_the_whole_is_made_of_the_parts() {
        let part = |number, bytes: &[u8]| Part {
            number: PartNumber::new(number).unwrap(),
            etag: String::new(),
            size: bytes.len() as u64,
            crc64nvme: Some(crc64::to_base64(crc64::of([bytes]))),
        };
        let mut parts = vec![part(1, b"1234"), part(2, b"56789")];
        let whole = crc64::to_base64(crc64::of([b"123456789".as_slice()]));
        assert_eq!(whole_checksum(&parts), Some(whole));
        parts[1].crc64nvme = None;
        assert_eq!(whole_checksum(&parts), None);
    }
}
