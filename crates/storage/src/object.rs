//! What goes into a store and comes out: bodies, heads, parts, conditions, pages.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use futures::stream::BoxStream;
use model::{BucketName, ObjectKey, Secret, Timestamp};

use crate::Result;

/// A range of bytes of an object: from `start` up to, not including, `end`.
pub type ByteRange = Range<u64>;

/// User metadata: lower-case names without the `x-amz-meta-` prefix.
pub type Metadata = BTreeMap<String, String>;

/// A stream of an object's bytes, in order.
pub type BodyStream = BoxStream<'static, Result<Bytes>>;

/// The bytes of a PUT or a part, as the list of chunks they were collected in. Cheap to clone,
/// so that a retry sends the same again.
#[derive(Clone, Default)]
pub struct Body {
    chunks: Vec<Bytes>,
    len: u64,
}

impl Body {
    /// A body of these chunks, in order.
    pub fn from_chunks(chunks: Vec<Bytes>) -> Self {
        let len = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Self { chunks, len }
    }

    /// The length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The chunks, in order.
    pub fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }

    /// The chunks of a range that lies inside, in order; nothing is copied.
    pub fn slice(&self, range: Range<u64>) -> Vec<Bytes> {
        let mut start = 0;
        let mut slices = Vec::new();
        for chunk in &self.chunks {
            let end = start + chunk.len() as u64;
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                slices.push(chunk.slice((from - start) as usize..(to - start) as usize));
            }
            start = end;
        }
        slices
    }

    /// The chunks, in order, given away.
    pub fn into_chunks(self) -> Vec<Bytes> {
        self.chunks
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::from_chunks(vec![bytes])
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Body({} bytes in {} chunks)",
            self.len,
            self.chunks.len()
        )
    }
}

/// What must hold for a write or delete to take effect, else the call fails with `Conflict`.
/// Where the store cannot check it ([`Capabilities`]), the call fails with `Unsupported`. Either
/// way nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// No object stands at the key (`If-None-Match: *`).
    Absent,
    /// An object with this ETag stands at the key (`If-Match`).
    Matches(String),
}

/// Pins a read or copy to one state of an object, so that it is never a mix of two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The ETag that the object must (still) have.
    pub etag: String,
    /// The version to read, where the store keeps versions.
    pub version: Option<String>,
}

/// How objects are encrypted at rest by the store.
#[derive(Debug, Clone, Default)]
pub enum Encryption {
    /// As the bucket's default says.
    #[default]
    BucketDefault,
    /// SSE-S3 (`AES256`).
    S3Managed,
    /// SSE-KMS, with this key or the account's default.
    Kms {
        /// Key id, ARN or alias.
        key_id: Option<String>,
    },
    /// SSE-C: the store keeps nothing; every call carries this 256-bit key.
    Customer {
        /// The key, 32 bytes.
        key: Secret<[u8; 32]>,
    },
}

/// What a write says of the object besides its bytes.
#[derive(Debug, Clone, Default)]
pub struct PutOptions {
    /// User metadata.
    pub metadata: Metadata,
    /// MIME type; the store's default where absent.
    pub content_type: Option<String>,
    /// When the write may take effect. Not looked at by `create_upload`: there is
    /// `complete_upload` for it.
    pub precondition: Option<Precondition>,
}

/// What a copy does besides copying bytes, and a rename besides moving them.
#[derive(Debug, Clone, Default)]
pub struct CopyOptions {
    /// Replaces the source's metadata where given; else it is kept.
    pub metadata: Option<Metadata>,
    /// When it may take effect at its target.
    pub precondition: Option<Precondition>,
}

/// Where a copy comes from. The bucket may be another one of the same store connection.
#[derive(Debug, Clone)]
pub struct Source {
    /// The bucket.
    pub bucket: BucketName,
    /// The key.
    pub key: ObjectKey,
    /// The state to copy; a copy of anything else fails with `Conflict`.
    pub pin: Option<Pin>,
}

/// A multipart upload's id, as the store gave it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UploadId(pub String);

/// A multipart upload in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultipartUpload {
    /// Where the object will stand.
    pub key: ObjectKey,
    /// The store's id for it.
    pub id: UploadId,
}

/// The number of a part: 1 to 10,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartNumber(u16);

impl PartNumber {
    /// The largest number S3 takes.
    pub const MAX: u16 = 10_000;

    /// A part number.
    ///
    /// Returns none outside 1 to [`Self::MAX`].
    pub fn new(number: u16) -> Option<Self> {
        (1..=Self::MAX).contains(&number).then_some(Self(number))
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }
}

