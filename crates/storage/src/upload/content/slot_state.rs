//! `SlotState`: what an upload knows of one slot that has been touched.

use std::sync::Arc;

use super::patches::{Patch, Patches};
use crate::upload::buffer::Buffer;
use crate::upload::lump::Lump;
use crate::{Body, Budget, BudgetPermit, Part};

/// One slot that has been touched.
#[derive(Debug, Default)]
pub(super) struct SlotState {
    /// Bytes that are newer than all below.
    pub(super) buffer: Option<Buffer>,
    /// Bytes that are newer than what was sent, and will not change.
    pub(super) patches: Patches,
    pub(super) sent: Option<Sent>,
    /// A request that stores this slot is on its way: another would race it.
    pub(super) busy: bool,
}

/// What was sent of a slot: all of it.
#[derive(Debug)]
pub(super) struct Sent {
    /// How many of its bytes, from its start, a truncate has left visible.
    pub(super) live: u64,
    /// The store's answer.
    pub(super) part: Option<Part>,
    pub(super) kept: Option<Kept>,
}

impl SlotState {
    /// The store's part, if that is all there is to the slot.
    pub(super) fn whole(&self) -> Option<&Part> {
        let sent = self
            .sent
            .as_ref()
            .filter(|_| self.buffer.is_none() && self.patches.is_empty() && !self.busy)?;
        let part = sent.part.as_ref()?;
        (sent.live == part.size).then_some(part)
    }

    /// Whether nothing of the first `len` bytes has to come from below.
    pub(super) fn is_full(&self, len: u64) -> bool {
        if self.patches.is_empty() {
            return self
                .buffer
                .as_ref()
                .is_some_and(|buffer| buffer.is_full(len));
        }
        let mut covered = self.patches.covered();
        if let Some(buffer) = &self.buffer {
            buffer
                .covered()
                .iter()
                .for_each(|range| covered.insert(range));
        }
        covered.covers(&(0..len))
    }

    /// Makes patches of the buffer. Returns how much memory it held.
    pub(super) fn freeze(&mut self) -> u64 {
        let Some(buffer) = self.buffer.take() else {
            return 0;
        };
        let held = buffer.held();
        let (frozen, counted) = buffer.freeze();
        let counted = Arc::new(counted);
        for (range, body) in frozen {
            let lump = Lump::in_memory(body, Some(counted.clone()));
            self.patches.lay(Patch { range, lump, at: 0 });
        }
        held
    }

    /// Forgets what was sent, if patches hide it.
    pub(super) fn drop_hidden(&mut self) {
        let (busy, patches) = (self.busy, &self.patches);
        self.sent
            .take_if(|sent| !busy && patches.covered().covers(&(0..sent.live)));
    }

    /// Takes the body that was kept for a patch, where the slot has to be sent again.
    pub(super) fn keep_as_patch(&mut self) {
        if self.whole().is_some() || self.busy {
            return;
        }
        let Some(sent) = self.sent.take_if(|sent| sent.kept.is_some()) else {
            return;
        };
        if let Some(kept) = sent.kept {
            let lump = Lump::in_memory(kept.body, None);
            let range = 0..sent.live;
            self.patches.lay_under(&Patch { range, lump, at: 0 });
        }
    }
}

/// A body that is kept after it was sent.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) body: Body,
    _permit: BudgetPermit,
}

impl Kept {
    /// Keeps `body`, if the budget has room. One upload of large parts may not take all of it.
    pub(super) fn of(body: &Body, budget: &Arc<Budget>) -> Option<Self> {
        let fair = body.len() <= budget.limit() / 4;
        let permit = budget.try_take(body.len()).filter(|_| fair)?;
        Some(Self {
            body: body.clone(),
            _permit: permit,
        })
    }
}
