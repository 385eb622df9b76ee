//! `Content`: the bytes of an upload as they are written, cut and sent: pure data, no requests.

mod layers;
mod patches;
mod restore;
mod slot_state;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use model::ErrorKind;

use super::buffer::Buffer;
use super::lump::Lump;
use super::plan::{PartPlan, Slot};
use crate::ranges::RangeSet;
use crate::{Budget, ChunkPool, Error, Part, PartNumber, Result};
pub(super) use layers::{Origin, Recipe};
pub(super) use patches::{Patch, Patches};
use slot_state::{Kept, Sent, SlotState};

/// The bytes of one upload, as far as they are known.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) plan: PartPlan,
    name: String,
    chunks: Arc<ChunkPool>,
    unsent: Arc<Budget>,
    kept: Arc<Budget>,
    window: u64,
    zero_limit: u64,
    len: u64,
    /// The base's bytes before this offset are still visible.
    base: u64,
    zeros: RangeSet,
    slots: BTreeMap<u64, SlotState>,
    /// Bytes of memory in all buffers.
    held: u64,
    /// Something was written behind the first slot: one PUT will not do.
    spread: bool,
    /// The slot sent last, which is kept in memory as the first one is.
    latest: u64,
    /// The first slot of which not all was sent: it always has room, so that the window empties.
    front: u64,
    /// Slots in flight.
    busy: usize,
    /// Composed parts that are being joined, or are joined: their slots are not sent again.
    joined: BTreeMap<PartNumber, Option<Part>>,
}

/// A full slot, to be sent.
#[derive(Debug, Clone)]
pub(super) struct Shipment {
    pub(super) slot: Slot,
    pub(super) pieces: Patches,
}

/// What can be done now.
#[derive(Debug)]
pub(super) enum Work {
    /// Send a full slot.
    Send(Shipment),
    /// Join a composed part of which the store has all pieces: these.
    Join(PartNumber, Vec<Part>),
}

/// What [`Content`] is told at its start.
pub(super) struct Limits {
    pub(super) plan: PartPlan,
    pub(super) name: String,
    pub(super) chunks: Arc<ChunkPool>,
    pub(super) unsent: Arc<Budget>,
    pub(super) kept: Arc<Budget>,
    pub(super) window: u64,
    pub(super) zero_limit: u64,
    pub(super) base: u64,
}

impl Content {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            plan: limits.plan,
            name: limits.name,
            chunks: limits.chunks,
            unsent: limits.unsent,
            kept: limits.kept,
            window: limits.window,
            zero_limit: limits.zero_limit,
            len: limits.base,
            base: limits.base,
            zeros: RangeSet::default(),
            slots: BTreeMap::new(),
            held: 0,
            spread: false,
            latest: 0,
            front: 0,
            busy: 0,
            joined: BTreeMap::new(),
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Bytes at the end that make no full slot.
    pub(super) fn filling(&self) -> u64 {
        self.len - self.plan.slot_at(self.len).range.start.min(self.len)
    }

    /// Whether nothing was sent so far and the whole fits one slot.
    pub(super) fn fits_one_put(&self) -> bool {
        self.len <= self.plan.slot_at(0).len()
            && self.slots.values().all(|slot| slot.sent.is_none())
    }

    /// Whether requests that store slots are on their way.
    pub(super) fn is_busy(&self) -> bool {
        self.busy > 0
    }

    /// Takes `piece` at `offset`; slots that became full are added to `ready`, also when this
    /// fails.
    pub(super) fn write(&mut self, offset: u64, piece: &[u8], ready: &mut Vec<Work>) -> Result<()> {
        let end = self.end_of(offset, piece.len())?;
        if !self.spread && end > self.plan.slot_at(0).len() {
            self.spread = true;
            ready.extend(self.ship(self.plan.slot_at(0)));
        }
        let (mut at, mut rest) = (offset, piece);
        while !rest.is_empty() {
            let slot = self.plan.slot_at(at);
            let room = (slot.range.end - at).min(rest.len() as u64);
            let (now, later) = rest.split_at(room as usize);
            self.place(&slot, at, now)?;
            at += room;
            rest = later;
            self.len = self.len.max(at);
            ready.extend(self.ship(slot));
        }
        Ok(())
    }

    fn end_of(&self, offset: u64, len: usize) -> Result<u64> {
        let end = offset.checked_add(len as u64);
        end.filter(|end| *end <= self.plan.limit()).ok_or_else(|| {
            let limit = self.plan.limit();
            let reason = format!("offset {offset} is beyond the largest object of {limit} bytes");
            self.refuse(ErrorKind::Exhausted, "write", reason)
        })
    }

