//! How an upload becomes an object: what is still in memory is sent, what survives below is
//! copied, and all of it is published in one request.

use std::ops::Range;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use model::ErrorKind;

use super::content::{Content, Origin, Recipe};
use super::detach::add;
use super::engine::{Engine, Stored};
use super::lump::Place;
use super::multipart::Multipart;
use super::plan::Slot;
use super::{checksum, piece_name, whole_name};
use crate::fetch::Original;
use crate::{Body, Error, Part, PartNumber, PutOptions, Result, Written};

/// How much one copy of many untouched parts covers, in bytes: copies run in parallel.
const COPY_LEN: u64 = 512 << 20;

/// How a part gets into the object.
enum Step {
    /// It is there.
    Have(Part),
    /// As a copy of this range.
    Copy(Original, Range<u64>),
    /// As its bytes, gathered from all layers.
    Put(Slot),
    /// As a piece composed in staging.
    Compose(Vec<(Slot, Step)>),
}

impl Engine {
    pub(super) async fn publish(&self, options: &PutOptions) -> Result<Written> {
        self.settle().await?;
        let fits_one_put = {
            let mut state = self.state();
            state.content.check_complete()?;
            state.content.freeze();
            state.content.fits_one_put()
        };
        self.gate.pass().await?;
        if fits_one_put {
            return self.put_whole(options).await;
        }
        let stored = self.secure_rewritten().await?;
        let steps = self.steps(&stored);
        let jobs = steps
            .into_iter()
            .map(|(number, step)| self.run(number, step, &stored));
        let jobs = stream::iter(jobs).buffer_unordered(self.parallel);
        let mut parts: Vec<Part> = jobs.try_collect().await?;
        parts.sort_by_key(|part| part.number);
        let upload = self.main.upload().await?;
        let condition = options.precondition.as_ref();
        let written = self
            .store
            .complete_upload(upload, &parts, condition)
            .await?;
        checksum::check(&self.key, &parts, written)
    }

    async fn put_whole(&self, options: &PutOptions) -> Result<Written> {
        let first = self.state().content.plan.slot_at(0);
        let body = self.body(&first, &Stored::new()).await?;
        let _permit = self.buffers.in_flight.take(body.len());
        let options = self.main.inheriting(options);
        let written = self.store.put(&self.key, body, &options).await?;
        // Begun, and all of it truncated away again.
        self.main.discard().await;
        Ok(written)
    }

    /// Completes the staging objects that sent bytes are needed from again.
    async fn secure_rewritten(&self) -> Result<Stored> {
        let mut stored = Stored::new();
        if self.staged {
            self.secure_staged().await?;
            return Ok(std::mem::take(&mut self.state().stored));
        }
        let rewritten: Vec<Slot> = {
            let content = &self.state().content;
            let first_of_part =
                |slot: &Slot| slot.piece.is_some() && slot.index == slot.siblings.start;
            let slots = content.plan.slots(content.len()).filter(first_of_part);
            slots
                .filter(|slot| content.is_rewritten(slot.part, slot.siblings.clone()))
                .collect()
        };
        for slot in rewritten {
            self.secure(&slot, &mut stored).await?;
        }
        Ok(stored)
    }

    /// Completes what a staged upload has in staging, so that it can be read; what is sent from
    /// now on goes to another staging object. Nothing may be in flight; false where something is.
    pub(super) async fn secure_staged(&self) -> Result<bool> {
        let (name, generation, sent) = {
            let mut state = self.state();
            if state.content.is_busy() {
                return Ok(false);
            }
            let mut sent = state.content.sent_parts(0..u64::MAX);
            sent.retain(|(index, _)| !state.stored.contains_key(index));
            if sent.is_empty() {
                return Ok(true);
            }
            state.generation += 1;
            let generation = state.generation - 1;
            (whole_name(generation), generation, sent)
        };
        let completed = self.complete_whole(&name, generation, &sent).await;
        let mut state = self.state();
        let original = completed.inspect_err(|error| self.fail(&mut state, error.clone()))?;
        let mut offset = 0;
        for (index, part) in sent {
            let size = part.size;
            // Sent again meanwhile? Then it is elsewhere.
            if state.content.sent_parts(index..index + 1) == [(index, part)] {
                state.stored.insert(index, (original.clone(), offset));
            }
            offset += size;
        }
        Ok(true)
    }

    async fn complete_whole(
        &self,
        name: &str,
        generation: u32,
        sent: &[(u64, Part)],
    ) -> Result<Original> {
        let mut slots = Vec::new();
        sent.iter().for_each(|(index, _)| add(&mut slots, *index));
        self.ledger.completing(generation, slots).await?;
        let parts: Vec<Part> = sent.iter().map(|(_, part)| part.clone()).collect();
        self.staging.piece(name)?.complete(&parts).await
    }