/// A part that the store has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its number.
    pub number: PartNumber,
    /// Its ETag.
    pub etag: String,
    /// Its length in bytes.
    pub size: u64,
    /// CRC64NVME of its bytes in base64, where the store returned one.
    pub crc64nvme: Option<String>,
}

/// What the store said to a completed write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// The object's ETag, without quotes.
    pub etag: String,
    /// Its version, where the bucket keeps versions.
    pub version: Option<String>,
    /// CRC64NVME of the whole object in base64, where known.
    pub crc64nvme: Option<String>,
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectHead {
    /// Bytes.
    pub size: u64,
    /// ETag, without quotes.
    pub etag: String,
    /// Version, where the bucket keeps versions.
    pub version: Option<String>,
    /// When the store took it.
    pub last_modified: Timestamp,
    /// User metadata.
    pub metadata: Metadata,
    /// MIME type, where the store says one.
    pub content_type: Option<String>,
}

impl ObjectHead {
    /// A pin to exactly this state.
    pub fn pin(&self) -> Pin {
        Pin {
            etag: self.etag.clone(),
            version: self.version.clone(),
        }
    }
}

/// An answer to a GET.
pub struct Fetched {
    /// Of the whole object; its `size` is the object's, not the range's.
    pub head: ObjectHead,
    /// The bytes of the range that was asked for, cut at the object's end.
    pub body: BodyStream,
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched")
            .field("head", &self.head)
            .finish_non_exhaustive()
    }
}

/// Which keys to list, in byte order.
#[derive(Debug, Clone, Default)]
pub struct ListRequest {
    /// Keys that begin with this.
    pub prefix: String,
    /// `Some('/')` folds what follows the next delimiter into common prefixes.
    pub delimiter: Option<char>,
    /// Only entries after this key. Not to be set inside a prefix that `delimiter` folds: there
    /// stores differ on whether the common prefix comes.
    pub start_after: Option<String>,
    /// Where the page before ended.
    pub continuation: Option<String>,
    /// At most so many entries; 1,000 where absent, which is also the most.
    pub max_entries: Option<u16>,
}

/// One entry of a listing. Raw keys: what a client could not name is left in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// An object.
    Object {
        /// Its key.
        key: String,
        /// Bytes.
        size: u64,
        /// ETag, without quotes.
        etag: String,
        /// When the store took it.
        last_modified: Timestamp,
    },
    /// Keys that share this prefix, up to and including the delimiter.
    CommonPrefix(String),
}

impl Entry {
    /// Its key or common prefix, by which listings are ordered.
    pub fn name(&self) -> &str {
        match self {
            Self::Object { key, .. } | Self::CommonPrefix(key) => key,
        }
    }
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListPage {
    /// Objects and common prefixes together, in byte order of their keys.
    pub entries: Vec<Entry>,
    /// For the next request; none at the end.
    pub continuation: Option<String>,
}

/// A multipart upload that was begun and neither completed nor aborted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingUpload {
    /// What it is.
    pub upload: MultipartUpload,
    /// When it was begun.
    pub initiated: Timestamp,
}

/// What this bucket's store can do; probed once per bucket, never assumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// PUT honours [`Precondition::Absent`] and [`Precondition::Matches`].
    pub put_conditions: bool,
    /// So does the completion of a multipart upload.
    pub complete_conditions: bool,
    /// So does a copy, for its target.
    pub copy_conditions: bool,
    /// DELETE honours [`Precondition::Matches`].
    pub delete_conditions: bool,
    /// An object can be given another key of the bucket, at once and whatever its size.
    pub rename: bool,
    /// UploadPartCopy takes ranges.
    pub part_copy: bool,
    /// Every part but the last must have the same size.
    pub uniform_parts: bool,
    /// The smallest part but the last, in bytes (S3: 5 MiB).
    pub min_part_size: u64,
    /// The largest part, in bytes (S3: 5 GiB).
    pub max_part_size: u64,
    /// The largest object that one copy call takes, in bytes (S3: 5 GiB).
    pub max_copy_size: u64,
    /// The bucket keeps versions.
    pub versions: bool,
    /// An object `a` and an object `a/b` can stand together. (The local store cannot.)
    pub file_beside_directory: bool,
    /// The longest key in bytes.
    pub max_key_bytes: usize,
    /// The longest name between two slashes of a key, in bytes, where there is a limit.
    pub max_name_bytes: Option<usize>,
}
