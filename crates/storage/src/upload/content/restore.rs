//! What of an upload is safe in the store, and taking that up again in another process.

use std::ops::Range;

use super::slot_state::SlotState;
use super::{Content, Origin, Patch, Patches, Sent, Work};
use crate::fetch::Original;
use crate::upload::buffer::Buffer;
use crate::upload::lump::Lump;
use crate::upload::plan::Slot;
use crate::{Part, PartNumber};

impl Content {
    /// Contiguous bytes from 0 on that are there: in the store, or with `memory` also here.
    pub(in crate::upload) fn reach(&self, memory: bool) -> u64 {
        let mut at = 0;
        while at < self.len {
            let slot = self.plan.slot_at(at);
            let len = slot.range.end.min(self.len) - at;
            let reached = self.slot_reach(&slot, len, memory);
            at += reached;
            if reached < len {
                break;
            }
        }
        at
    }

    /// How many of the first `len` bytes of a slot are there.
    fn slot_reach(&self, slot: &Slot, len: u64, memory: bool) -> u64 {
        let state = self.slots.get(&slot.index);
        let answered = state.is_some_and(|state| {
            let sent = state.sent.as_ref();
            sent.is_some_and(|sent| sent.part.is_some()) && !state.busy
        });
        let is_there = |origin: &Origin| match origin {
            Origin::Patch(lump, _) => memory || lump.body().is_none(),
            Origin::Kept(_) => memory || answered,
            Origin::Sent => answered,
            Origin::Zeros | Origin::Base => true,
            Origin::Hole => false,
        };
        let mut at = 0;
        let buffer = state.and_then(|state| state.buffer.as_ref());
        let above: Option<Vec<_>> = buffer.map(|buffer| buffer.covered().within(0..len).collect());
        let end = std::iter::once(len..len);
        for covered in above.unwrap_or_default().into_iter().chain(end) {
            if at < covered.start {
                for (range, origin) in self.below(slot, at..covered.start) {
                    if !is_there(&origin) {
                        return range.start;
                    }
                }
            }
            if !memory && !covered.is_empty() {
                return covered.start;
            }
            at = covered.end;
        }
        len
    }

    /// The slots before byte `end` whose parts the store has, with what is left of each.
    pub(in crate::upload) fn answered(&self, end: u64) -> impl Iterator<Item = (Slot, &Part, u64)> {
        self.slots.iter().filter_map(move |(index, state)| {
            let start = self.plan.slot_start(*index);
            let sent = state.sent.as_ref().filter(|_| !state.busy && start < end)?;
            Some((self.plan.slot_at(start), sent.part.as_ref()?, sent.live))
        })
    }

    /// The parts at the key before byte `end` that will do as they are.
    pub(in crate::upload) fn whole_parts(&self, end: u64) -> impl Iterator<Item = &Part> {
        self.answered(end).filter_map(|(slot, _, _)| {
            let state = self.slots.get(&slot.index);
            state
                .filter(|_| slot.piece.is_none())
                .and_then(SlotState::whole)
        })
    }

    /// Takes pieces that were finished, and are not joined or not as they are now, for what they
    /// are: bytes in staging.
    pub(in crate::upload) fn read_from_pieces(
        &mut self,
        find: impl Fn(&Slot) -> Option<(Original, u64)>,
    ) {
        let slot = |index: &u64| self.plan.slot_at(self.plan.slot_start(*index));
        let slots = self.slots.keys().map(slot);
        let needed = |slot: &Slot| {
            let joined = self.joined(slot.part).is_some();
            slot.piece.is_some() && !(joined && self.is_stored(slot.siblings.clone()))
        };
        let slots: Vec<Slot> = slots.filter(needed).collect();
        for slot in slots {
            let Some(state) = self.slots.get_mut(&slot.index) else {
                continue;
            };
            if let Some((original, at)) = find(&slot)
                && let Some(sent) = state.sent.take()
            {
                let lump = Lump::stored(original, at, slot.len());
                let range = 0..sent.live;
                state.patches.lay_under(&Patch { range, lump, at: 0 });
            }
        }
    }

    /// The composed parts that the store has.
    pub(in crate::upload) fn joined_parts(&self) -> impl Iterator<Item = &Part> {
        self.joined.values().flatten()
    }

    /// How much of the base shows through before byte `end`: up to its last such byte.
    pub(in crate::upload) fn surviving_base(&self, end: u64) -> u64 {
        let mut survives = 0;
        for slot in self.plan.slots(self.base.min(end)) {
            let start = slot.range.start;
            let len = slot.range.end.min(end) - start;
            for (range, origin) in self.below(&slot, 0..len) {
                if matches!(origin, Origin::Base) {
                    survives = start + range.end;
                }
            }
        }
        survives
    }

