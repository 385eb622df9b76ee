//! Everything that the server holds, behind one lock: so all conditions are atomic.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use model::{Clock as _, SystemClock};
use s3s::dto::Timestamp;
use s3s::{S3Result, s3_error};

use super::Options;
use super::bucket::{Bucket, Headers, Object, Part};
use super::checksums;

/// The buckets.
pub(super) struct State {
    pub(super) options: Options,
    buckets: Mutex<BTreeMap<String, Bucket>>,
}

impl State {
    pub(super) fn new(options: Options) -> Self {
        let bucket = |name: &String| (name.clone(), Bucket::default());
        Self {
            buckets: Mutex::new(options.buckets.iter().map(bucket).collect()),
            options,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on a bucket; nobody else does meanwhile.
    pub(super) fn with<T>(
        &self,
        bucket: &str,
        work: impl FnOnce(&mut Bucket) -> S3Result<T>,
    ) -> S3Result<T> {
        let mut buckets = self.lock();
        work(
            buckets
                .get_mut(bucket)
                .ok_or_else(|| s3_error!(NoSuchBucket))?,
        )
    }

    /// What a copy takes: the object as it is now. Its bytes are shared, not copied.
    pub(super) fn source(
        &self,
        bucket: &str,
        work: impl FnOnce(&Bucket) -> S3Result<Object>,
    ) -> S3Result<Object> {
        self.with(bucket, |bucket| work(bucket))
    }

    pub(super) fn add_bucket(&self, name: &str) {
        self.lock().entry(name.to_owned()).or_default();
    }

    pub(super) fn keys(&self, bucket: &str) -> Vec<String> {
        let buckets = self.lock();
        let keys = buckets.get(bucket).into_iter().flat_map(Bucket::standing);
        keys.map(|(key, _)| key.to_owned()).collect()
    }

    pub(super) fn content(&self, bucket: &str, key: &str) -> Option<Bytes> {
        let buckets = self.lock();
        let object = buckets.get(bucket)?.current(key)?;
        let mut whole = BytesMut::new();
        for chunk in &object.chunks {
            whole.extend_from_slice(chunk);
        }
        Some(whole.freeze())
    }

    /// Puts an object of these bytes, as another program would.
    pub(super) fn insert(&self, bucket: &str, key: &str, content: Bytes) {
        let part = Part {
            size: content.len() as u64,
            crc: checksums::of([&content[..]]),
            chunks: vec![content],
            modified: now(),
        };
        let object = Object::new(part, Headers::default());
        let mut buckets = self.lock();
        let bucket = buckets.entry(bucket.to_owned()).or_default();
        bucket.publish(key, object, self.options.versions);
    }

    /// Removes what stands at a key, as another program would.
    pub(super) fn discard(&self, bucket: &str, key: &str) {
        if let Some(bucket) = self.lock().get_mut(bucket) {
            bucket.remove(key, self.options.versions);
        }
    }

    pub(super) fn metadata(&self, bucket: &str, key: &str) -> Option<BTreeMap<String, String>> {
        let buckets = self.lock();
        let metadata = buckets.get(bucket)?.current(key)?.headers.metadata.clone();
        Some(metadata.into_iter().flatten().collect())
    }

    pub(super) fn crc64nvme(&self, bucket: &str, key: &str) -> Option<String> {
        let buckets = self.lock();
        buckets.get(bucket)?.current(key)?.crc64nvme.clone()
    }

    pub(super) fn uploads(&self, bucket: &str) -> Vec<(String, String)> {
        let buckets = self.lock();
        let uploads = buckets
            .get(bucket)
            .into_iter()
            .flat_map(|bucket| bucket.uploads.keys());
        uploads.cloned().collect()
    }

    pub(super) fn numbers(&self, bucket: &str, key: &str) -> Vec<i32> {
        let buckets = self.lock();
        let uploads = buckets
            .get(bucket)
            .into_iter()
            .flat_map(|bucket| &bucket.uploads);
        let mut numbers: Vec<i32> = uploads
            .filter(|((at, _), _)| at == key)
            .flat_map(|(_, upload)| upload.parts.keys().copied())
            .collect();
        numbers.sort_unstable();
        numbers
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// The machine's time.
pub(super) fn now() -> SystemTime {
    let micros = u64::try_from(SystemClock.now().as_micros()).unwrap_or_default();
    UNIX_EPOCH + Duration::from_micros(micros)
}

/// A time as the API has it.
pub(super) fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::from(time)
}
