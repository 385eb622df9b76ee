//! `SlotState`: what an upload knows of one slot that has been touched.

use std::sync::Arc;

use crate::upload::buffer::Buffer;
use crate::{Body, Budget, BudgetPermit, Part};

/// One slot that has been touched.
#[derive(Debug, Default)]
pub(super) struct SlotState {
    /// Bytes that are newer than what was sent.
    pub(super) buffer: Option<Buffer>,
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
            .filter(|_| self.buffer.is_none() && !self.busy)?;
        let part = sent.part.as_ref()?;
        (sent.live == part.size).then_some(part)
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