    fn place(&mut self, slot: &Slot, at: u64, piece: &[u8]) -> Result<()> {
        let start = at - slot.range.start;
        let state = self.slots.entry(slot.index).or_default();
        let buffer = state
            .buffer
            .get_or_insert_with(|| Buffer::new(self.chunks.clone(), &self.unsent));
        let growth = buffer.growth(start..start + piece.len() as u64);
        // The slot being filled counts besides the window.
        if growth > 0 && slot.index != self.front && self.held + growth > self.window + slot.len() {
            let reason = format!(
                "{} bytes wait already for earlier ones that have not arrived or are being \
                 rewritten after they were stored; write in order, or in fewer places at once",
                self.held
            );
            return Err(self.refuse(ErrorKind::Exhausted, "write", reason));
        }
        buffer.write(start, piece);
        self.held += growth;
        Ok(())
    }

    /// Takes the slot out for sending, if it is full and its turn has come.
    fn ship(&mut self, slot: Slot) -> Option<Work> {
        if !self.spread || self.joined.contains_key(&slot.part) {
            return None;
        }
        let state = self.slots.get_mut(&slot.index)?;
        if state.busy || !state.is_full(slot.len()) {
            return None;
        }
        // What is a copy as it is need not pass here.
        if state.buffer.is_none() && state.patches.is_one_copy() {
            return None;
        }
        self.held -= state.freeze();
        let pieces = std::mem::take(&mut state.patches);
        // From now on they count as on their way.
        pieces.iter().for_each(|piece| drop(piece.lump.uncount()));
        self.busy += 1;
        state.busy = true;
        let body = pieces.in_memory();
        state.sent = Some(Sent {
            live: slot.len(),
            part: None,
            kept: body.and_then(|body| Kept::of(&body, &self.kept)),
        });
        self.keep_only_latest(slot.index);
        self.advance_front();
        Some(Work::Send(Shipment { slot, pieces }))
    }

    fn advance_front(&mut self) {
        while self
            .slots
            .get(&self.front)
            .is_some_and(|slot| slot.sent.is_some())
        {
            self.front += 1;
        }
    }

    /// The first slot and the latest one stay in memory: headers are patched and tails cut there.
    fn keep_only_latest(&mut self, latest: u64) {
        let before = std::mem::replace(&mut self.latest, latest);
        if before != 0
            && before != latest
            && let Some(sent) = self
                .slots
                .get_mut(&before)
                .and_then(|slot| slot.sent.as_mut())
        {
            sent.kept = None;
        }
    }

    /// The store has the slot that was sent. Returns what can be done because of that.
    pub(super) fn stored(&mut self, slot: &Slot, part: Part) -> Option<Work> {
        self.busy -= 1;
        let state = self.slots.get_mut(&slot.index)?;
        state.busy = false;
        if let Some(sent) = &mut state.sent {
            sent.part = Some(part);
        }
        self.ship(slot.clone()).or_else(|| self.join(slot))
    }

    /// Takes up the joining of the slot's part, if the store has all of it.
    fn join(&mut self, slot: &Slot) -> Option<Work> {
        slot.piece?;
        let whole = |index| self.slots.get(&index).and_then(SlotState::whole).cloned();
        let pieces = slot
            .siblings
            .clone()
            .map(whole)
            .collect::<Option<Vec<Part>>>()?;
        if self.joined.contains_key(&slot.part) {
            return None;
        }
        self.joined.insert(slot.part, None);
        self.busy += 1;
        Some(Work::Join(slot.part, pieces))
    }

    /// The store has a composed part.
    pub(super) fn part_joined(&mut self, part: Part) {
        self.busy -= 1;
        self.joined.insert(part.number, Some(part));
    }

    /// A slot was not stored, as far as is known: takes its bytes back, below what is newer.
    pub(super) fn lost(&mut self, shipment: &Shipment) {
        self.busy -= 1;
        let Some(state) = self.slots.get_mut(&shipment.slot.index) else {
            return;
        };
        state.busy = false;
        let Some(sent) = state.sent.take_if(|sent| sent.part.is_none()) else {
            return;
        };
        let mut pieces = shipment.pieces.clone();
        pieces.clip(sent.live);
        pieces
            .iter()
            .for_each(|piece| state.patches.lay_under(piece));
        self.front = self.front.min(shipment.slot.index);
    }

    /// A composed part was not joined, as far as is known.
    pub(super) fn not_joined(&mut self, number: PartNumber) {
        self.busy -= 1;
        self.joined.remove(&number);
    }

    pub(super) fn truncate(&mut self, len: u64) -> Result<()> {
        if len >= self.len {
            return self.extend(len);
        }
        self.cut(len);
        Ok(())
    }

