//! SHA-256 of what passes.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use storage::{Download, DownloadSettings, ObjectHead, ObjectStore};

use super::content::Content;
use super::import::Shared;
use crate::Result;

/// A digest in the making.
#[derive(Clone, Default)]
pub(crate) struct Digest(Sha256);

impl Digest {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// In hexadecimal digits.
    pub(crate) fn end(self) -> String {
        hexadecimal(&self.0.finalize())
    }
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The digest of a file of the source, and its length.
pub(crate) async fn of_source(content: &mut dyn Content, shared: &Shared) -> Result<(String, u64)> {
    let (mut digest, mut length) = (Digest::default(), 0);
    while let Some(pieces) = content.next().await? {
        for piece in pieces {
            shared.pass(piece.len()).await;
            digest.add(&piece);
            length += piece.len() as u64;
        }
    }
    Ok((digest.end(), length))
}

/// The digest of an object as `head` describes it.
pub(crate) async fn of_object(
    store: &std::sync::Arc<dyn ObjectStore>,
    key: &model::ObjectKey,
    head: ObjectHead,
    shared: &Shared,
) -> storage::Result<String> {
    let size = head.size;
    let settings = DownloadSettings::new(shared.transfers.buffers());
    let store = std::sync::Arc::clone(store);
    let download = Download::open(store, key.clone(), Some(head), settings).await?;
    let (mut digest, mut at) = (Digest::default(), 0);
    while at < size {
        let pieces: Vec<Bytes> = download.read(at, 1 << 20).await?;
        for piece in pieces {
            at += piece.len() as u64;
            digest.add(&piece);
        }
    }
    Ok(digest.end())
}
