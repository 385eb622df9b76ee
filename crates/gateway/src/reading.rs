//! A file that is open for reading.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use model::{ErrorKind, ObjectKey, TransferId, VirtualPath};
use storage::{Copied, Download, DownloadSettings, ObjectStore};
use tokio::sync::OnceCell;

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
    /// Where it goes while it is read.
    continuation: Option<Continuation>,
    served: AtomicU64,
    reached_end: AtomicBool,
}

/// Where the bytes of a file are found that is renamed while it is read: its old key goes.
#[derive(Debug)]
pub(crate) struct Continuation {
    store: Arc<dyn ObjectStore>,
    key: ObjectKey,
    /// Stands in the new object's metadata.
    id: TransferId,
    settings: DownloadSettings,
    download: OnceCell<Download>,
}

impl Continuation {
    pub(crate) fn new(
        store: Arc<dyn ObjectStore>,
        key: ObjectKey,
        id: TransferId,
        settings: DownloadSettings,
    ) -> Self {
        Self {
            store,
            key,
            id,
            settings,
            download: OnceCell::new(),
        }
    }

    /// The same bytes at their new key; fails as the old key did where they are not there.
    async fn follow(&self, gone: storage::Error) -> storage::Result<&Download> {
        let open = async {
            let head = self.store.head(&self.key).await?;
            if transfer::transfer_of(&head.metadata) != Some(self.id) {
                return Err(gone);
            }
            let (store, key) = (Arc::clone(&self.store), self.key.clone());
            Download::open(store, key, Some(head), self.settings.clone()).await
        };
        self.download.get_or_try_init(|| open).await
    }
}

impl Reading {
    pub(crate) fn new(place: Place, download: Download, attributes: FileAttributes) -> Self {
        Self {
            place,
            download,
            attributes,
            is_private: false,
            continuation: None,
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

    /// The same of a file that is being renamed.
    #[must_use]
    pub(crate) fn continued_by(mut self, continuation: Continuation) -> Self {
        self.continuation = Some(continuation);
        self
    }

    pub(crate) fn path(&self) -> &VirtualPath {
        &self.place.path
    }

    /// Some of its bytes, for its client.
    pub(crate) async fn read(&self, offset: u64, len: u32) -> Result<Vec<Bytes>> {
        let pieces = self.bytes(offset, len).await?;
        let got: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        self.served.fetch_add(got, Ordering::Relaxed);
        if offset.saturating_add(got) >= self.download.head().size {
            self.reached_end.store(true, Ordering::Relaxed);
        }
        Ok(pieces)
    }

    /// Some of its bytes, that nobody takes away.
    pub(crate) async fn bytes(&self, offset: u64, len: u32) -> Result<Vec<Bytes>> {
        let wanted = usize::try_from(len).unwrap_or(usize::MAX);
        let read = self.read_where_it_stands(offset, wanted).await;
        read.map_err(|error| Error::store("read", self.path(), error))
    }

    /// A range of it, to be copied inside the store; none while it is being renamed, and stands
    /// nobody knows where in the end.
    pub(crate) fn copied(&self, range: Range<u64>) -> Option<Copied> {
        let stays = self.continuation.is_none();
        stays.then(|| self.download.copied(range))
    }

    async fn read_where_it_stands(
        &self,
        offset: u64,
        wanted: usize,
    ) -> storage::Result<Vec<Bytes>> {
        let Some(continuation) = &self.continuation else {
            return self.download.read(offset, wanted).await;
        };
        if let Some(download) = continuation.download.get() {
            return download.read(offset, wanted).await;
        }
        match self.download.read(offset, wanted).await {
            Err(gone) if matches!(gone.kind(), ErrorKind::NotFound | ErrorKind::Conflict) => {
                let download = continuation.follow(gone).await?;
                download.read(offset, wanted).await
            }
            read => read,
        }
    }

    /// Whether the client has taken the whole of a file that others see too: as many bytes as it
    /// has, its last among them.
    pub(crate) fn is_complete(&self) -> bool {
        !self.is_private
            && self.reached_end.load(Ordering::Relaxed)
            && self.served.load(Ordering::Relaxed) >= self.download.head().size
    }
}
