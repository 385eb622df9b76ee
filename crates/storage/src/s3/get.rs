//! GET and HEAD: what stands at a key. A body that breaks off is taken up again where it ended,
//! pinned to the same object.

use std::sync::Arc;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use model::{BucketName, ErrorKind, ObjectKey, Timestamp};
use tracing::debug;

use super::failure::Failure;
use super::sealed::with_customer_key;
use super::store::Shared;
use super::text::{bare_etag, from_headers, quoted};
use crate::{BodyStream, ByteRange, Error, Fetched, ObjectHead, Pin, Result};

impl Shared {
    pub(super) async fn get(
        self: Arc<Self>,
        key: &ObjectKey,
        range: Option<ByteRange>,
        pin: Option<&Pin>,
    ) -> Result<Fetched> {
        let nothing = range.as_ref().is_some_and(|range| range.start >= range.end);
        let answer = match nothing {
            true => None,
            false => self.send_get(key, range.as_ref(), pin).await?,
        };
        let Some(mut answer) = answer else {
            // Behind the end there are no bytes, but there is an object.
            let head = self.head(key, pin).await?;
            let body = stream::empty().boxed();
            return Ok(Fetched { head, body });
        };
        let body = std::mem::take(&mut answer.body);
        let head = head_of_get(&answer).ok_or_else(|| self.strange("get", key))?;
        let wanted = range.unwrap_or(0..head.size);
        let reading = Reading {
            key: key.clone(),
            pin: head.pin(),
            next: wanted.start,
            end: wanted.end.min(head.size),
            resumes: self.settings().retries.attempts.saturating_sub(1),
            store: self,
            body,
        };
        Ok(Fetched {
            head,
            body: reading.into_stream(),
        })
    }

    /// None where the range begins behind the object's end.
    async fn send_get(
        &self,
        key: &ObjectKey,
        range: Option<&ByteRange>,
        pin: Option<&Pin>,
    ) -> Result<Option<GetObjectOutput>> {
        // Numbers that no object reaches are refused by some stores.
        let range = range.map(|range| match i64::try_from(range.end) {
            Ok(end) => format!("bytes={}-{}", range.start, end - 1),
            Err(_) => format!("bytes={}-", range.start),
        });
        let request = with_customer_key!(self.sdk.get_object(), self.sealing)
            .bucket(self.bucket.as_str())
            .key(key.as_str())
            .set_range(range)
            .set_if_match(pin.map(|pin| quoted(&pin.etag)))
            .set_version_id(pin.and_then(|pin| pin.version.clone()));
        let attempt = || async {
            match request.clone().send().await.map_err(Failure::from) {
                Ok(answer) => Ok(Some(answer)),
                Err(failure) if failure.status == Some(416) => Ok(None),
                Err(failure) => Err(failure),
            }
        };
        self.asking("get", key.as_str())
            .run(self.settings(), attempt)
            .await
    }

    pub(super) async fn head(&self, key: &ObjectKey, pin: Option<&Pin>) -> Result<ObjectHead> {
        self.head_in(&self.bucket, key, pin).await
    }

    /// The same in another bucket of the connection.
    pub(super) async fn head_in(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        pin: Option<&Pin>,
    ) -> Result<ObjectHead> {
        let answer = self.send_head(bucket, key, pin).await?;
        let size = answer
            .content_length
            .and_then(|len| u64::try_from(len).ok());
        let head = size
            .zip(answer.e_tag.as_deref())
            .map(|(size, etag)| ObjectHead {
                size,
                etag: bare_etag(etag),
                version: version(answer.version_id.as_deref()),
                last_modified: timestamp(answer.last_modified.as_ref()),
                metadata: from_headers(answer.metadata.iter().flatten()),
                content_type: answer.content_type.clone(),
            });
        head.ok_or_else(|| self.strange("head", key))
    }

