//! Listings: keys and common prefixes in byte order, and the versions of a key.

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::{EncodingType, Object, ObjectVersion};
use model::{ErrorKind, ObjectKey};

use super::get::{timestamp, version};
use super::store::Shared;
use super::text::{bare_etag, listed_key};
use crate::{Entry, Error, ListPage, ListRequest, Metadata, ObjectHead, Result};

/// The most entries of a page, as in S3.
const MAX_ENTRIES: u16 = 1000;

impl Shared {
    pub(super) async fn list(&self, request: &ListRequest) -> Result<ListPage> {
        let room = request
            .max_entries
            .unwrap_or(MAX_ENTRIES)
            .clamp(1, MAX_ENTRIES);
        let first = request.continuation.is_none();
        let prefix = Some(request.prefix.clone()).filter(|prefix| !prefix.is_empty());
        let send = self
            .sdk
            .list_objects_v2()
            .bucket(self.bucket.as_str())
            .encoding_type(EncodingType::Url)
            .max_keys(i32::from(room))
            .set_prefix(prefix)
            .set_delimiter(request.delimiter.map(String::from))
            .set_continuation_token(request.continuation.clone())
            .set_start_after(request.start_after.clone().filter(|_| first));
        let attempt = || async { Ok(send.clone().send().await?) };
        let call = self.asking("list", &request.prefix);
        let answer = call.run(self.settings(), attempt).await?;
        let after = request.start_after.as_deref();
        page(answer, after).ok_or_else(|| strange("list", &request.prefix))
    }

    /// Whether the bucket is there and may be listed.
    pub(super) async fn look(&self) -> Result<()> {
        let send = self
            .sdk
            .list_objects_v2()
            .bucket(self.bucket.as_str())
            .max_keys(1);
        let attempt = || async { Ok(send.clone().send().await.map(drop)?) };
        let call = self.asking("open bucket", self.bucket.as_str());
        call.run(self.settings(), attempt).await
    }

    pub(super) async fn list_versions(&self, key: &ObjectKey) -> Result<Vec<ObjectHead>> {
        if !self.capabilities.versions {
            return match self.head(key, None).await {
                Ok(head) => Ok(vec![head]),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
                Err(error) => Err(error),
            };
        }
        let stored = self.stored_versions(key).await?;
        Ok(stored.iter().filter_map(head_of_version).collect())
    }

    async fn stored_versions(&self, key: &ObjectKey) -> Result<Vec<ObjectVersion>> {
        let mut found = Vec::new();
        let mut markers = (None, None);
        loop {
            let send = self
                .sdk
                .list_object_versions()
                .bucket(self.bucket.as_str())
                .encoding_type(EncodingType::Url)
                .prefix(key.as_str())
                .set_key_marker(markers.0.take())
                .set_version_id_marker(markers.1.take());
            let attempt = || async { Ok(send.clone().send().await?) };
            let call = self.asking("list versions of", key.as_str());
            let answer = call.run(self.settings(), attempt).await?;
            let encoded = answer.encoding_type.is_some();
            let name = |version: &ObjectVersion| listed_key(version.key()?, encoded);
            let same = |version: &ObjectVersion| name(version).as_deref() == Some(key.as_str());
            found.extend(answer.versions.into_iter().flatten().filter(same));
            // Longer keys with this prefix come behind all versions of this one.
            let next = answer
                .next_key_marker
                .and_then(|next| listed_key(&next, encoded));
            let more = answer.is_truncated == Some(true) && next.as_deref() == Some(key.as_str());
            if !more {
                return Ok(found);
            }
            markers = (next, answer.next_version_id_marker);
        }
    }

    /// The ids of everything that stands at `key`, delete markers included.
    pub(super) async fn version_ids(&self, key: &ObjectKey) -> Result<Vec<String>> {
        let send = self
            .sdk
            .list_object_versions()
            .bucket(self.bucket.as_str())
            .prefix(key.as_str());
        let attempt = || async { Ok(send.clone().send().await?) };
        let call = self.asking("list versions of", key.as_str());
        let answer = call.run(self.settings(), attempt).await?;
        let versions = answer.versions.into_iter().flatten();
        let markers = answer.delete_markers.into_iter().flatten();
        let ids = versions
            .filter_map(|version| version.version_id)
            .chain(markers.filter_map(|marker| marker.version_id));
        Ok(ids.collect())
    }
}

/// Merges what S3 tells apart. None where an entry lacks its name.
fn page(answer: ListObjectsV2Output, after: Option<&str>) -> Option<ListPage> {
    let encoded = answer.encoding_type.is_some();
    let mut entries = Vec::new();
    for object in answer.contents.into_iter().flatten() {
        entries.push(entry(&object, encoded)?);
    }
    for prefix in answer.common_prefixes.into_iter().flatten() {
        entries.push(Entry::CommonPrefix(listed_key(prefix.prefix()?, encoded)?));
    }
    entries.retain(|entry| after.is_none_or(|after| name(entry) > after));
    entries.sort_unstable_by(|a, b| name(a).cmp(name(b)));
    let more = answer.is_truncated == Some(true);
    Some(ListPage {
        entries,
        continuation: answer.next_continuation_token.filter(|_| more),
    })
}

fn entry(object: &Object, encoded: bool) -> Option<Entry> {
    Some(Entry::Object {
        key: listed_key(object.key()?, encoded)?,
        size: u64::try_from(object.size().unwrap_or_default()).ok()?,
        etag: bare_etag(object.e_tag().unwrap_or_default()),
        last_modified: timestamp(object.last_modified()),
    })
}

fn name(entry: &Entry) -> &str {
    match entry {
        Entry::Object { key, .. } => key,
        Entry::CommonPrefix(prefix) => prefix,
    }
}

fn head_of_version(stored: &ObjectVersion) -> Option<ObjectHead> {
    Some(ObjectHead {
        size: u64::try_from(stored.size()?).ok()?,
        etag: bare_etag(stored.e_tag()?),
        version: version(stored.version_id()),
        last_modified: timestamp(stored.last_modified()),
        metadata: Metadata::new(),
        content_type: None,
    })
}

/// An answer that does not follow the API.
pub(super) fn strange(operation: &'static str, object: &str) -> Error {
    let reason = "the store's answer lacks a name";
    Error::new(ErrorKind::Unavailable, operation, object, reason)
}
