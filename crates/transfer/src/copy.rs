//! Copies inside the store: one call, or ranges in parallel where the object is too large for it.

use std::sync::{Arc, Mutex, PoisonError};

use database::Database;
use futures::{StreamExt, TryStreamExt, stream};
use model::{ErrorKind, ObjectKey, TransferId};
use storage::{
    ByteRange, CopyOptions, Metadata, MultipartUpload, ObjectHead, ObjectStore, Part, PartNumber,
    Precondition, PutOptions, Source, UploadId, Written,
};

use crate::metadata::Maker;
use crate::{Attributes, Error, Intent, Result, Settings, Transfers, mark, proof, record};

/// An object to be copied: as it was when its head was taken, and no later state.
#[derive(Debug, Clone)]
pub struct Original {
    /// Its bucket.
    pub store: Arc<dyn ObjectStore>,
    /// Its key.
    pub key: ObjectKey,
    /// Its state.
    pub head: ObjectHead,
}

impl Transfers {
    /// Writes `attributes` into the metadata of `original`, by a copy onto itself with a transfer id
    /// of its own. What is copied by ranges has a row meanwhile, for `intent`, so that whatever is
    /// begun in the store is accounted for, also where the store's answer is lost. The caller has
    /// claimed the key.
    ///
    /// # Errors
    /// `Conflict` where the original is another one by now; else what the database and the store
    /// fail with. The object is unchanged then, unless [`Error::outcome_unknown`].
    pub async fn rewrite(
        &self,
        original: &Original,
        intent: &Intent,
        attributes: &Attributes,
    ) -> Result<(TransferId, Written)> {
        const OPERATION: &str = "rewrite";
        let id = TransferId::generate();
        let settings = &self.core().settings;
        let copy = Copy {
            original,
            key: &original.key,
            store: &original.store,
            maker: id.into(),
            metadata: metadata_of_copy(original, attributes, id),
            absent: false,
            settings,
            journal: None,
        };
        let failed = |error| Error::store(OPERATION, &intent.path, error);
        if !is_copied_by_ranges(original.head.size, &original.store, settings) {
            return Ok((id, copy.run().await.map_err(failed)?));
        }
        let now = self.core().clock.now();
        let row = record::rewriting(id, original, intent, now, self.core());
        let noted = self.core().database.writer().begin_intent(row).await;
        noted.map_err(|error| {
            let reason = "it could not be recorded";
            Error::new(error.kind(), OPERATION, &intent.path, reason).caused_by(error)
        })?;
        let copied = copy.run().await;
        let end = record::rewritten(id, copied.is_ok(), self.core().clock.now());
        if let Err(error) = self.core().database.writer().fail_transfer(end).await {
            tracing::warn!(transfer = %id, %error, "the sweeper looks at a copy when this node has ended");
        }
        Ok((id, copied.map_err(failed)?))
    }
}

/// What a copy of an object says of itself: what the object said, with `attributes` over it, and
/// who made it.
pub(crate) fn metadata_of_copy(
    original: &Original,
    attributes: &Attributes,
    id: TransferId,
) -> Metadata {
    let mut metadata = original.head.metadata.clone();
    attributes.write_to(&mut metadata);
    mark(&mut metadata, id);
    metadata
}

/// Where the multipart upload of a copy is written down, so that whoever finishes the copy after
/// a crash goes on with it.
#[derive(Debug)]
pub(crate) struct Journal<'a> {
    pub(crate) database: &'a Database,
    pub(crate) moving: TransferId,
    /// The upload on record.
    pub(crate) upload: &'a Mutex<Option<UploadId>>,
}

/// One copy.
pub(crate) struct Copy<'a> {
    pub(crate) original: &'a Original,
    pub(crate) key: &'a ObjectKey,
    pub(crate) store: &'a Arc<dyn ObjectStore>,
    pub(crate) maker: Maker,
    pub(crate) metadata: Metadata,
    pub(crate) absent: bool,
    pub(crate) settings: &'a Settings,
    /// Without one, a multipart upload is aborted when anything goes wrong.
    pub(crate) journal: Option<Journal<'a>>,
}