    pub(super) async fn send_head(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        pin: Option<&Pin>,
    ) -> Result<HeadObjectOutput> {
        let request = with_customer_key!(self.sdk.head_object(), self.sealing)
            .bucket(bucket.as_str())
            .key(key.as_str())
            .set_if_match(pin.map(|pin| quoted(&pin.etag)))
            .set_version_id(pin.and_then(|pin| pin.version.clone()));
        let attempt = || async { Ok(request.clone().send().await?) };
        self.asking("head", key.as_str())
            .run(self.settings(), attempt)
            .await
    }

    fn strange(&self, operation: &'static str, key: &ObjectKey) -> Error {
        let reason = "the store's answer names no size or ETag";
        Error::new(ErrorKind::Unavailable, operation, key.as_str(), reason)
    }
}

/// Buckets that keep no versions say `null` or nothing.
pub(super) fn version(id: Option<&str>) -> Option<String> {
    id.filter(|id| !id.is_empty() && *id != "null")
        .map(str::to_owned)
}

/// In microseconds; 1970 where the store says nothing.
pub(super) fn timestamp(time: Option<&DateTime>) -> Timestamp {
    let micros = |time: &DateTime| {
        let seconds = time.secs().saturating_mul(1_000_000);
        seconds.saturating_add(i64::from(time.subsec_nanos() / 1000))
    };
    Timestamp::from_micros(time.map_or(0, micros))
}

fn head_of_get(answer: &GetObjectOutput) -> Option<ObjectHead> {
    let size = match answer.content_range.as_deref() {
        Some(range) => range.rsplit_once('/')?.1.parse().ok()?,
        None => u64::try_from(answer.content_length?).ok()?,
    };
    Some(ObjectHead {
        size,
        etag: bare_etag(answer.e_tag.as_deref()?),
        version: version(answer.version_id.as_deref()),
        last_modified: timestamp(answer.last_modified.as_ref()),
        metadata: from_headers(answer.metadata.iter().flatten()),
        content_type: answer.content_type.clone(),
    })
}

/// A body on its way.
struct Reading {
    store: Arc<Shared>,
    key: ObjectKey,
    pin: Pin,
    next: u64,
    end: u64,
    resumes: u32,
    body: ByteStream,
}

impl Reading {
    fn into_stream(self) -> BodyStream {
        stream::try_unfold(self, Self::step).boxed()
    }

    async fn step(mut self) -> Result<Option<(Bytes, Self)>> {
        while self.next < self.end {
            let idle = self.store.settings().deadlines.idle;
            let why = match tokio::time::timeout(idle, self.body.next()).await {
                Ok(Some(Ok(chunk))) => match self.take(chunk) {
                    Some(chunk) => return Ok(Some((chunk, self))),
                    None => continue,
                },
                Ok(Some(Err(error))) => error.to_string(),
                Ok(None) => "it ended early".to_owned(),
                Err(_) => format!("nothing came for {idle:?}"),
            };
            self.resume(why).await?;
        }
        Ok(None)
    }

    /// Counts what came, and cuts what a store sends beyond the range.
    fn take(&mut self, mut chunk: Bytes) -> Option<Bytes> {
        let room = usize::try_from(self.end - self.next).unwrap_or(usize::MAX);
        chunk.truncate(room);
        self.next += chunk.len() as u64;
        (!chunk.is_empty()).then_some(chunk)
    }

    async fn resume(&mut self, why: String) -> Result<()> {
        let failed = |why: String| {
            let reason = "the store broke the answer off";
            Error::new(ErrorKind::Unavailable, "get", self.key.as_str(), reason).caused_by(why)
        };
        if self.resumes == 0 {
            return Err(failed(why));
        }
        debug!(key = %self.key, offset = self.next, %why, "a body is taken up again");
        let rest = self.next..self.end;
        let answer = self.store.send_get(&self.key, Some(&rest), Some(&self.pin));
        let answer = answer.await?.ok_or_else(|| failed(why))?;
        // A store that ignores ranges would begin anew.
        let expected = format!("bytes {}-", self.next);
        if !answer
            .content_range
            .is_some_and(|range| range.starts_with(&expected))
        {
            return Err(failed("the store does not serve ranges".to_owned()));
        }
        self.resumes -= 1;
        self.body = answer.body;
        Ok(())
    }
}
