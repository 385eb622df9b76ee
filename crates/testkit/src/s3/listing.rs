//! Listings of objects, versions and uploads, by page.

use std::ops::Bound;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use super::bucket::{Bucket, Object as Stored};
use super::state::{State, timestamp};

type Answer<T> = S3Result<S3Response<T>>;

const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'*')
    .remove(b'/');

/// Keys as `encoding-type=url` has them: percent signs, and `+` for a space.
fn name(key: &str, encoding: Option<&EncodingType>) -> String {
    if encoding.is_none() {
        return key.to_owned();
    }
    utf8_percent_encode(key, PLAIN)
        .to_string()
        .replace("%20", "+")
}

/// One entry of a folded listing.
enum Found<'a> {
    Object(&'a str, &'a Stored),
    Prefix(&'a str),
}

impl Found<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Object(name, _) | Self::Prefix(name) => name,
        }
    }
}

/// Up to `room` entries behind `after`.
fn page<'a>(
    bucket: &'a Bucket,
    prefix: &str,
    delimiter: Option<&str>,
    after: &str,
    room: usize,
) -> Vec<Found<'a>> {
    let mut found: Vec<Found<'a>> = Vec::new();
    let from = if after < prefix {
        Bound::Included(prefix)
    } else {
        Bound::Excluded(after)
    };
    let keys = bucket.objects.range::<str, _>((from, Bound::Unbounded));
    for (key, _) in keys.take_while(|(key, _)| key.starts_with(prefix)) {
        let Some(object) = bucket.current(key) else {
            continue;
        };
        let folded = delimiter.and_then(|delimiter| {
            let at = key[prefix.len()..].find(delimiter)?;
            Some(&key[..prefix.len() + at + delimiter.len()])
        });
        let entry = match folded {
            Some(folded) => Found::Prefix(folded),
            None => Found::Object(key, object),
        };
        let known = found.last().is_some_and(|last| last.name() == entry.name());
        if known || entry.name() <= after {
            continue;
        }
        if found.len() == room {
            break;
        }
        found.push(entry);
    }
    found
}

impl State {
    /// How many entries a page may have.
    pub(super) fn room(&self, wanted: Option<i32>) -> usize {
        let wanted = wanted.and_then(|wanted| usize::try_from(wanted).ok());
        wanted.unwrap_or(self.options.page).min(self.options.page)
    }

    pub(super) fn list(&self, input: &ListObjectsV2Input) -> Answer<ListObjectsV2Output> {
        let encoding = input.encoding_type.as_ref();
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let token = input
            .continuation_token
            .as_deref()
            .map(from_token)
            .transpose()?;
        let after = token
            .or_else(|| input.start_after.clone())
            .unwrap_or_default();
        let room = self.room(input.max_keys);
        self.with(&input.bucket, |bucket| {
            let delimiter = input.delimiter.as_deref();
            let mut found = page(bucket, prefix, delimiter, &after, room + 1);
            let more = found.len() > room;
            found.truncate(room);
            let next = found
                .last()
                .filter(|_| more)
                .map(|last| to_token(last.name()));
            let mut contents = Vec::new();
            let mut prefixes = Vec::new();
            for entry in &found {
                match entry {
                    Found::Object(key, object) => contents.push(listed(key, object, encoding)),
                    Found::Prefix(prefix) => prefixes.push(CommonPrefix {
                        prefix: Some(name(prefix, encoding)),
                    }),
                }
            }
            Ok(S3Response::new(ListObjectsV2Output {
                name: Some(input.bucket.clone()),
                prefix: input.prefix.as_deref().map(|prefix| name(prefix, encoding)),
                key_count: i32::try_from(found.len()).ok(),
                max_keys: i32::try_from(room).ok(),
                is_truncated: Some(more),
                next_continuation_token: next,
                contents: Some(contents),
                common_prefixes: Some(prefixes),
                encoding_type: input.encoding_type.clone(),
                ..ListObjectsV2Output::default()
            }))
        })
    }

