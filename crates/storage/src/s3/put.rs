//! PUT and DELETE: whole objects.

use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use model::{ErrorKind, ObjectKey};

use super::body;
use super::call::Effect;
use super::failure::Failure;
use super::get::version;
use super::sealed::{sealed, with_customer_key};
use super::store::{Shared, checked};
use super::text::{bare_etag, quoted, to_headers};
use crate::{Body, Error, Precondition, PutOptions, Result, Written, crc64};

/// What objects are without a MIME type of their own.
pub(super) const DEFAULT_TYPE: &str = "application/octet-stream";

/// `If-None-Match` and `If-Match` of a condition.
pub(super) fn conditions(precondition: Option<&Precondition>) -> (Option<String>, Option<String>) {
    match precondition {
        None => (None, None),
        Some(Precondition::Absent) => (Some("*".to_owned()), None),
        Some(Precondition::Matches(etag)) => (None, Some(quoted(etag))),
    }
}

/// The checksum of `body` as it is sent, where checksums are.
pub(super) fn checksum(body: &Body, wanted: bool) -> Option<String> {
    let crc = || crc64::to_base64(crc64::of(body.chunks().iter().map(AsRef::as_ref)));
    wanted.then(crc)
}

/// Compares what was sent with what the store says it has, where both are known. Where nothing was
/// sent, what cannot be a CRC64 counts as nothing: some stores name another checksum so.
pub(super) fn verified(
    sent: Option<&String>,
    stored: Option<String>,
) -> Result<Option<String>, Failure> {
    match (sent, stored) {
        (Some(sent), Some(stored)) if *sent != stored => Err(Failure::checksum(sent, &stored)),
        (Some(sent), _) => Ok(Some(sent.clone())),
        (None, stored) => Ok(stored.filter(|crc| crc64::from_base64(crc).is_some())),
    }
}

impl Shared {
    pub(super) async fn put(
        &self,
        key: &ObjectKey,
        body: &Body,
        options: &PutOptions,
    ) -> Result<Written> {
        let name = key.as_str();
        let precondition = options.precondition.as_ref();
        checked(self.capabilities.put_conditions, precondition, "put", name)?;
        let (if_none_match, if_match) = conditions(precondition);
        let crc = checksum(body, self.settings().checksums);
        let headers = to_headers(&options.metadata, name)?;
        // Bodies are not cloned, so each attempt makes its own request.
        let request = || {
            let request = sealed!(self.sdk.put_object(), self.sealing)
                .bucket(self.bucket.as_str())
                .key(name)
                .content_type(options.content_type.as_deref().unwrap_or(DEFAULT_TYPE))
                .content_length(i64::try_from(body.len()).unwrap_or(i64::MAX))
                .set_if_none_match(if_none_match.clone())
                .set_if_match(if_match.clone())
                .set_checksum_crc64_nvme(crc.clone())
                .body(body::stream(body));
            let add = |request: PutObjectFluentBuilder, (name, value): &(String, String)| {
                request.metadata(name, value)
            };
            headers.iter().fold(request, add).customize()
        };
        let limit = self.settings().deadlines.sending(body.len());
        let call = self.call("put", name, Effect::under(precondition), limit);
        let attempt = || async {
            let answer = if self.settings().sign_payload {
                request().send().await
            } else {
                request().disable_payload_signing().send().await
            };
            let answer = answer.map_err(|error| unmatched(precondition, error.into()))?;
            let etag = answer.e_tag.ok_or_else(|| Failure::incomplete("ETag"))?;
            Ok(Written {
                etag: bare_etag(&etag),
                version: version(answer.version_id.as_deref()),
                crc64nvme: verified(crc.as_ref(), answer.checksum_crc64_nvme)?,
            })
        };
        call.run(self.settings(), attempt).await
    }

    pub(super) async fn delete(
        &self,
        key: &ObjectKey,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let name = key.as_str();
        checked(
            self.capabilities.delete_conditions,
            precondition,
            "delete",
            name,
        )?;
        if precondition == Some(&Precondition::Absent) {
            let reason = "a delete cannot ask that there be no object";
            return Err(Error::new(ErrorKind::Invalid, "delete", name, reason));
        }
        let (_, if_match) = conditions(precondition);
        let request = self
            .sdk
            .delete_object()
            .bucket(self.bucket.as_str())
            .key(name)
            .set_if_match(if_match);
        let limit = self.settings().deadlines.asking();
        let call = self.call("delete", name, Effect::under(precondition), limit);
        let attempt = || async {
            match request.clone().send().await.map_err(Failure::from) {
                Ok(_) => Ok(()),
                Err(failure) if failure.kind == ErrorKind::NotFound => gone(precondition, failure),
                Err(failure) => Err(failure),
            }
        };
        call.run(self.settings(), attempt).await
    }

    /// Removes one version for good.
    pub(super) async fn delete_version(&self, key: &ObjectKey, version: &str) -> Result<()> {
        let request = self
            .sdk
            .delete_object()
            .bucket(self.bucket.as_str())
            .key(key.as_str())
            .version_id(version);
        let call = self.asking("delete version of", key.as_str());
        let attempt = || async { Ok(request.clone().send().await.map(drop)?) };
        call.run(self.settings(), attempt).await
    }
}

/// There was nothing to delete: fine, unless a certain object was to be there.
fn gone(precondition: Option<&Precondition>, failure: Failure) -> Result<(), Failure> {
    match precondition {
        None => Ok(()),
        Some(_) => Err(unmatched(precondition, failure)),
    }
}

/// S3 answers `If-Match` with 404 where no object stands; to us that is a condition that does not
/// hold. (404 for an upload or a bucket stays what it is.)
pub(super) fn unmatched(precondition: Option<&Precondition>, failure: Failure) -> Failure {
    let missing = failure.kind == ErrorKind::NotFound
        && failure.cause.code().is_none_or(|code| code == "NoSuchKey");
    if !missing || precondition.is_none() {
        return failure;
    }
    Failure {
        kind: ErrorKind::Conflict,
        reason: "its condition does not hold".to_owned(),
        ..failure
    }
}
