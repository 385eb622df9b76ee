//! Copies inside the store: one call, or ranges in parallel where the object is too large for it.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use model::{ErrorKind, ObjectKey, TransferId};
use storage::{
    ByteRange, CopyOptions, Metadata, MultipartUpload, ObjectHead, ObjectStore, Part, PartNumber,
    Precondition, PutOptions, Source, Written,
};

use crate::{Attributes, Settings, Transfers, mark, proof};

/// Ranges are at least this long, so that few requests do it.
const SMALLEST_RANGE: u64 = 256 << 20;

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
    /// Copies `original` to `key` in `store`, another bucket of the same connection perhaps. Its
    /// metadata goes along, with `attributes` written over it, and a transfer id of the copy's
    /// own. With `absent`, only where nothing stands at the key, if the store can check that.
    ///
    /// # Errors
    /// `Conflict` where the original is another one by now, or the key is taken; else what the
    /// store failed with. Nothing stands at the key then that did not before, unless
    /// [`storage::Error::outcome_unknown`].
    pub async fn copy(
        &self,
        original: &Original,
        key: &ObjectKey,
        absent: bool,
        attributes: &Attributes,
        store: &Arc<dyn ObjectStore>,
    ) -> storage::Result<(TransferId, Written)> {
        let id = TransferId::generate();
        let mut metadata = original.head.metadata.clone();
        attributes.write_to(&mut metadata);
        mark(&mut metadata, id);
        let copy = Copy {
            original,
            key,
            store,
            metadata,
            absent,
            settings: &self.core().settings,
        };
        let written = copy.run(id).await?;
        Ok((id, written))
    }
}

struct Copy<'a> {
    original: &'a Original,
    key: &'a ObjectKey,
    store: &'a Arc<dyn ObjectStore>,
    metadata: Metadata,
    absent: bool,
    settings: &'a Settings,
}

impl Copy<'_> {
    async fn run(&self, id: TransferId) -> storage::Result<Written> {
        let whole = self.original.head.size <= self.store.capabilities().max_copy_size;
        let copied = if whole {
            self.in_one_call().await
        } else {
            self.by_ranges().await
        };
        match copied {
            Err(error) if error.outcome_unknown() => {
                let proven = proof::prove(self.store, self.key, id, self.settings).await;
                proven.ok_or(error)
            }
            Err(error) if error.kind() == ErrorKind::Conflict && self.absent => {
                proof::look(self.store, self.key, id).await.ok_or(error)
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
        let options = PutOptions {
            metadata: self.metadata.clone(),
            ..PutOptions::default()
        };
        let upload = self.store.create_upload(self.key, &options).await?;
        let copied = self.complete(&upload).await;
        if let Err(error) = &copied
            && !error.outcome_unknown()
            && let Err(abort) = self.store.abort_upload(&upload).await
        {
            tracing::warn!(key = %self.key, error = %abort, "cannot abort a copy by ranges");
        }
        copied
    }

    async fn complete(&self, upload: &MultipartUpload) -> storage::Result<Written> {
        let source = self.source();
        let ranges = ranges(
            self.original.head.size,
            self.store.capabilities().max_part_size,
        );
        let parts: Vec<Part> = stream::iter(ranges)
            .map(|(number, range)| self.store.copy_part(number, &source, range, upload))
            .buffered(self.settings.parallel_copies.max(1))
            .try_collect()
            .await?;
        let condition = self.condition(self.store.capabilities().complete_conditions);
        self.store
            .complete_upload(upload, &parts, condition.as_ref())
            .await
    }

    fn source(&self) -> Source {
        Source {
            bucket: self.original.store.bucket().clone(),
            key: self.original.key.clone(),
            pin: Some(self.original.head.pin()),
        }
    }

    fn condition(&self, possible: bool) -> Option<Precondition> {
        (self.absent && possible).then_some(Precondition::Absent)
    }
}

/// Ranges of equal length (but the last) that cover an object in at most 10,000 parts.
fn ranges(size: u64, longest: u64) -> Vec<(PartNumber, ByteRange)> {
    let shortest = size.div_ceil(u64::from(PartNumber::MAX));
    let len = shortest.max(SMALLEST_RANGE).min(longest).max(1);
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
        for (size, longest) in [
            (1, 5 << 30),
            (SMALLEST_RANGE, 5 << 30),
            (SMALLEST_RANGE + 1, 5 << 30),
            (5 << 40, 5 << 30),
            (1000, 64),
        ] {
            let ranges = ranges(size, longest);
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
