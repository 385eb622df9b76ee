//! `UploadSettings`: what an upload is told before it starts, and `Base`, what it starts from.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use model::ObjectKey;

use super::progress::Progress;
use crate::fetch::Original;
use crate::{Buffers, Metadata, ObjectHead, ObjectStore, PartPlan, Pin, Result};

/// What must come true before an upload sends its first request: the durable intent.
pub type Intent = BoxFuture<'static, Result<()>>;

/// Makes durable what there is to know of an upload that has begun something in the store.
pub type Began = Arc<dyn Fn(Progress) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// How an upload goes about its work.
pub struct UploadSettings {
    /// The process's memory.
    pub buffers: Buffers,
    /// Awaited before the first request to the store; where it fails, the upload fails with its
    /// error and no request is ever sent.
    pub intent: Option<Intent>,
    /// Awaited after every multipart upload that was begun, at the key or in staging, and before
    /// its first part is sent; also before a staging object is completed. What it is given
    /// replaces what it was given before, and is all that resuming needs after a crash. Calls
    /// take turns. Where it fails, the upload fails with its error.
    pub began: Option<Began>,
    /// User metadata of the object where a multipart upload has to begin before `finish` says
    /// more. One PUT takes the metadata given to `finish`.
    pub metadata: Metadata,
    /// Likewise the MIME type.
    pub content_type: Option<String>,
    /// Where pieces that are composed later stand meanwhile.
    pub staging: Option<Staging>,
    /// Where the parts go as they fill.
    pub placement: Placement,
    /// Part sizes, where not those that [`PartPlan::of`] chooses for the store.
    pub plan: Option<PartPlan>,
    /// The length that the client announced, if it did: a hint for part sizes.
    pub expected_len: Option<u64>,
    /// Bytes of memory for what cannot be sent yet: early arrivals besides the part that is
    /// being filled, and rewritten ranges of parts already sent. Writes beyond it fail with
    /// `Exhausted`.
    pub window: u64,
    /// Parts on their way at once.
    pub parallel_parts: usize,
    /// Bytes that [receipts](crate::Upload::receipt) let be acknowledged and not stored. Where it is
    /// less than a part, a part.
    pub unsaved: u64,
    /// Bytes of zeros that truncates may add, as far as they are not overwritten.
    pub zero_limit: u64,
}

impl UploadSettings {
    /// The defaults: parts straight to the key, a window of 32 MiB, 4 parts at once, 16 MiB that are
    /// not stored, 64 MiB of zeros.
    pub fn new(buffers: Buffers) -> Self {
        Self {
            buffers,
            intent: None,
            began: None,
            metadata: Metadata::new(),
            content_type: None,
            staging: None,
            placement: Placement::default(),
            plan: None,
            expected_len: None,
            window: 32 << 20,
            parallel_parts: 4,
            unsaved: 16 << 20,
            zero_limit: 64 << 20,
        }
    }
}

impl fmt::Debug for UploadSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadSettings")
            .field("placement", &self.placement)
            .field("window", &self.window)
            .field("parallel_parts", &self.parallel_parts)
            .finish_non_exhaustive()
    }
}

/// Where parts go as they fill.
///
/// A store gives nothing back of an unfinished multipart upload, and finishing one publishes it.
/// So bytes sent straight to the key can be sent again but not read, and a part of which only
/// some bytes are rewritten needs the others from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Placement {
    /// Straight to the key: no copy at the end. Of the parts already sent, any may be rewritten
    /// whole, and the first one also in part while [`Buffers::kept`] has room for it; another
    /// partial rewrite fails `finish` with `Unsupported`.
    #[default]
    Direct,
    /// To a staging object that is finished first and then joined into the key by ranged copies:
    /// anything may be rewritten, and read back before the end. For handles that read and
    /// write. Needs [`UploadSettings::staging`] and the store's `part_copy`; else as [`Self::Direct`].
    Staged,
}

/// A place for objects that no client sees.
#[derive(Debug, Clone)]
pub struct Staging {
    /// Its bucket, of the same store connection as the upload's.
    pub store: Arc<dyn ObjectStore>,
    /// What the keys of this upload's pieces begin with; it should name the transfer.
    pub prefix: String,
}

/// The content that an upload starts from: an object, pinned, of which every range survives that
/// is neither written nor truncated away. It is fetched and copied at `finish` only, and only
/// where it survives.
#[derive(Debug, Clone)]
pub struct Base {
    /// Its bucket, of the same store connection as the upload's.
    pub store: Arc<dyn ObjectStore>,
    /// Its key.
    pub key: ObjectKey,
    /// Its state; `finish` fails with `Conflict` where a range of any other state would be needed.
    pub pin: Pin,
    /// Its length in bytes.
    pub len: u64,
}

impl Base {
    /// The object at `key` as `head` describes it.
    pub fn new(store: Arc<dyn ObjectStore>, key: ObjectKey, head: &ObjectHead) -> Self {
        Self {
            store,
            key,
            pin: head.pin(),
            len: head.size,
        }
    }

    pub(crate) fn original(&self) -> Original {
        Original {
            store: self.store.clone(),
            key: self.key.clone(),
            pin: self.pin.clone(),
        }
    }
}