impl Copy<'_> {
    pub(crate) async fn run(&self) -> storage::Result<Written> {
        let copied = if is_copied_by_ranges(self.original.head.size, self.store, self.settings) {
            self.by_ranges().await
        } else {
            self.in_one_call().await
        };
        match copied {
            Err(error) if error.outcome_unknown() => {
                let maker = self.maker.clone();
                let proven = proof::prove(self.store, self.key, maker, self.settings).await;
                proven.ok_or(error)
            }
            Err(error) if error.kind() == ErrorKind::Conflict && self.absent => {
                let found = proof::look(self.store, self.key, self.maker.clone()).await;
                found.ok_or(error)
            }
            copied => copied,
        }
    }

    async fn in_one_call(&self) -> storage::Result<Written> {
        let options = CopyOptions {
            metadata: Some(self.metadata.clone()),
            precondition: self.condition(self.store.capabilities().copy_conditions),
        };
        self.store.copy(&self.source(), self.key, &options).await
    }

    async fn by_ranges(&self) -> storage::Result<Written> {
        let (upload, have) = self.upload().await?;
        let copied = self.complete(&upload, &have).await;
        if let Err(error) = &copied
            && !error.outcome_unknown()
            && self.journal.is_none()
            && let Err(abort) = self.store.abort_upload(&upload).await
        {
            tracing::warn!(key = %self.key, error = %abort, "cannot abort a copy by ranges");
        }
        copied
    }

    /// The upload on record with the parts that it has, or a new one, on record now.
    async fn upload(&self) -> storage::Result<(MultipartUpload, Vec<Part>)> {
        if let Some(journal) = &self.journal
            && let Some(id) = journal.recorded()
        {
            let upload = MultipartUpload {
                key: self.key.clone(),
                id,
            };
            match self.store.list_parts(&upload).await {
                Ok(parts) => return Ok((upload, parts)),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let options = PutOptions {
            metadata: self.metadata.clone(),
            content_type: self.original.head.content_type.clone(),
            ..PutOptions::default()
        };
        let upload = self.store.create_upload(self.key, &options).await?;
        if let Some(journal) = &self.journal
            && let Err(error) = journal.record(&upload.id).await
        {
            // Nobody would find it again.
            if let Err(abort) = self.store.abort_upload(&upload).await {
                tracing::warn!(key = %self.key, error = %abort, "cannot abort a copy by ranges");
            }
            let reason = "its upload could not be recorded";
            let failed = storage::Error::new(error.kind(), "copy to", self.key.as_str(), reason);
            return Err(failed.caused_by(error));
        }
        Ok((upload, Vec::new()))
    }

    async fn complete(&self, upload: &MultipartUpload, have: &[Part]) -> storage::Result<Written> {
        let source = self.source();
        let limits = self.store.capabilities();
        let shortest = self.settings.copy_range.max(limits.min_part_size);
        let ranges = ranges(self.original.head.size, shortest, limits.max_part_size);
        let parts: Vec<Part> = stream::iter(ranges)
            .map(|(number, range)| self.part(number, range, &source, upload, have))
            .buffered(self.settings.parallel_copies.max(1))
            .try_collect()
            .await?;
        let condition = self.condition(limits.complete_conditions);
        self.store
            .complete_upload(upload, &parts, condition.as_ref())
            .await
    }

    async fn part(
        &self,
        number: PartNumber,
        range: ByteRange,
        source: &Source,
        upload: &MultipartUpload,
        have: &[Part],
    ) -> storage::Result<Part> {
        let is_it = |part: &&Part| part.number == number && part.size == range.end - range.start;
        match have.iter().find(is_it) {
            Some(part) => Ok(part.clone()),
            None => self.store.copy_part(number, source, range, upload).await,
        }
    }

    pub(crate) fn source(&self) -> Source {
        Source {
            bucket: self.original.store.bucket().clone(),
            key: self.original.key.clone(),
            pin: Some(self.original.head.pin()),
        }
    }

    pub(crate) fn condition(&self, possible: bool) -> Option<Precondition> {
        (self.absent && possible).then_some(Precondition::Absent)
    }
}

impl Journal<'_> {
    fn recorded(&self) -> Option<UploadId> {
        self.upload
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    async fn record(&self, upload: &UploadId) -> Result<(), database::Error> {
        let writer = self.database.writer();
        writer
            .set_move_upload(self.moving, Some(upload.0.clone()))
            .await?;
        let mut recorded = self.upload.lock().unwrap_or_else(PoisonError::into_inner);
        *recorded = Some(upload.clone());
        Ok(())
    }
}

/// Whether an object of this size is too large for one call. Stores that copy no ranges have to
/// try.
pub(crate) fn is_copied_by_ranges(
    size: u64,
    store: &Arc<dyn ObjectStore>,
    settings: &Settings,
) -> bool {
    let limits = store.capabilities();
    size > limits.max_copy_size.min(settings.largest_copy) && limits.part_copy
}

/// Ranges of equal length (but the last) that cover an object in at most 10,000 parts.
fn ranges(size: u64, shortest: u64, longest: u64) -> Vec<(PartNumber, ByteRange)> {
    let needed = size.div_ceil(u64::from(PartNumber::MAX));
    let len = needed.max(shortest).min(longest).max(1);
    (1..=PartNumber::MAX)
        .filter_map(PartNumber::new)
        .zip((0..).map(|index| index * len))
        .take_while(|(_, start)| *start < size)
        .map(|(number, start)| (number, start..(start + len).min(size)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_the_object_without_gaps() {
        let shortest = 256 << 20;
        for (size, longest) in [
            (1, 5 << 30),
            (shortest, 5 << 30),
            (shortest + 1, 5 << 30),
            (5 << 40, 5 << 30),
            (1000, 64),
        ] {
            let ranges = ranges(size, shortest, longest);
            let mut end = 0;
            for (position, (number, range)) in ranges.iter().enumerate() {
                assert_eq!(usize::from(number.get()), position + 1);
                assert_eq!(range.start, end);
                assert!(range.end - range.start <= longest);
                end = range.end;
            }
            assert_eq!(end, size);
        }
    }
}
