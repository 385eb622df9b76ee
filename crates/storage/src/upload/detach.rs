//! Setting an upload aside: what has no place in the store yet goes to a tail object.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::content::Patch;
use super::engine::{Engine, Phase, State};
use super::lump::{Lump, Place};
use super::piece_name;
use super::plan::Slot;
use super::progress::{Progress, Tail};
use crate::fetch::Original;
use crate::{Body, Result, crc64};

/// How many ranges a progress names: what was written in more places is safe up to there only.
const MAX_RANGES: usize = 4096;

impl Engine {
    pub(super) async fn detach(&self) -> Result<Progress> {
        let _ending = self.ending.lock().await;
        {
            let mut state = self.state();
            self.take_answers(&mut state);
            match &state.phase {
                Phase::Detached(progress) => return Ok(progress.as_ref().clone()),
                Phase::Finished | Phase::Aborted => self.check_open(&state, "detach")?,
                // Also after a failure: what it left is made safe.
                _ => state.phase = Phase::Detaching,
            }
        }
        self.quiet(false).await?;
        self.spilled().await;
        let lumps = {
            let mut state = self.state();
            state.content.keep_as_patches();
            state
                .content
                .read_from_pieces(|slot| self.piece_place(slot));
            state.content.freeze();
            state.content.drop_hidden();
            let reach = state.content.reach(true);
            let end = state.content.patches(reach).nth(MAX_RANGES);
            let end = end.map_or(reach, |(start, patch)| start + patch.range.start);
            state.content.lumps_in_memory(end)
        };
        self.put_tail(&lumps).await?;
        let progress = self.exact();
        let mut state = self.state();
        state.phase = Phase::Detached(Box::new(progress.clone()));
        state.content.clear();
        Ok(progress)
    }

    /// Puts these lumps into one staging object, and lets their memory go.
    pub(super) async fn put_tail(&self, lumps: &[Arc<Lump>]) -> Result<()> {
        let mut chunks = Vec::new();
        let mut lain = Vec::new();
        let mut at = 0;
        for lump in lumps {
            // Another spill may have moved it meanwhile.
            if let Some(body) = lump.body() {
                lain.push((lump, at));
                at += body.len();
                chunks.extend(body.into_chunks());
            }
        }
        if lain.is_empty() {
            return Ok(());
        }
        let body = Body::from_chunks(chunks);
        let original = self.staging.put_tail(body).await?;
        for (lump, at) in lain {
            lump.moved(original.clone(), at);
        }
        Ok(())
    }

    /// Where a slot is in the staging object that its composed part was finished as, where the
    /// upload at the key did not take it.
    fn piece_place(&self, slot: &Slot) -> Option<(Original, u64)> {
        let piece = self.staging.find(&piece_name(slot.part))?;
        let first = slot.index - slot.siblings.start;
        piece.place_of(slot.piece?, first * slot.len())
    }

    /// Deletes the tails that the upload does not need as it is now.
    pub(super) async fn forget_superseded(&self) {
        let _ending = self.ending.lock().await;
        let needed = match &self.state().phase {
            Phase::Detached(progress) => progress.tails.clone(),
            _ => return,
        };
        let needed: BTreeSet<String> = needed.into_iter().map(|tail| tail.name).collect();
        self.staging.keep_tails(&needed).await;
    }

    pub(super) fn safe(&self) -> u64 {
        let mut state = self.state();
        self.take_answers(&mut state);
        match &state.phase {
            Phase::Detached(progress) => progress.safe,
            _ => state.content.reach(false).min(self.first_elsewhere(&state)),
        }
    }

    /// The progress that is provable now, without what is in memory.
    pub(super) fn exact(&self) -> Progress {
        let mut state = self.state();
        self.take_answers(&mut state);
        if let Phase::Detached(progress) = &state.phase {
            return progress.as_ref().clone();
        }
        let safe = state.content.reach(false).min(self.first_elsewhere(&state));
        let mut progress = Progress {
            open: false,
            safe,
            digest: digest(&state, safe, self.staged),
            tails: self.tails(&state, safe),
            ..self.ledger.progress()
        };
        progress.sent.clear();
        progress.cut.clear();
        for (slot, _, live) in state.content.answered(safe) {
            add(&mut progress.sent, slot.index);
            if live < slot.len() {
                progress.cut.push((slot.index, live));
            }
        }
        let survives = state.content.surviving_base(safe);
        progress.base = self.ground.get().map(|ground| ground.below(survives));
        let zeros = state.content.zeros();
        let zeros = zeros.map(|zeros| zeros.start..zeros.end.min(safe));
        progress.zeros = zeros.filter(|zeros| !zeros.is_empty()).collect();
        progress
    }

    /// The first byte that is to be copied from another bucket: who goes on with the upload may not
    /// reach that.
    fn first_elsewhere(&self, state: &State) -> u64 {
        let is_elsewhere = |(start, patch): (u64, Patch)| {
            let Place::Stored(original, _) = patch.lump.place() else {
                return None;
            };
            let elsewhere =
                patch.lump.is_copied() && original.store.bucket() != self.store.bucket();
            elsewhere.then_some(start + patch.range.start)
        };
        let mut patches = state.content.patches(u64::MAX);
        patches.find_map(is_elsewhere).unwrap_or(u64::MAX)
    }

    /// What stands in tails and in other files before byte `safe`, by object.
    fn tails(&self, state: &State, safe: u64) -> Vec<Tail> {
        let mut tails = BTreeMap::new();
        for (start, patch) in state.content.patches(safe) {
            let Place::Stored(original, at) = patch.lump.place() else {
                continue;
            };
            let (name, key) = match patch.lump.is_copied() {
                true => ("", Some(original.key.to_string())),
                false => match self.staging.name_of(&original.key) {
                    Some(name) => (name, None),
                    None => continue,
                },
            };
            let place = (name.to_owned(), key.clone(), original.pin.etag.clone());
            let tail = tails.entry(place).or_insert_with(|| Tail {
                name: name.to_owned(),
                key,
                pin: original.pin.clone(),
                ranges: Vec::new(),
            });
            let range = start + patch.range.start..start + patch.range.end;
            extend(&mut tail.ranges, range, at + patch.at);
        }
        tails.into_values().collect()
    }
}

/// A checksum of the ETags of the parts at the key before byte `safe`, in order.
pub(super) fn digest(state: &State, safe: u64, staged: bool) -> u64 {
    if staged {
        return 0;
    }
    // Parts that are to be made again do not count.
    let flat = state.content.whole_parts(safe);
    let joined = state.content.joined_parts().filter(|part| {
        let first = state.content.plan.first_slot(part.number);
        first.is_some_and(|slot| {
            slot.range.start < safe && state.content.is_stored(slot.siblings.clone())
        })
    });
    let text: String = flat
        .chain(joined)
        .map(|part| format!("{} {}\n", part.number.get(), part.etag))
        .collect();
    crc64::of([text.as_bytes()])
}

/// Adds a slot to runs of slots, in order.
pub(super) fn add(runs: &mut Vec<Range<u64>>, index: u64) {
    match runs.last_mut() {
        Some(last) if last.end == index => last.end += 1,
        _ => runs.push(index..index + 1),
    }
}

/// Adds a range that begins at `at` of a tail; what follows the last one joins it.
fn extend(ranges: &mut Vec<(Range<u64>, u64)>, range: Range<u64>, at: u64) {
    if let Some((last, start)) = ranges.last_mut()
        && last.end == range.start
        && *start + (last.end - last.start) == at
    {
        last.end = range.end;
        return;
    }
    ranges.push((range, at));
}
