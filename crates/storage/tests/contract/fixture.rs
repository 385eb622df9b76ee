//! What a case works on: two fresh buckets of one connection, and short words for the port.

use std::any::Any;
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt as _;
use model::{ErrorKind, ObjectKey};
use storage::{
    Body, ByteRange, Entry, ListRequest, Metadata, MultipartUpload, ObjectStore,
    ObjectStoreExt as _, Part, PartNumber, Pin, PutOptions, Result, Source, Written,
};

/// What a real server gets wrong, so that its run leaves it out; of ours, what one need not do.
#[derive(Debug, Clone, Default)]
pub(crate) struct Quirks {
    /// Keeps no user metadata.
    pub(crate) drops_metadata: bool,
    /// Completes uploads whose parts are named in the wrong order.
    pub(crate) accepts_any_part_order: bool,
    /// Wants part numbers without gaps.
    pub(crate) wants_contiguous_parts: bool,
    /// Cannot list uploads in progress.
    pub(crate) hides_uploads: bool,
    /// Refuses keys with `.` or `..` between slashes, or rewrites them.
    pub(crate) mangles_dots: bool,
    /// Refuses keys with control characters, or breaks listings that hold them.
    pub(crate) mangles_control_characters: bool,
    /// Takes parts below `min_part_size`.
    pub(crate) accepts_small_parts: bool,
    /// Cannot copy an object onto itself.
    pub(crate) refuses_copy_onto_itself: bool,
    /// Copies a source in whatever state, though a state was named.
    pub(crate) copies_any_state: bool,
    /// Names no checksum of what it copied, or another one in its place.
    pub(crate) names_no_checksum_of_copies: bool,
    /// Copies of a range what there is of it, or nothing.
    pub(crate) copies_ranges_behind_the_end: bool,
    /// Answers 500 to parts and completions of an upload that is not there.
    pub(crate) breaks_on_unknown_uploads: bool,
}

/// Two buckets of one connection.
pub(crate) struct Fixture {
    /// The bucket that the cases are about.
    pub(crate) store: Arc<dyn ObjectStore>,
    /// Another one.
    pub(crate) other: Arc<dyn ObjectStore>,
    /// What its server gets wrong.
    pub(crate) quirks: Quirks,
    /// How many entries the largest listing has.
    pub(crate) many: usize,
    /// The most entries that its server puts on a page, however many are asked for.
    pub(crate) page: usize,
    /// Where the first bucket's objects are plain files, if they are: what is only read in bulk
    /// is put there by another program, without waiting for the disk each time.
    pub(crate) plain: Option<PathBuf>,
    /// What has to live as long: a folder, a server.
    pub(crate) _keep: Box<dyn Any + Send + Sync>,
}

impl Fixture {
    /// A fixture for a store of ours.
    pub(crate) fn new(
        store: Arc<dyn ObjectStore>,
        other: Arc<dyn ObjectStore>,
        keep: impl Any + Send + Sync,
    ) -> Self {
        Self {
            store,
            other,
            quirks: Quirks::default(),
            many: 20_000,
            page: 1000,
            plain: None,
            _keep: Box::new(keep),
        }
    }

    /// Puts `bytes` at `at`.
    pub(crate) async fn put(&self, at: &str, bytes: &str) -> Written {
        let bytes = Bytes::copy_from_slice(bytes.as_bytes());
        let written = self.store.put_bytes(&key(at), bytes).await;
        written.unwrap_or_else(|error| panic!("{}", chain(&error)))
    }

    /// Puts `bytes` at `at` with `metadata`.
    pub(crate) async fn put_with(&self, at: &str, bytes: &str, metadata: Metadata) -> Written {
        let options = PutOptions {
            metadata,
            ..PutOptions::default()
        };
        self.store
            .put(&key(at), body(bytes), &options)
            .await
            .unwrap()
    }

    /// What stands at `at`, or what kind of failure a GET gives.
    pub(crate) async fn read(&self, at: &str) -> Result<String, ErrorKind> {
        read(&*self.store, at, None, None).await
    }

    /// The same, of a range.
    pub(crate) async fn read_range(&self, at: &str, range: ByteRange) -> String {
        read(&*self.store, at, Some(range), None).await.unwrap()
    }

    /// The same, in a state.
    pub(crate) async fn read_pinned(&self, at: &str, pin: &Pin) -> Result<String, ErrorKind> {
        read(&*self.store, at, None, Some(pin)).await
    }

    /// Names of all entries that `request` asks for, over all pages.
    pub(crate) async fn list(&self, request: ListRequest) -> Vec<String> {
        let entries: Vec<Entry> = self.store.entries(request).try_collect().await.unwrap();
        entries
            .iter()
            .map(|entry| entry.name().to_owned())
            .collect()
    }

    /// Names of all objects.
    pub(crate) async fn all(&self) -> Vec<String> {
        self.list(ListRequest::default()).await
    }

    /// Begins an upload to `at`.
    pub(crate) async fn begin(&self, at: &str) -> MultipartUpload {
        let options = PutOptions::default();
        self.store.create_upload(&key(at), &options).await.unwrap()
    }

    /// Puts a part.
    pub(crate) async fn part(&self, at: u16, bytes: &str, upload: &MultipartUpload) -> Part {
        self.store
            .put_part(number(at), body(bytes), upload)
            .await
            .unwrap()
    }

    /// Text of a size that this store takes as a part before the last, all of `letter`.
    pub(crate) fn filling(&self, letter: char) -> String {
        let least = self.store.capabilities().min_part_size;
        let len = usize::try_from(least).unwrap().max(1000);
        letter.to_string().repeat(len)
    }

    /// A source in the first bucket, in whatever state.
    pub(crate) fn source(&self, at: &str) -> Source {
        Source {
            bucket: self.store.bucket().clone(),
            key: key(at),
            pin: None,
        }
    }
}

/// A key.
pub(crate) fn key(key: &str) -> ObjectKey {
    ObjectKey::parse(key).unwrap()
}

/// A part number.
pub(crate) fn number(number: u16) -> PartNumber {
    PartNumber::new(number).unwrap()
}

/// A body.
pub(crate) fn body(text: &str) -> Body {
    Bytes::copy_from_slice(text.as_bytes()).into()
}

/// Metadata of one entry.
pub(crate) fn metadata(name: &str, value: &str) -> Metadata {
    Metadata::from([(name.to_owned(), value.to_owned())])
}

/// What stands at `at` in `store`.
pub(crate) async fn read(
    store: &dyn ObjectStore,
    at: &str,
    range: Option<ByteRange>,
    pin: Option<&Pin>,
) -> Result<String, ErrorKind> {
    let fetched = store
        .get(&key(at), range, pin)
        .await
        .map_err(|error| error.kind())?;
    let chunks: Vec<Bytes> = fetched
        .body
        .try_collect()
        .await
        .map_err(|error| error.kind())?;
    Ok(String::from_utf8(chunks.concat()).unwrap())
}

/// Asserts that `result` failed in this way.
#[track_caller]
pub(crate) fn fails<T: Debug>(result: Result<T>, kind: ErrorKind) {
    let error = result.expect_err("it must fail");
    assert_eq!(error.kind(), kind, "{}", chain(&error));
    assert!(!error.outcome_unknown(), "{error}");
}

/// Asserts that there was no such upload, in as far as the store can say so.
#[track_caller]
pub(crate) fn fails_without_upload<T: Debug>(f: &Fixture, result: Result<T>) {
    if f.quirks.breaks_on_unknown_uploads {
        result.expect_err("it must fail");
    } else {
        fails(result, ErrorKind::NotFound);
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