    /// Completes a piece, so that what was sent to it can be copied.
    async fn secure(&self, first: &Slot, stored: &mut Stored) -> Result<()> {
        let sent = self.state().content.sent_parts(first.siblings.clone());
        if sent.is_empty() {
            return Ok(());
        }
        let parts: Vec<Part> = sent.iter().map(|(_, part)| part.clone()).collect();
        let joined = self.state().content.joined(first.part).is_some();
        let piece = self.staging.piece(&piece_name(first.part))?;
        let original = piece.complete(&parts).await?;
        let mut offset = 0;
        for (index, part) in sent {
            if joined {
                // It was made of all slots, whatever became of them since.
                offset = (index - first.siblings.start) * first.len();
            }
            stored.insert(index, (original.clone(), offset));
            offset += part.size;
        }
        Ok(())
    }

    /// What is to be done for each part, in order.
    fn steps(&self, stored: &Stored) -> Vec<(PartNumber, Step)> {
        let content = &self.state().content;
        let slots: Vec<Slot> = content.plan.slots(content.len()).collect();
        let mut steps = Vec::new();
        for part in slots.chunk_by(|one, other| one.part == other.part) {
            let step = self.part_step(part, content, stored);
            steps.push((part[0].part, step));
        }
        if content.plan.is_uniform() {
            steps
        } else {
            merge_copies(steps)
        }
    }

    fn part_step(&self, slots: &[Slot], content: &Content, stored: &Stored) -> Step {
        let number = slots[0].part;
        if let Some(part) = content.joined(number)
            && content.is_stored(slots[0].siblings.clone())
        {
            return Step::Have(part.clone());
        }
        let step = |slot: &Slot| (slot.clone(), self.slot_step(slot, content, stored));
        let mut steps: Vec<(Slot, Step)> = slots.iter().map(step).collect();
        if let Some((original, range)) = one_copy(&steps) {
            return Step::Copy(original, range);
        }
        let alone =
            steps.len() == 1 && (slots[0].piece.is_none() || !matches!(steps[0].1, Step::Have(_)));
        match steps.pop() {
            Some((_, step)) if alone => step,
            last => Step::Compose(steps.into_iter().chain(last).collect()),
        }
    }

    fn slot_step(&self, slot: &Slot, content: &Content, stored: &Stored) -> Step {
        let len = slot.range.end.min(content.len()) - slot.range.start;
        match content.recipe(slot) {
            Recipe::Mixed => Step::Put(slot.clone()),
            Recipe::Sent(part) => match self.locate(&Origin::Sent, slot, 0..len, stored) {
                Some((original, range)) => Step::Copy(original, range),
                None => Step::Have(part),
            },
            Recipe::Below(origin) => match self.locate(&origin, slot, 0..len, stored) {
                Some((original, range)) if self.store.capabilities().part_copy => {
                    Step::Copy(original, range)
                }
                _ => Step::Put(slot.clone()),
            },
        }
    }

    /// The object that `within` of a slot can be taken from, and the range there.
    pub(super) fn locate(
        &self,
        origin: &Origin,
        slot: &Slot,
        within: Range<u64>,
        stored: &Stored,
    ) -> Option<(Original, Range<u64>)> {
        let (original, start) = match origin {
            Origin::Patch(lump, at) => match lump.place() {
                Place::Stored(original, start) => {
                    let start = start + at;
                    return Some((original, start..start + (within.end - within.start)));
                }
                Place::Memory(_) => return None,
            },
            Origin::Base => {
                let start = slot.range.start;
                return Some(
                    self.ground
                        .get()?
                        .at(start + within.start..start + within.end),
                );
            }
            Origin::Sent => stored
                .get(&slot.index)
                .map(|(original, at)| (original, *at))?,
            Origin::Kept(_) | Origin::Zeros | Origin::Hole => return None,
        };
        Some((original.clone(), start + within.start..start + within.end))
    }

    async fn run(&self, number: PartNumber, step: Step, stored: &Stored) -> Result<Part> {
        match step {
            Step::Compose(slots) => Box::pin(self.compose(number, slots, stored)).await,
            step => self.run_simple(number, step, &self.main, stored).await,
        }
    }

    async fn run_simple(
        &self,
        number: PartNumber,
        step: Step,
        target: &Multipart,
        stored: &Stored,
    ) -> Result<Part> {
        match step {
            Step::Have(part) => Ok(part),
            Step::Copy(original, range) => target.copy_part(number, &original, range).await,
            Step::Put(slot) => {
                let body = self.body(&slot, stored).await?;
                let _permit = self.buffers.in_flight.take(body.len());
                let upload = target.upload().await?;
                target.store().put_part(number, body, upload).await
            }
            Step::Compose(_) => Err(self.refuse(ErrorKind::Internal, "a piece inside a piece")),
        }
    }

