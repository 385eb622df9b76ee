//! Reading an upload back before it is finished, for handles that read and write.

use std::ops::Range;

use bytes::Bytes;
use model::ErrorKind;

use super::content::Origin;
use super::engine::{Engine, State};
use super::lump::Place;
use super::plan::Slot;
use crate::fetch::Original;
use crate::{Error, Result};

/// A stretch of what is read.
enum Stretch {
    Bytes(Bytes),
    Fetch(Original, Range<u64>),
}

impl Engine {
    pub(super) async fn read_back(&self, offset: u64, len: usize) -> Result<Vec<Bytes>> {
        let stretches = loop {
            {
                let state = self.state();
                self.check_open(&state, "read")?;
                let end = offset.saturating_add(len as u64).min(state.content.len());
                match self.stretches(&state, offset..end) {
                    Err(_) if self.staged => {}
                    found => break found?,
                }
            }
            self.make_readable().await?;
        };
        let mut read = Vec::new();
        for stretch in stretches {
            match stretch {
                Stretch::Bytes(bytes) => read.push(bytes),
                Stretch::Fetch(original, range) => read.extend(original.fetch(range).await?),
            }
        }
        Ok(read)
    }

    /// Completes what stands in staging, so that the store gives it back.
    async fn make_readable(&self) -> Result<()> {
        let _ending = self.ending.lock().await;
        loop {
            self.settle().await?;
            if self.secure_staged().await? {
                return Ok(());
            }
        }
    }

    fn stretches(&self, state: &State, range: Range<u64>) -> Result<Vec<Stretch>> {
        let mut stretches = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let slot = state.content.plan.slot_at(at);
            let start = slot.range.start;
            let end = range.end.min(slot.range.end);
            self.slot_stretches(state, &slot, at - start..end - start, &mut stretches)?;
            at = end;
        }
        Ok(stretches)
    }

    fn slot_stretches(
        &self,
        state: &State,
        slot: &Slot,
        within: Range<u64>,
        stretches: &mut Vec<Stretch>,
    ) -> Result<()> {
        let Some(buffer) = state.content.buffer(slot) else {
            return self.below_stretches(state, slot, within, stretches);
        };
        let mut at = within.start;
        for covered in buffer.covered().within(within.clone()) {
            self.below_stretches(state, slot, at..covered.start, stretches)?;
            stretches.push(Stretch::Bytes(buffer.copy(covered.clone())));
            at = covered.end;
        }
        self.below_stretches(state, slot, at..within.end, stretches)
    }

    fn below_stretches(
        &self,
        state: &State,
        slot: &Slot,
        within: Range<u64>,
        stretches: &mut Vec<Stretch>,
    ) -> Result<()> {
        if within.is_empty() {
            return Ok(());
        }
        for (range, origin) in state.content.below(slot, within) {
            let len = (range.end - range.start) as usize;
            match origin {
                Origin::Kept(body) => {
                    stretches.extend(body.slice(range).into_iter().map(Stretch::Bytes));
                }
                Origin::Patch(lump, at) => {
                    let range = at..at + len as u64;
                    match lump.place() {
                        Place::Memory(body) => {
                            stretches.extend(body.slice(range).into_iter().map(Stretch::Bytes));
                        }
                        Place::Stored(original, start) => {
                            let range = start + range.start..start + range.end;
                            stretches.push(Stretch::Fetch(original, range));
                        }
                    }
                }
                Origin::Zeros | Origin::Hole => {
                    stretches.push(Stretch::Bytes(vec![0; len].into()));
                }
                Origin::Base | Origin::Sent => {
                    let found = self.locate(&origin, slot, range, &state.stored);
                    let (original, range) = found.ok_or_else(|| self.not_readable(slot))?;
                    stretches.push(Stretch::Fetch(original, range));
                }
            }
        }
        Ok(())
    }

    fn not_readable(&self, slot: &Slot) -> Error {
        let reason = format!(
            "bytes {} to {} are on their way to the store; close the file to read them",
            slot.range.start,
            slot.range.end - 1
        );
        Error::new(ErrorKind::Unsupported, "read", self.key.as_str(), reason)
    }
}