    /// Drops what is at and behind `len`.
    fn cut(&mut self, len: u64) {
        self.base = self.base.min(len);
        self.zeros.clip(len);
        let first = self.plan.slot_at(len);
        self.front = self.front.min(first.index);
        for (index, state) in self.slots.range_mut(first.index..) {
            let cut = if *index == first.index {
                len - first.range.start.min(len)
            } else {
                0
            };
            if let Some(buffer) = &mut state.buffer {
                self.held -= buffer.held();
                buffer.clip(cut);
                self.held += buffer.held();
            }
            state.buffer.take_if(|buffer| buffer.covered().is_empty());
            state.patches.clip(cut);
            if let Some(sent) = &mut state.sent {
                sent.live = sent.live.min(cut);
            }
            state.sent.take_if(|sent| sent.live == 0);
        }
        self.len = len;
    }

    fn extend(&mut self, len: u64) -> Result<()> {
        let (more, limit) = (len - self.len, self.zero_limit);
        if more == 0 {
            return Ok(());
        }
        if more.saturating_add(self.visible_zeros()) > limit || len > self.plan.limit() {
            let reason =
                format!("{more} bytes of zeros would be added; the limit is {limit} in all");
            return Err(self.refuse(ErrorKind::Exhausted, "truncate", reason));
        }
        self.zeros.insert(self.len..len);
        self.len = len;
        Ok(())
    }

    /// The composed part that the store has under this number.
    pub(super) fn joined(&self, number: PartNumber) -> Option<&Part> {
        self.joined.get(&number)?.as_ref()
    }

    /// Whether nothing was written, cut or added.
    pub(super) fn is_untouched(&self, base: u64) -> bool {
        self.slots.is_empty() && self.len == base && self.base == base
    }

    /// Whether it is as it began, from nothing.
    pub(super) fn is_fresh(&self) -> bool {
        self.is_untouched(0)
    }

    /// The first `len` bytes come from a base, of an upload that is [fresh](Self::is_fresh).
    pub(super) fn lie_on(&mut self, len: u64) {
        self.base = len;
        self.len = len;
    }

    /// Whether all there is, so far, is what it [lies on](Self::lie_on).
    pub(super) fn is_all_below(&self) -> bool {
        self.slots.is_empty() && self.len == self.base
    }

    /// The first run of whole slots in `range` that nobody has touched.
    pub(super) fn untouched(&self, range: Range<u64>) -> Range<u64> {
        let mut at = self.plan.slot_at(range.start);
        if at.range.start < range.start {
            at = self.plan.slot_at(at.range.end);
        }
        let mut found = 0..0;
        while range.start <= at.range.start && at.range.end <= range.end {
            let is_touched = self.slots.contains_key(&at.index);
            match (is_touched, found.is_empty()) {
                (false, true) => found = at.range.clone(),
                (false, false) => found.end = at.range.end,
                (true, true) => {}
                (true, false) => break,
            }
            if at.range.end >= self.plan.limit() {
                break;
            }
            at = self.plan.slot_at(at.range.end);
        }
        found
    }

    /// The buffer of a slot, for reading back.
    pub(super) fn buffer(&self, slot: &Slot) -> Option<&Buffer> {
        self.slots.get(&slot.index)?.buffer.as_ref()
    }

    /// Bytes of memory in buffers.
    pub(super) fn held(&self) -> u64 {
        self.held
    }

    /// Makes all buffers patches: they do not change any more.
    pub(super) fn freeze(&mut self) {
        for state in self.slots.values_mut() {
            self.held -= state.freeze();
        }
    }

    /// Makes patches of what would have to be sent again and is in memory still.
    pub(super) fn keep_as_patches(&mut self) {
        self.slots.values_mut().for_each(SlotState::keep_as_patch);
    }

    /// Forgets sent parts of which no byte is visible any more.
    pub(super) fn drop_hidden(&mut self) {
        self.slots.values_mut().for_each(SlotState::drop_hidden);
    }

    /// All patches before byte `end`, with the offsets of their slots.
    pub(super) fn patches(&self, end: u64) -> impl Iterator<Item = (u64, Patch)> {
        self.slots.iter().flat_map(move |(index, state)| {
            let start = self.plan.slot_start(*index);
            let within = 0..end.saturating_sub(start);
            state
                .patches
                .within(within)
                .map(move |patch| (start, patch))
        })
    }

    /// The lumps before byte `end` that are in memory, each once.
    pub(super) fn lumps_in_memory(&self, end: u64) -> Vec<Arc<Lump>> {
        let mut lumps: Vec<Arc<Lump>> = Vec::new();
        for (_, patch) in self.patches(end) {
            // Pieces of one lump are mostly neighbours; twice in a tail does no harm.
            let again = lumps
                .last()
                .is_some_and(|last| Arc::ptr_eq(last, &patch.lump));
            if !again && patch.lump.body().is_some() {
                lumps.push(patch.lump);
            }
        }
        lumps
    }

    /// Forgets everything but the length: memory is let go.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.held = 0;
    }

    pub(super) fn refuse(
        &self,
        kind: ErrorKind,
        operation: &'static str,
        reason: impl Into<String>,
    ) -> Error {
        Error::new(kind, operation, self.name.as_str(), reason)
    }
}