    pub(super) fn uploads_page(
        &self,
        input: &ListMultipartUploadsInput,
    ) -> Answer<ListMultipartUploadsOutput> {
        let encoding = input.encoding_type.as_ref();
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let key = input.key_marker.clone().unwrap_or_default();
        // Without an id the marker stands behind all uploads of its key.
        let id = input
            .upload_id_marker
            .clone()
            .unwrap_or_else(|| "\u{10ffff}".to_owned());
        let after = (key, id);
        let room = self.room(input.max_uploads);
        self.with(&input.bucket, |bucket| {
            let behind = bucket
                .uploads
                .range((Bound::Excluded(after), Bound::Unbounded));
            let mine = behind.filter(|((key, _), _)| key.starts_with(prefix));
            let mut found: Vec<_> = mine.take(room + 1).collect();
            let more = found.len() > room;
            found.truncate(room);
            let last = found.last().filter(|_| more).map(|(at, _)| (*at).clone());
            let (next_key, next_id) = last.unzip();
            let upload = |((key, id), upload): &(&(String, String), &super::bucket::Upload)| {
                MultipartUpload {
                    key: Some(name(key, encoding)),
                    upload_id: Some(id.clone()),
                    initiated: Some(timestamp(upload.initiated)),
                    ..MultipartUpload::default()
                }
            };
            Ok(S3Response::new(ListMultipartUploadsOutput {
                bucket: Some(input.bucket.clone()),
                is_truncated: Some(more),
                next_key_marker: next_key.map(|key| name(&key, encoding)),
                next_upload_id_marker: next_id,
                uploads: Some(found.iter().map(upload).collect()),
                encoding_type: input.encoding_type.clone(),
                ..ListMultipartUploadsOutput::default()
            }))
        })
    }

    pub(super) fn versions_page(
        &self,
        input: &ListObjectVersionsInput,
    ) -> Answer<ListObjectVersionsOutput> {
        let encoding = input.encoding_type.as_ref();
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let room = self.room(input.max_keys);
        self.with(&input.bucket, |bucket| {
            let mut found = stacks(bucket, prefix);
            if let Some(marker) = input.key_marker.as_deref() {
                let id = input.version_id_marker.as_deref();
                let at = |(key, object, _): &(&str, &Stored, bool)| {
                    *key == marker && id == Some(object.version.as_str())
                };
                match found.iter().position(at) {
                    Some(at) => drop(found.drain(..=at)),
                    None => found.retain(|(key, _, _)| *key > marker),
                }
            }
            let more = found.len() > room;
            found.truncate(room);
            let last = found.last().filter(|_| more);
            let (versions, markers): (Vec<_>, Vec<_>) =
                found.iter().partition(|(_, object, _)| !object.deleted);
            Ok(S3Response::new(ListObjectVersionsOutput {
                name: Some(input.bucket.clone()),
                is_truncated: Some(more),
                next_key_marker: last.map(|(key, _, _)| name(key, encoding)),
                next_version_id_marker: last.map(|(_, object, _)| object.version.clone()),
                versions: Some(versions.into_iter().map(|v| version(v, encoding)).collect()),
                delete_markers: Some(markers.into_iter().map(|m| marker(m, encoding)).collect()),
                encoding_type: input.encoding_type.clone(),
                ..ListObjectVersionsOutput::default()
            }))
        })
    }
}

/// Key, version and whether it is the latest; newest first below each key.
fn stacks<'a>(bucket: &'a Bucket, prefix: &str) -> Vec<(&'a str, &'a Stored, bool)> {
    let mut found = Vec::new();
    for (key, stack) in &bucket.objects {
        if !key.starts_with(prefix) {
            continue;
        }
        let newest_first = stack.iter().rev().enumerate();
        found.extend(newest_first.map(|(index, object)| (key.as_str(), object, index == 0)));
    }
    found
}

fn listed(key: &str, object: &Stored, encoding: Option<&EncodingType>) -> Object {
    Object {
        key: Some(name(key, encoding)),
        e_tag: Some(object.etag()),
        size: i64::try_from(object.size).ok(),
        last_modified: Some(timestamp(object.modified)),
        ..Object::default()
    }
}

fn version(
    (key, object, latest): &(&str, &Stored, bool),
    encoding: Option<&EncodingType>,
) -> ObjectVersion {
    ObjectVersion {
        key: Some(name(key, encoding)),
        version_id: Some(object.version.clone()),
        is_latest: Some(*latest),
        e_tag: Some(object.etag()),
        size: i64::try_from(object.size).ok(),
        last_modified: Some(timestamp(object.modified)),
        ..ObjectVersion::default()
    }
}

fn marker(
    (key, object, latest): &(&str, &Stored, bool),
    encoding: Option<&EncodingType>,
) -> DeleteMarkerEntry {
    DeleteMarkerEntry {
        key: Some(name(key, encoding)),
        version_id: Some(object.version.clone()),
        is_latest: Some(*latest),
        last_modified: Some(timestamp(object.modified)),
        ..DeleteMarkerEntry::default()
    }
}

/// Opaque to clients, as S3's are.
fn to_token(name: &str) -> String {
    let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
    format!("after-{name}")
}

fn from_token(token: &str) -> S3Result<String> {
    let name = token.strip_prefix("after-");
    let name = name.and_then(|name| percent_decode_str(name).decode_utf8().ok());
    let name = name.ok_or_else(|| s3_error!(InvalidArgument, "the token is not one of ours"))?;
    Ok(name.into_owned())
}
