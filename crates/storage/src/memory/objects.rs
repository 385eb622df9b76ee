//! The verbs of the memory store on whole objects, and its listings.

use std::ops::Bound;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use model::{ErrorKind, ObjectKey};

use super::contents::{Bucket, Contents, State, Stored, gather};
use super::{MemoryStore, checked};
use crate::crc64;
use crate::paging::{Cursor, PageBuilder};
use crate::{
    Body, BodyStream, ByteRange, CopyOptions, Entry, Error, Fetched, ListPage, ListRequest,
    Metadata, ObjectHead, Pin, Precondition, PutOptions, Result, Source, Written,
};

/// The most bytes that a body yields at once.
const CHUNK: usize = 256 * 1024;

/// What a write says of an object.
#[derive(Clone)]
pub(super) struct Said {
    pub(super) metadata: Metadata,
    pub(super) content_type: Option<String>,
}

impl Said {
    fn of_copy(from: &Stored, options: &CopyOptions) -> Self {
        let metadata = options.metadata.as_ref().unwrap_or(&from.head.metadata);
        Self {
            metadata: metadata.clone(),
            content_type: from.head.content_type.clone(),
        }
    }
}

impl MemoryStore {
    pub(super) fn put_now(
        &self,
        key: &ObjectKey,
        body: &Body,
        options: &PutOptions,
    ) -> Result<Written> {
        let able = self.capabilities.put_conditions;
        let precondition = checked(options.precondition.as_ref(), able, "put", key)?;
        self.check_key("put", key)?;
        if body.len() > self.capabilities.max_part_size {
            let reason = "it is larger than one request may be";
            return Err(Error::new(ErrorKind::Invalid, "put", key.as_str(), reason));
        }
        let bytes = gather(body);
        let crc = crc64::of([bytes.as_ref()]);
        let contents = &mut *self.contents();
        contents
            .bucket(&self.bucket)?
            .check("put", key, precondition)?;
        let etag = format!("{crc:016x}");
        let said = Said {
            metadata: options.metadata.clone(),
            content_type: options.content_type.clone(),
        };
        let stored = self.stored(contents, bytes, etag, crc, said);
        Ok(contents.bucket(&self.bucket)?.store(key, stored))
    }

    pub(super) fn get_now(
        &self,
        key: &ObjectKey,
        range: Option<ByteRange>,
        pin: Option<&Pin>,
        cut: Option<u64>,
    ) -> Result<Fetched> {
        let contents = &mut *self.contents();
        let stored = pinned(contents.bucket(&self.bucket)?, "get", key, pin)?;
        let range = clamp(range, stored.bytes.len());
        let body = body_stream(key, stored.bytes.slice(range), cut);
        Ok(Fetched {
            head: stored.head.clone(),
            body,
        })
    }

    pub(super) fn head_now(&self, key: &ObjectKey) -> Result<ObjectHead> {
        let contents = &mut *self.contents();
        let stored = pinned(contents.bucket(&self.bucket)?, "head", key, None)?;
        Ok(stored.head.clone())
    }

    pub(super) fn delete_now(
        &self,
        key: &ObjectKey,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        if precondition == Some(&Precondition::Absent) {
            let reason = "there is nothing to delete where nothing may be";
            return Err(Error::new(
                ErrorKind::Invalid,
                "delete",
                key.as_str(),
                reason,
            ));
        }
        let able = self.capabilities.delete_conditions;
        let precondition = checked(precondition, able, "delete", key)?;
        let contents = &mut *self.contents();
        let bucket = contents.bucket(&self.bucket)?;
        bucket.check("delete", key, precondition)?;
        bucket.remove(key.as_str(), self.capabilities.versions);
        Ok(())
    }

