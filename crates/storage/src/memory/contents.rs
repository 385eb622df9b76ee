//! What stands in the buckets of a memory store: objects with their versions, uploads with their
//! parts.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use model::{BucketName, ErrorKind, ObjectKey, Timestamp};

use super::objects::Said;
use crate::crc64;
use crate::{Body, Error, ObjectHead, Precondition, Result, Written};

/// Everything that the buckets of one connection hold.
#[derive(Default)]
pub(super) struct Contents {
    buckets: HashMap<BucketName, Bucket>,
    serial: u64,
}

/// One bucket.
#[derive(Default)]
pub(super) struct Bucket {
    /// Key -> its states, oldest first; just one where no versions are kept.
    pub(super) objects: BTreeMap<String, Vec<State>>,
    /// Upload id -> upload.
    pub(super) uploads: BTreeMap<String, Pending>,
}

/// One version of a key.
pub(super) enum State {
    /// An object.
    Stored(Stored),
    /// It was deleted here (versions are kept).
    Deleted,
}

/// An object's bytes and what is said of them.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) bytes: Bytes,
    pub(super) head: ObjectHead,
    pub(super) crc: u64,
}

/// A multipart upload in progress.
pub(super) struct Pending {
    pub(super) key: ObjectKey,
    pub(super) said: Said,
    pub(super) initiated: Timestamp,
    pub(super) parts: BTreeMap<u16, PendingPart>,
}

/// A part of it.
pub(super) struct PendingPart {
    pub(super) bytes: Bytes,
    pub(super) etag: String,
    pub(super) crc: u64,
}

impl Contents {
    pub(super) fn add_bucket(&mut self, name: &BucketName) {
        self.buckets.entry(name.clone()).or_default();
    }

    /// The bucket `name`.
    pub(super) fn bucket(&mut self, name: &BucketName) -> Result<&mut Bucket> {
        let missing = || {
            Error::new(
                ErrorKind::NotFound,
                "open bucket",
                name.as_str(),
                "no such bucket",
            )
        };
        self.buckets.get_mut(name).ok_or_else(missing)
    }

    /// A number that was not given out before.
    pub(super) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }
}

impl Bucket {
    /// The object that stands at `key` now.
    pub(super) fn current(&self, key: &str) -> Option<&Stored> {
        match self.objects.get(key)?.last()? {
            State::Stored(stored) => Some(stored),
            State::Deleted => None,
        }
    }

    /// The versions of `key`, newest first.
    pub(super) fn versions(&self, key: &str) -> impl Iterator<Item = &Stored> {
        let states = self.objects.get(key).into_iter().flatten().rev();
        states.filter_map(|state| match state {
            State::Stored(stored) => Some(stored),
            State::Deleted => None,
        })
    }

    /// Whether `precondition` holds at `key`.
    pub(super) fn check(
        &self,
        operation: &'static str,
        key: &ObjectKey,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let current = self
            .current(key.as_str())
            .map(|stored| stored.head.etag.as_str());
        let reason = match (precondition, current) {
            (None, _) | (Some(Precondition::Absent), None) => return Ok(()),
            (Some(Precondition::Matches(wanted)), Some(etag)) if wanted == etag => return Ok(()),
            (Some(Precondition::Absent), Some(_)) => "an object stands there already",
            (Some(Precondition::Matches(_)), Some(_)) => "the object has changed meanwhile",
            (Some(Precondition::Matches(_)), None) => "the object is gone",
        };
        Err(Error::new(
            ErrorKind::Conflict,
            operation,
            key.as_str(),
            reason,
        ))
    }

    /// Lets `stored` stand at `key`, in place of or on top of what stood there.
    pub(super) fn store(&mut self, key: &ObjectKey, stored: Stored) -> Written {
        let written = Written {
            etag: stored.head.etag.clone(),
            version: stored.head.version.clone(),
            crc64nvme: Some(crc64::to_base64(stored.crc)),
        };
        let keep = stored.head.version.is_some();
        let states = self.objects.entry(key.as_str().to_owned()).or_default();
        if !keep {
            states.clear();
        }
        states.push(State::Stored(stored));
        written
    }

    /// Removes what stands at `key`; where versions are kept, puts a delete marker on top.
    pub(super) fn remove(&mut self, key: &str, keep: bool) {
        if !keep {
            self.objects.remove(key);
        } else if self.current(key).is_some() {
            self.objects
                .entry(key.to_owned())
                .or_default()
                .push(State::Deleted);
        }
    }
}

/// The bytes of `body` in memory of their own: its chunks may belong to a pool that waits for
/// them.
pub(super) fn gather(body: &Body) -> Bytes {
    let len = usize::try_from(body.len()).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(len);
    for chunk in body.chunks() {
        bytes.extend_from_slice(chunk);
    }
    bytes.into()
}
