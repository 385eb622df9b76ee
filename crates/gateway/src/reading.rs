//! A file that is open for reading.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use model::VirtualPath;
use storage::Download;

use crate::place::Place;
use crate::{Error, FileAttributes, Result};

/// An object being read, and how much of it was.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) place: Place,
    pub(crate) download: Download,
    pub(crate) attributes: FileAttributes,
    /// Nobody but its owner sees it, and nobody hears of its being read.
    is_private: bool,
    served: AtomicU64,
    reached_end: AtomicBool,
}

impl Reading {
    pub(crate) fn new(place: Place, download: Download, attributes: FileAttributes) -> Self {
        Self {
            place,
            download,
            attributes,
            is_private: false,
            served: AtomicU64::new(0),
            reached_end: AtomicBool::new(false),
        }
    }

    /// A file that its owner alone sees.
    pub(crate) fn private(place: Place, download: Download, attributes: FileAttributes) -> Self {
        Self {
            is_private: true,
            ..Self::new(place, download, attributes)
        }
    }

    pub(crate) fn path(&self) -> &VirtualPath {
        &self.place.path
    }

    pub(crate) async fn read(&self, offset: u64, len: u32) -> Result<Vec<Bytes>> {
        let wanted = usize::try_from(len).unwrap_or(usize::MAX);
        let read = self.download.read(offset, wanted).await;
        let pieces = read.map_err(|error| Error::store("read", self.path(), error))?;
        let got: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        self.served.fetch_add(got, Ordering::Relaxed);
        if offset.saturating_add(got) >= self.download.head().size {
            self.reached_end.store(true, Ordering::Relaxed);
        }
        Ok(pieces)
    }

    /// Whether the client has taken the whole of a file that others see too: as many bytes as it
    /// has, its last among them.
    pub(crate) fn is_complete(&self) -> bool {
        !self.is_private
            && self.reached_end.load(Ordering::Relaxed)
            && self.served.load(Ordering::Relaxed) >= self.download.head().size
    }
}