    pub(super) fn copy_now(
        &self,
        source: &Source,
        to: &ObjectKey,
        options: &CopyOptions,
    ) -> Result<Written> {
        let able = self.capabilities.copy_conditions;
        let precondition = checked(options.precondition.as_ref(), able, "copy to", to)?;
        self.check_key("copy to", to)?;
        let contents = &mut *self.contents();
        let from = contents.bucket(&source.bucket)?;
        let from = pinned(from, "copy", &source.key, source.pin.as_ref())?.clone();
        if from.head.size > self.capabilities.max_copy_size {
            let reason = "it is larger than one copy may be";
            return Err(Error::new(
                ErrorKind::Invalid,
                "copy",
                source.key.as_str(),
                reason,
            ));
        }
        contents
            .bucket(&self.bucket)?
            .check("copy to", to, precondition)?;
        let said = Said::of_copy(&from, options);
        let etag = format!("{:016x}", from.crc);
        let stored = self.stored(contents, from.bytes, etag, from.crc, said);
        Ok(contents.bucket(&self.bucket)?.store(to, stored))
    }

    pub(super) fn rename_now(
        &self,
        source: &Source,
        to: &ObjectKey,
        options: &CopyOptions,
    ) -> Result<Written> {
        let failed = |kind, reason| Error::new(kind, "rename", source.key.as_str(), reason);
        if !self.capabilities.rename {
            let reason = "this store gives no object another key";
            return Err(failed(ErrorKind::Unsupported, reason));
        }
        let is_marker = |key: &ObjectKey| key.as_str().ends_with('/');
        if source.bucket != self.bucket || is_marker(&source.key) || is_marker(to) {
            let reason = "only files are given other keys, within their bucket";
            return Err(failed(ErrorKind::Unsupported, reason));
        }
        if source.key == *to {
            let reason = "both keys are the same";
            return Err(failed(ErrorKind::Invalid, reason));
        }
        let able = self.capabilities.copy_conditions;
        let precondition = checked(options.precondition.as_ref(), able, "rename to", to)?;
        self.check_key("rename to", to)?;
        let contents = &mut *self.contents();
        let bucket = contents.bucket(&self.bucket)?;
        let current = bucket.current(source.key.as_str());
        let current = current.ok_or_else(|| failed(ErrorKind::NotFound, "no such object"))?;
        if source
            .pin
            .as_ref()
            .is_some_and(|pin| *pin != current.head.pin())
        {
            let reason = "the object has changed meanwhile";
            return Err(failed(ErrorKind::Conflict, reason));
        }
        let from = current.clone();
        bucket.check("rename to", to, precondition)?;
        bucket.remove(source.key.as_str(), self.capabilities.versions);
        let said = Said::of_copy(&from, options);
        let stored = self.stored(contents, from.bytes, from.head.etag, from.crc, said);
        Ok(contents.bucket(&self.bucket)?.store(to, stored))
    }

    pub(super) fn list_versions_now(&self, key: &ObjectKey) -> Result<Vec<ObjectHead>> {
        let contents = &mut *self.contents();
        let versions = contents.bucket(&self.bucket)?.versions(key.as_str());
        Ok(versions.map(|stored| stored.head.clone()).collect())
    }

    pub(super) fn list_now(&self, request: &ListRequest) -> Result<ListPage> {
        let contents = &mut *self.contents();
        Ok(list(contents.bucket(&self.bucket)?, request))
    }

    /// An object as it will stand, with a version where the bucket keeps them.
    pub(super) fn stored(
        &self,
        contents: &mut Contents,
        bytes: Bytes,
        etag: String,
        crc: u64,
        said: Said,
    ) -> Stored {
        let serial = contents.next_serial();
        let head = ObjectHead {
            size: bytes.len() as u64,
            etag,
            version: self.capabilities.versions.then(|| format!("v{serial}")),
            last_modified: self.shared.clock.now(),
            metadata: said.metadata,
            content_type: said.content_type,
        };
        Stored { bytes, head, crc }
    }

    /// Refuses keys beyond the limits that the capabilities tell of.
    pub(super) fn check_key(&self, operation: &'static str, key: &ObjectKey) -> Result<()> {
        let limits = &self.capabilities;
        let longest = key.as_str().split('/').map(str::len).max().unwrap_or(0);
        let reason = if key.as_str().len() > limits.max_key_bytes {
            "the key is longer than this store takes"
        } else if limits.max_name_bytes.is_some_and(|most| longest > most) {
            "a name in the key is longer than this store takes"
        } else {
            return Ok(());
        };
        Err(Error::new(
            ErrorKind::Invalid,
            operation,
            key.as_str(),
            reason,
        ))
    }
}

