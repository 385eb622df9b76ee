//! Where the bytes of an upload come from, layer by layer.
//!
//! The upper hides the lower: what is in a buffer, the patches (in memory or in staging), what was
//! sent, then zeros that a truncate added or the base (these two never meet). What is in none of
//! them is a hole.

use std::ops::Range;
use std::sync::Arc;

use model::ErrorKind;

use super::Content;
use super::slot_state::SlotState;
use crate::ranges::RangeSet;
use crate::upload::lump::Lump;
use crate::upload::plan::Slot;
use crate::{Body, Part, PartNumber, Result};

/// The layer below the buffers that some bytes come from.
#[derive(Debug, Clone)]
pub(in crate::upload) enum Origin {
    /// In this lump, from this offset on.
    Patch(Arc<Lump>, u64),
    /// Sent with the slot, and still in memory: the body of the slot.
    Kept(Body),
    /// Sent with the slot.
    Sent,
    Zeros,
    Base,
    /// Never written.
    Hole,
}

/// How a slot gets into the finished object.
#[derive(Debug)]
pub(in crate::upload) enum Recipe {
    /// The store has it.
    Sent(Part),
    /// All of it comes from below: a candidate for a copy.
    Below(Origin),
    /// Its bytes come from several layers.
    Mixed,
}

impl Content {
    /// Fails with the first range that nobody wrote.
    pub(in crate::upload) fn check_complete(&self) -> Result<()> {
        let mut known = self.written();
        known.insert(0..self.base);
        self.zeros.iter().for_each(|zeros| known.insert(zeros));
        let Some(hole) = known.gaps(0..self.len).into_iter().next() else {
            return Ok(());
        };
        let reason = format!(
            "bytes {} to {} of {} were never written; send the file again",
            hole.start,
            hole.end - 1,
            self.len
        );
        Err(self.refuse(ErrorKind::Invalid, "finish", reason))
    }

    /// What was written and is still visible.
    fn written(&self) -> RangeSet {
        let mut written = RangeSet::default();
        for (index, state) in &self.slots {
            let start = self.plan.slot_start(*index);
            written.insert(start..start + state.sent.as_ref().map_or(0, |sent| sent.live));
            for covered in state
                .buffer
                .iter()
                .flat_map(|buffer| buffer.covered().iter())
            {
                written.insert(start + covered.start..start + covered.end);
            }
            for patch in state.patches.iter() {
                written.insert(start + patch.range.start..start + patch.range.end);
            }
        }
        written
    }

    /// How many bytes are zeros that a truncate added and nobody has written since.
    pub(super) fn visible_zeros(&self) -> u64 {
        let written = self.written();
        let visible = self.zeros.iter().flat_map(|zeros| written.gaps(zeros));
        visible.map(|gap| gap.end - gap.start).sum()
    }

    /// How the slot gets into the finished object of the present length, once its buffer is frozen.
    pub(in crate::upload) fn recipe(&self, slot: &Slot) -> Recipe {
        let state = self.slots.get(&slot.index);
        if let Some(part) = state.and_then(SlotState::whole) {
            return Recipe::Sent(part.clone());
        }
        let bytes = 0..slot.range.end.min(self.len) - slot.range.start;
        let mut below = self.below(slot, bytes);
        match below.pop() {
            Some((_, origin)) if below.is_empty() => Recipe::Below(origin),
            _ => Recipe::Mixed,
        }
    }

    /// Where the bytes of `within` (counted from the slot's start) come from below the buffers.
    pub(in crate::upload) fn below(
        &self,
        slot: &Slot,
        within: Range<u64>,
    ) -> Vec<(Range<u64>, Origin)> {
        let (mut found, mut at) = (Vec::new(), within.start);
        let state = self.slots.get(&slot.index);
        for patch in state
            .into_iter()
            .flat_map(|state| state.patches.within(within.clone()))
        {
            found.extend(self.below_patches(slot, at..patch.range.start));
            at = patch.range.end;
            found.push((patch.range, Origin::Patch(patch.lump, patch.at)));
        }
        found.extend(self.below_patches(slot, at..within.end));
        found
    }

    fn below_patches(&self, slot: &Slot, within: Range<u64>) -> Vec<(Range<u64>, Origin)> {
        if within.is_empty() {
            return Vec::new();
        }
        let start = slot.range.start;
        let sent = self
            .slots
            .get(&slot.index)
            .and_then(|state| state.sent.as_ref());
        let live = sent.map_or(0, |sent| sent.live).min(within.end);
        let mut found = Vec::new();
        if let Some(sent) = sent
            && within.start < live
        {
            let kept = sent
                .kept
                .as_ref()
                .map(|kept| Origin::Kept(kept.body.clone()));
            found.push((within.start..live, kept.unwrap_or(Origin::Sent)));
        }
        let mut rest = RangeSet::default();
        rest.insert(within.start.max(live)..within.end);
        let base = self.base.saturating_sub(start);
        for part in rest.within(0..base) {
            found.push((part, Origin::Base));
        }
        let above = rest.within(base..u64::MAX).next().unwrap_or(0..0);
        let mut at = above.start;
        for zeros in self.zeros.within(start + above.start..start + above.end) {
            if start + at < zeros.start {
                found.push((at..zeros.start - start, Origin::Hole));
            }
            found.push((zeros.start - start..zeros.end - start, Origin::Zeros));
            at = zeros.end - start;
        }
        if at < above.end {
            found.push((at..above.end, Origin::Hole));
        }
        found
    }

    /// The parts that the store has of these slots, superseded or not, with the slots' indices.
    pub(in crate::upload) fn sent_parts(&self, slots: Range<u64>) -> Vec<(u64, Part)> {
        let part = |state: &SlotState| state.sent.as_ref()?.part.clone();
        let sent = self.slots.range(slots);
        sent.filter_map(|(index, state)| Some((*index, part(state)?)))
            .collect()
    }

    /// Whether the store has all of these slots as they are now.
    pub(in crate::upload) fn is_stored(&self, slots: Range<u64>) -> bool {
        let whole = |index| {
            self.slots
                .get(&index)
                .is_some_and(|state| state.whole().is_some())
        };
        slots.into_iter().all(whole)
    }

    /// Whether bytes of a composed part, sent before, are needed in another place now.
    pub(in crate::upload) fn is_rewritten(&self, part: PartNumber, slots: Range<u64>) -> bool {
        if self.joined(part).is_some() {
            return !self.is_stored(slots);
        }
        let mut sent = self
            .slots
            .range(slots)
            .filter(|(_, state)| state.sent.is_some());
        sent.any(|(_, state)| state.whole().is_none())
    }
}