    /// Makes a part of slots in staging: in the piece that has some of them already, or in a new
    /// one where that piece was completed.
    async fn compose(
        &self,
        number: PartNumber,
        slots: Vec<(Slot, Step)>,
        stored: &Stored,
    ) -> Result<Part> {
        let mut piece = self.staging.piece(&piece_name(number))?;
        if piece.has_ended() {
            piece = self
                .staging
                .piece(&format!("{}-again", piece_name(number)))?;
        }
        let mut parts = Vec::with_capacity(slots.len());
        for (slot, step) in slots {
            let sub = slot.piece.unwrap_or(slot.part);
            parts.push(self.run_simple(sub, step, &piece, stored).await?);
        }
        let len = parts.iter().map(|part| part.size).sum();
        let original = piece.complete(&parts).await?;
        self.main.copy_part(number, &original, 0..len).await
    }

    /// The bytes of a slot up to the object's end, gathered from all layers.
    async fn body(&self, slot: &Slot, stored: &Stored) -> Result<Body> {
        let layers = {
            let content = &self.state().content;
            let end = slot.range.end.min(content.len());
            content.below(slot, 0..end.saturating_sub(slot.range.start))
        };
        let mut chunks = Vec::new();
        for (range, origin) in layers {
            chunks.extend(self.layer(slot, range, origin, stored).await?);
        }
        Ok(Body::from_chunks(chunks))
    }

    async fn layer(
        &self,
        slot: &Slot,
        range: Range<u64>,
        origin: Origin,
        stored: &Stored,
    ) -> Result<Vec<Bytes>> {
        match origin {
            Origin::Zeros => Ok(zeros(range.end - range.start)),
            Origin::Hole => Err(self.refuse(ErrorKind::Internal, "a hole was overlooked")),
            Origin::Kept(body) => Ok(body.slice(range)),
            Origin::Patch(lump, at) => lump.bytes(at..at + (range.end - range.start)).await,
            Origin::Base | Origin::Sent => match self.locate(&origin, slot, range, stored) {
                Some((original, range)) => original.fetch(range).await,
                None => Err(self.rewritten(slot)),
            },
        }
    }

    pub(super) fn rewritten(&self, slot: &Slot) -> Error {
        let reason = format!(
            "bytes {} to {} were stored before and only some of them rewritten; write the file \
             in order, or open it for reading and writing",
            slot.range.start,
            slot.range.end - 1
        );
        self.refuse(ErrorKind::Unsupported, reason)
    }

    fn refuse(&self, kind: ErrorKind, reason: impl Into<String>) -> Error {
        Error::new(kind, "finish", self.key.as_str(), reason)
    }
}

fn zeros(len: u64) -> Vec<Bytes> {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    let chunk = |left: u64| Bytes::from_static(&ZEROS[..left.min(ZEROS.len() as u64) as usize]);
    let starts = (0..len).step_by(ZEROS.len());
    starts.map(|at| chunk(len - at)).collect()
}

/// The one copy that all of these come to, if they do.
fn one_copy(steps: &[(Slot, Step)]) -> Option<(Original, Range<u64>)> {
    let mut whole: Option<(Original, Range<u64>)> = None;
    for (_, step) in steps {
        let Step::Copy(original, range) = step else {
            return None;
        };
        match &mut whole {
            None => whole = Some((original.clone(), range.clone())),
            Some((before, sum)) if follows(before, sum, original, range) => sum.end = range.end,
            Some(_) => return None,
        }
    }
    whole
}

/// Copies of neighbouring ranges become one, under the first one's number.
fn merge_copies(steps: Vec<(PartNumber, Step)>) -> Vec<(PartNumber, Step)> {
    let mut merged: Vec<(PartNumber, Step)> = Vec::with_capacity(steps.len());
    for (number, step) in steps {
        if let Step::Copy(original, range) = &step
            && let Some((_, Step::Copy(before, sum))) = merged.last_mut()
            && follows(before, sum, original, range)
            && range.end - sum.start <= COPY_LEN
        {
            sum.end = range.end;
            continue;
        }
        merged.push((number, step));
    }
    merged
}

fn follows(one: &Original, range: &Range<u64>, other: &Original, next: &Range<u64>) -> bool {
    range.end == next.start
        && one.key == other.key
        && one.pin == other.pin
        && one.store.bucket() == other.store.bucket()
}