/// The state of `key` that `pin` names, or the one that stands there now.
pub(super) fn pinned<'a>(
    bucket: &'a Bucket,
    operation: &'static str,
    key: &ObjectKey,
    pin: Option<&Pin>,
) -> Result<&'a Stored> {
    let failed = |kind, reason| Error::new(kind, operation, key.as_str(), reason);
    let found = match pin.and_then(|pin| pin.version.as_ref()) {
        Some(version) => bucket
            .versions(key.as_str())
            .find(|stored| stored.head.version.as_ref() == Some(version)),
        None => bucket.current(key.as_str()),
    };
    let stored = found.ok_or_else(|| failed(ErrorKind::NotFound, "no such object"))?;
    match pin {
        Some(pin) if pin.etag != stored.head.etag => Err(failed(
            ErrorKind::Conflict,
            "the object has changed meanwhile",
        )),
        _ => Ok(stored),
    }
}

/// The part of `range` that lies inside an object of `len` bytes.
fn clamp(range: Option<ByteRange>, len: usize) -> std::ops::Range<usize> {
    let Some(range) = range else { return 0..len };
    let inside = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(len);
    let start = inside(range.start);
    start..inside(range.end).max(start)
}

/// `bytes` in chunks; with `cut` breaking off after so many of them.
fn body_stream(key: &ObjectKey, mut bytes: Bytes, cut: Option<u64>) -> BodyStream {
    let cut = cut
        .and_then(|cut| usize::try_from(cut).ok())
        .filter(|cut| *cut < bytes.len());
    let broken = cut.map(|cut| {
        bytes.truncate(cut);
        let reason = "the connection broke (injected fault)";
        Err(Error::new(
            ErrorKind::Unavailable,
            "read",
            key.as_str(),
            reason,
        ))
    });
    let chunks = std::iter::from_fn(move || {
        let chunk = bytes.split_to(bytes.len().min(CHUNK));
        (!chunk.is_empty()).then_some(Ok(chunk))
    });
    stream::iter(chunks.chain(broken)).boxed()
}

/// A page of what stands in `bucket` now.
fn list(bucket: &Bucket, request: &ListRequest) -> ListPage {
    let cursor = Cursor::of(request);
    let mut page = PageBuilder::new(request);
    let mut folded: Option<String> = None;
    let from = cursor
        .name()
        .unwrap_or("")
        .max(request.prefix.as_str())
        .to_owned();
    let keys = bucket
        .objects
        .range::<str, _>((Bound::Included(from.as_str()), Bound::Unbounded));
    for (key, states) in keys.take_while(|(key, _)| key.starts_with(&request.prefix)) {
        let Some(State::Stored(stored)) = states.last() else {
            continue;
        };
        if folded
            .as_ref()
            .is_some_and(|prefix| key.starts_with(prefix.as_str()))
        {
            continue;
        }
        let entry = entry(key, stored, request);
        if !cursor.precedes(entry.name()) {
            continue;
        }
        if page.is_full() {
            return page.continued();
        }
        if let Entry::CommonPrefix(prefix) = &entry {
            folded = Some(prefix.clone());
        }
        page.push(entry);
    }
    page.last()
}

/// The entry that `key` makes: itself, or what it folds into.
fn entry(key: &str, stored: &Stored, request: &ListRequest) -> Entry {
    let rest = key.get(request.prefix.len()..).unwrap_or("");
    let end = request
        .delimiter
        .and_then(|d| rest.find(d).map(|at| at + d.len_utf8()));
    match end.and_then(|end| key.get(..request.prefix.len() + end)) {
        Some(prefix) => Entry::CommonPrefix(prefix.to_owned()),
        None => Entry::Object {
            key: key.to_owned(),
            size: stored.head.size,
            etag: stored.head.etag.clone(),
            last_modified: stored.head.last_modified,
        },
    }
}
