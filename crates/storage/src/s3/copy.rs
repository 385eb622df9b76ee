//! CopyObject: objects inside the store, attributes included.

use aws_sdk_s3::types::{ChecksumAlgorithm, MetadataDirective};
use model::ObjectKey;

use super::call::Effect;
use super::failure::Failure;
use super::get::version;
use super::put::{DEFAULT_TYPE, conditions, verified};
use super::sealed::{sealed, with_customer_key, with_source_key};
use super::store::{Shared, checked};
use super::text::{bare_etag, copy_source, quoted, to_headers};
use crate::{CopyOptions, Result, Source, Written};

impl Shared {
    pub(super) async fn copy(
        &self,
        source: &Source,
        to: &ObjectKey,
        options: &CopyOptions,
    ) -> Result<Written> {
        let name = source.key.as_str();
        let precondition = options.precondition.as_ref();
        checked(
            self.capabilities.copy_conditions,
            precondition,
            "copy",
            name,
        )?;
        let (if_none_match, if_match) = conditions(precondition);
        let pin = source.pin.as_ref();
        let algorithm = self.settings().checksums;
        let mut request = sealed!(self.sdk.copy_object(), self.sealing)
            .bucket(self.bucket.as_str())
            .key(to.as_str())
            .copy_source(copy_source(&source.bucket, &source.key, pin))
            .set_copy_source_if_match(pin.map(|pin| quoted(&pin.etag)))
            .set_checksum_algorithm(algorithm.then_some(ChecksumAlgorithm::Crc64Nvme))
            .set_if_none_match(if_none_match)
            .set_if_match(if_match);
        request = with_source_key!(request, self.sealing);
        if let Some(metadata) = &options.metadata {
            // REPLACE forgets the headers too, so they are fetched and said again.
            let kept = self.send_head(&source.bucket, &source.key, pin).await?;
            request = request
                .metadata_directive(MetadataDirective::Replace)
                .content_type(kept.content_type.as_deref().unwrap_or(DEFAULT_TYPE))
                .set_content_encoding(kept.content_encoding)
                .set_content_language(kept.content_language)
                .set_content_disposition(kept.content_disposition)
                .set_cache_control(kept.cache_control);
            for (name, value) in to_headers(metadata, name)? {
                request = request.metadata(name, value);
            }
        }
        let limit = self.settings().deadlines.working();
        let call = self.call("copy", name, Effect::under(precondition), limit);
        let attempt = || async {
            let answer = request.clone().send().await?;
            let copied = answer.copy_object_result;
            let etag = copied.as_ref().and_then(|copied| copied.e_tag.as_deref());
            let etag = bare_etag(etag.ok_or_else(|| Failure::incomplete("ETag"))?);
            let named = copied.and_then(|copied| copied.checksum_crc64_nvme);
            Ok(Written {
                etag,
                version: version(answer.version_id.as_deref()),
                crc64nvme: verified(None, named)?,
            })
        };
        call.run(self.settings(), attempt).await
    }
}
