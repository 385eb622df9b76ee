//! `Progress`: what stands in a store of an unfinished upload, as its owner keeps it.

use std::ops::Range;

use model::{ErrorKind, ObjectKey};
use serde::{Deserialize, Serialize};

use super::plan::PartPlan;
use super::settings::{Placement, Staging};
use crate::{Error, MultipartUpload, ObjectStore, Pin, Result, UploadId};

/// The form that this version writes.
const VERSION: u32 = 1;

/// What stands in a store of an unfinished upload: enough to go on with it on any node.
///
/// An upload that was detached has one that is exact. One that still runs tells its owner before
/// it sends anything ([`UploadSettings::began`](super::UploadSettings::began)); after a crash the
/// store is asked which parts arrived since, and those that follow without a hole count.
///
/// It is kept as JSON: a few hundred bytes, some more where bytes were written in many places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub(super) v: u32,
    pub(super) key: String,
    /// The upload may have gone on since: parts that are not named here count too.
    pub(super) open: bool,
    /// Contiguous bytes from 0 on that the store has.
    pub(super) safe: u64,
    /// Parts go to staging first.
    pub(super) staged: bool,
    pub(super) plan: PartPlan,
    /// The multipart upload at the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) main: Option<String>,
    /// Multipart uploads in staging by name, with their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) staging: Vec<(String, String)>,
    /// What staging objects of a staged upload were completed of, or just being.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) wholes: Vec<Whole>,
    /// Slots whose parts are as they should be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) sent: Vec<Range<u64>>,
    /// Those of them that were truncated since, each with the length that is left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) cut: Vec<(u64, u64)>,
    /// A checksum of the parts' ETags.
    #[serde(default)]
    pub(super) digest: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tails: Vec<Tail>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) base: Option<Below>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) zeros: Vec<Range<u64>>,
}

/// A staging object that holds parts of a staged upload, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Whole {
    pub(super) generation: u32,
    pub(super) slots: Vec<Range<u64>>,
    /// Those of them that are out of date.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) void: Vec<Range<u64>>,
}

/// A staging object, or another file, that holds bytes which are no part yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tail {
    /// In staging; empty for a file.
    pub(super) name: String,
    /// The key of a file in the upload's bucket that these bytes are to be copied from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    #[serde(with = "PinForm")]
    pub(super) pin: Pin,
    /// Ranges of the upload, and where in the object each begins.
    pub(super) ranges: Vec<(Range<u64>, u64)>,
}

/// What survives of the base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Below {
    #[serde(with = "PinForm")]
    pub(super) pin: Pin,
    pub(super) len: u64,
    /// The key of the object, where it was copied from there and is not what the upload changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    /// Where in the object the upload's first byte is.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) from: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Pin")]
struct PinForm {
    etag: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

impl Progress {
    pub(super) fn new(key: &ObjectKey, plan: PartPlan, staged: bool) -> Self {
        Self {
            v: VERSION,
            key: key.as_str().to_owned(),
            open: true,
            safe: 0,
            staged,
            plan,
            main: None,
            staging: Vec::new(),
            wholes: Vec::new(),
            sent: Vec::new(),
            cut: Vec::new(),
            digest: 0,
            tails: Vec::new(),
            base: None,
            zeros: Vec::new(),
        }
    }

    /// Reads what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// `Invalid` where it is none, or that of a newer version of Pierhead.
    pub fn from_json(json: &str) -> Result<Self> {
        let unreadable = |reason: &str| {
            let operation = "read the progress of";
            Error::new(ErrorKind::Invalid, operation, "an upload", reason)
        };
        let progress: Self = serde_json::from_str(json)
            .map_err(|error| unreadable("it is not of a known form").caused_by(error))?;
        if progress.v != VERSION {
            let reason = "a newer version wrote it; go on with it there";
            return Err(unreadable(reason));
        }
        Ok(progress)
    }

    /// As JSON, on one line.
    pub fn to_json(&self) -> String {
        // Strings and numbers alone: nothing in it can fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Contiguous bytes from 0 on that the store has for certain: all that a client need not send
    /// again. Where [`Self::is_exact`] does not hold there may be more.
    pub fn safe(&self) -> u64 {
        self.safe
    }

    /// Whether nothing was written since: the upload was detached.
    pub fn is_exact(&self) -> bool {
        !self.open
    }

    /// The same for an upload that goes on from here: what its owner records before he resumes
    /// it, so that parts sent afterwards count where this node dies too.
    #[must_use]
    pub fn reopened(&self) -> Self {
        Self {
            open: true,
            ..self.clone()
        }
    }

    /// Where parts go.
    pub fn placement(&self) -> Placement {
        if self.staged {
            Placement::Staged
        } else {
            Placement::Direct
        }
    }

    /// The base that is needed still: its state and how many of its bytes survive.
    pub fn base(&self) -> Option<(&Pin, u64)> {
        let base = self.base.as_ref().filter(|base| base.len > 0)?;
        Some((&base.pin, base.len))
    }

    /// Where the base is, if that is another object than the one that the upload changes: a file
    /// that was copied.
    pub fn copied_from(&self) -> Option<ObjectKey> {
        ObjectKey::parse(self.base.as_ref()?.key.as_deref()?).ok()
    }

    /// The multipart upload at the key, if one was begun.
    pub fn multipart(&self) -> Option<MultipartUpload> {
        Some(MultipartUpload {
            key: ObjectKey::parse(&self.key).ok()?,
            id: UploadId(self.main.clone()?),
        })
    }

    /// Takes everything of the upload away from the store: gives its multipart uploads up and
    /// deletes what stands below its staging prefix. Fine when repeated.
    ///
    /// # Errors
    /// What the store failed with first; everything was tried.
    pub async fn discard(&self, store: &dyn ObjectStore, staging: Option<&Staging>) -> Result<()> {
        super::discard::discard(self, store, staging).await
    }
}
