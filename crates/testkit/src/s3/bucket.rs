//! A bucket: objects with their versions, and uploads in progress.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use bytes::Bytes;
use s3s::dto::ETag;

use super::state::now;

/// Objects and uploads.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    /// By key, oldest first. An entry has one version where no versions are kept.
    pub(super) objects: BTreeMap<String, Vec<Object>>,
    /// By key and upload id.
    pub(super) uploads: BTreeMap<(String, String), Upload>,
}

/// One version of an object, or a delete marker.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) version: String,
    pub(super) deleted: bool,
    pub(super) chunks: Vec<Bytes>,
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) crc64nvme: Option<String>,
    pub(super) modified: SystemTime,
    pub(super) headers: Headers,
}

/// What an object has besides bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Headers {
    pub(super) metadata: Option<HashMap<String, String>>,
    pub(super) content_type: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    /// MD5 of the customer's key, where it is sealed with one.
    pub(super) key_md5: Option<String>,
}

/// A multipart upload in progress.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) headers: Headers,
    pub(super) initiated: SystemTime,
    pub(super) parts: BTreeMap<i32, Part>,
}

/// A part.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) chunks: Vec<Bytes>,
    pub(super) size: u64,
    pub(super) crc: u64,
    pub(super) modified: SystemTime,
}

impl Part {
    /// Equal bytes have equal ETags, as in S3.
    pub(super) fn etag(&self) -> String {
        format!("{:016x}{:016x}", self.crc, self.size)
    }
}

impl Object {
    /// An object of these bytes.
    pub(super) fn new(content: Part, headers: Headers) -> Self {
        Self {
            version: "null".to_owned(),
            deleted: false,
            etag: content.etag(),
            crc64nvme: Some(super::checksums::to_base64(content.crc)),
            chunks: content.chunks,
            size: content.size,
            modified: content.modified,
            headers,
        }
    }

    fn marker() -> Self {
        let nothing = Part {
            chunks: Vec::new(),
            size: 0,
            crc: 0,
            modified: now(),
        };
        Self {
            deleted: true,
            ..Self::new(nothing, Headers::default())
        }
    }

    pub(super) fn etag(&self) -> ETag {
        ETag::Strong(self.etag.clone())
    }

    /// None where no versions are kept.
    pub(super) fn version_id(&self) -> Option<String> {
        (self.version != "null").then(|| self.version.clone())
    }

    /// A range of the bytes; the chunks are shared.
    pub(super) fn slice(&self, range: std::ops::Range<u64>) -> Vec<Bytes> {
        let mut begin = 0;
        let mut slices = Vec::new();
        for chunk in &self.chunks {
            let end = begin + chunk.len() as u64;
            let (from, to) = (range.start.max(begin), range.end.min(end));
            if from < to {
                let inside = |at: u64| usize::try_from(at - begin).unwrap_or(usize::MAX);
                slices.push(chunk.slice(inside(from)..inside(to)));
            }
            begin = end;
        }
        slices
    }
}

impl Bucket {
    /// The object that stands at `key`.
    pub(super) fn current(&self, key: &str) -> Option<&Object> {
        let newest = self.objects.get(key)?.last()?;
        (!newest.deleted).then_some(newest)
    }

    /// One version of it.
    pub(super) fn version(&self, key: &str, version: &str) -> Option<&Object> {
        let mut versions = self.objects.get(key)?.iter();
        versions.find(|object| object.version == version)
    }

    /// All that stands, in order.
    pub(super) fn standing(&self) -> impl Iterator<Item = (&str, &Object)> {
        self.objects
            .keys()
            .filter_map(|key| Some((key.as_str(), self.current(key)?)))
    }

    /// Puts `object` on top; in place of what was there where no versions are kept.
    pub(super) fn publish(&mut self, key: &str, mut object: Object, versions: bool) -> Object {
        let stack = self.objects.entry(key.to_owned()).or_default();
        if versions {
            object.version = uuid::Uuid::new_v4().simple().to_string();
        } else {
            stack.clear();
        }
        stack.push(object.clone());
        object
    }

    /// Removes what stands at `key`: behind a delete marker where versions are kept. Returns the
    /// marker's id.
    pub(super) fn remove(&mut self, key: &str, versions: bool) -> Option<String> {
        if !versions {
            self.objects.remove(key);
            return None;
        }
        self.publish(key, Object::marker(), true).version_id()
    }

    /// Removes one version for good.
    pub(super) fn remove_version(&mut self, key: &str, version: &str) {
        let Some(stack) = self.objects.get_mut(key) else {
            return;
        };
        stack.retain(|object| object.version != version);
        if stack.is_empty() {
            self.objects.remove(key);
        }
    }
}
