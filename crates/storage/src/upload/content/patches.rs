//! `Patches`: the lumps of one slot, above what was sent of it and below its buffer.

use std::ops::Range;
use std::sync::Arc;

use crate::ranges::RangeSet;
use crate::upload::lump::Lump;
use crate::{Body, Result};

/// A range of a slot, counted from its start, that is the bytes of a lump from `at` on.
#[derive(Debug, Clone)]
pub(in crate::upload) struct Patch {
    pub(in crate::upload) range: Range<u64>,
    pub(in crate::upload) lump: Arc<Lump>,
    pub(in crate::upload) at: u64,
}

impl Patch {
    /// What of it lies in `range`, which it touches.
    fn within(&self, range: Range<u64>) -> Self {
        let start = self.range.start.max(range.start);
        Self {
            range: start..self.range.end.min(range.end),
            lump: self.lump.clone(),
            at: self.at + (start - self.range.start),
        }
    }

    /// Its range in the lump.
    fn source(&self) -> Range<u64> {
        self.at..self.at + (self.range.end - self.range.start)
    }
}

/// Patches in order, none over another.
#[derive(Debug, Default, Clone)]
pub(in crate::upload) struct Patches(Vec<Patch>);

impl Patches {
    pub(in crate::upload) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all there is comes from one place in another file.
    pub(in crate::upload) fn is_one_copy(&self) -> bool {
        matches!(&self.0[..], [patch] if patch.lump.is_copied())
    }

    pub(in crate::upload) fn iter(&self) -> impl Iterator<Item = &Patch> {
        self.0.iter()
    }

    /// Lays a patch over the others.
    pub(in crate::upload) fn lay(&mut self, patch: Patch) {
        let range = patch.range.clone();
        let before = self.within(0..range.start).collect::<Vec<_>>();
        let behind = self.within(range.end..u64::MAX).collect::<Vec<_>>();
        self.0 = before.into_iter().chain([patch]).chain(behind).collect();
    }

    /// Lays a patch where there is none yet.
    pub(in crate::upload) fn lay_under(&mut self, patch: &Patch) {
        for gap in self.covered().gaps(patch.range.clone()) {
            self.lay(patch.within(gap));
        }
    }

    /// Forgets everything at and behind `len`.
    pub(in crate::upload) fn clip(&mut self, len: u64) {
        if self.0.last().is_some_and(|last| last.range.end > len) {
            self.0 = self.within(0..len).collect();
        }
    }

    /// What of them lies in `range`, in order.
    pub(in crate::upload) fn within(
        &self,
        range: Range<u64>,
    ) -> impl Iterator<Item = Patch> + use<'_> {
        let touched = range.clone();
        self.0
            .iter()
            .filter(move |patch| patch.range.start < touched.end && touched.start < patch.range.end)
            .map(move |patch| patch.within(range.clone()))
    }

    pub(in crate::upload) fn covered(&self) -> RangeSet {
        let mut covered = RangeSet::default();
        self.0
            .iter()
            .for_each(|patch| covered.insert(patch.range.clone()));
        covered
    }

    /// All of them as one body, if all are in memory.
    pub(in crate::upload) fn in_memory(&self) -> Option<Body> {
        let mut chunks = Vec::new();
        for patch in &self.0 {
            chunks.extend(patch.lump.body()?.slice(patch.source()));
        }
        Some(Body::from_chunks(chunks))
    }

    /// All of them as one body, fetched where need be.
    pub(in crate::upload) async fn gather(&self) -> Result<Body> {
        let mut chunks = Vec::new();
        for patch in &self.0 {
            chunks.extend(patch.lump.bytes(patch.source()).await?);
        }
        Ok(Body::from_chunks(chunks))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn patch(range: Range<u64>, bytes: &'static [u8]) -> Patch {
        Patch {
            range,
            lump: Lump::in_memory(Bytes::from_static(bytes).into(), None),
            at: 0,
        }
    }

    fn text(patches: &Patches) -> Vec<u8> {
        patches.in_memory().unwrap().chunks().concat()
    }

    #[test]
    fn the_latest_patch_lies_above() {
        let mut patches = Patches::default();
        patches.lay(patch(0..6, b"abcdef"));
        patches.lay(patch(8..10, b"ij"));
        patches.lay(patch(2..4, b"XY"));
        assert_eq!(text(&patches), b"abXYefij");
        patches.lay_under(&patch(4..9, b"-----"));
        assert_eq!(text(&patches), b"abXYef--ij");
        patches.clip(5);
        assert_eq!(text(&patches), b"abXYe");
        assert!(patches.covered().covers(&(0..5)));
    }
}