    /// Whether a byte of the base is visible still.
    pub(in crate::upload) fn shows_base(&self) -> bool {
        self.plan.slots(self.base).any(|slot| {
            let covered = self.buffer(&slot).map(Buffer::covered);
            let hidden = |range: &Range<u64>| covered.is_some_and(|all| all.covers(range));
            let len = slot.range.end.min(self.base) - slot.range.start;
            let layers = self.below(&slot, 0..len);
            let mut layers = layers.into_iter();
            layers.any(|(range, origin)| matches!(origin, Origin::Base) && !hidden(&range))
        })
    }

    /// Zeros that were added, some of them overwritten since.
    pub(in crate::upload) fn zeros(&self) -> impl Iterator<Item = Range<u64>> {
        self.zeros.iter()
    }

    /// Takes up a part that the store has, all or the first `live` bytes of which count.
    pub(in crate::upload) fn restore_part(&mut self, slot: &Slot, part: Part, live: u64) {
        let state = self.slots.entry(slot.index).or_default();
        state.sent = Some(Sent {
            live,
            part: Some(part),
            kept: None,
        });
        self.len = self.len.max(slot.range.start + live);
        self.spread = true;
        self.advance_front();
    }

    /// Takes up a composed part: none where its piece was finished and the part is still to be
    /// made of it. Its slots are not sent again.
    pub(in crate::upload) fn restore_joined(&mut self, number: PartNumber, part: Option<Part>) {
        self.joined.insert(number, part);
    }

    /// Takes up bytes that stand in staging. Counts from the object's start; may span slots.
    pub(in crate::upload) fn restore_patch(&mut self, patch: &Patch) {
        self.restore_patch_at(patch, Patches::lay);
    }

    /// The same, below those that are there already.
    pub(in crate::upload) fn restore_patch_under(&mut self, patch: &Patch) {
        self.restore_patch_at(patch, |patches, patch| patches.lay_under(&patch));
    }

    fn restore_patch_at(&mut self, patch: &Patch, lay: impl Fn(&mut Patches, Patch)) {
        let mut at = patch.range.start;
        while at < patch.range.end {
            let slot = self.plan.slot_at(at);
            let end = patch.range.end.min(slot.range.end);
            let start = slot.range.start;
            let state = self.slots.entry(slot.index).or_default();
            let piece = Patch {
                range: at - start..end - start,
                lump: patch.lump.clone(),
                at: patch.at + (at - patch.range.start),
            };
            lay(&mut state.patches, piece);
            at = end;
        }
        self.len = self.len.max(patch.range.end);
        self.spread |= patch.range.end > self.plan.slot_at(0).len();
    }

    /// Forgets what stands in staging for a slot.
    pub(in crate::upload) fn drop_patches(&mut self, slot: &Slot) {
        if let Some(state) = self.slots.get_mut(&slot.index) {
            state.patches.clip(0);
        }
    }

    /// Whether bytes in staging stand over the slot.
    pub(in crate::upload) fn is_patched(&self, slot: &Slot) -> bool {
        let state = self.slots.get(&slot.index);
        state.is_some_and(|state| !state.patches.is_empty())
    }

    /// Takes up what else is below: the base's surviving bytes and zeros.
    pub(in crate::upload) fn restore_below(&mut self, base: u64, zeros: &[Range<u64>]) {
        self.base = self.base.min(base);
        self.len = self.base;
        for range in zeros {
            self.zeros.insert(range.clone());
            self.len = self.len.max(range.end);
        }
    }

    /// Ends the taking up: what follows a hole or lies behind `limit` is forgotten. Returns the
    /// length that is left.
    pub(in crate::upload) fn restored(&mut self, limit: u64) -> u64 {
        let reach = self.reach(false).min(limit);
        if reach < self.len {
            self.cut(reach);
        }
        self.slots
            .retain(|_, state| state.sent.is_some() || !state.patches.is_empty());
        self.spread |= reach > self.plan.slot_at(0).len();
        self.front = 0;
        self.advance_front();
        reach
    }

    /// Whether the store's part counts for this slot.
    pub(in crate::upload) fn is_sent(&self, slot: &Slot) -> bool {
        let state = self.slots.get(&slot.index);
        state.is_some_and(|state| state.sent.is_some())
    }

    /// What can be sent or joined now.
    pub(in crate::upload) fn ready(&mut self) -> Vec<Work> {
        let indices: Vec<u64> = self.slots.keys().copied().collect();
        let slot = |index| self.plan.slot_at(self.plan.slot_start(index));
        let slots: Vec<Slot> = indices.into_iter().map(slot).collect();
        let ready = slots.into_iter();
        ready
            .filter_map(|slot| self.ship(slot.clone()).or_else(|| self.join(&slot)))
            .collect()
    }
}
