//! Going on with an unfinished upload: what its progress names is held against what the store has.

mod staged;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bytes::Bytes;
use model::{ErrorKind, ObjectKey};

use super::detach::{add, digest};
use super::engine::{Build, Engine};
use super::plan::Slot;
use super::progress::{Progress, Whole};
use super::{piece_name, whole_name};
use crate::fetch::Original;
use crate::{Error, MultipartUpload, ObjectStore, Part, PartNumber, Result};

/// The parts of one multipart upload.
type Parts = BTreeMap<PartNumber, Part>;

/// Builds an engine that goes on where `progress` ends.
pub(super) async fn resume(mut build: Build, progress: &Progress) -> Result<Engine> {
    check(&build, progress)?;
    let main = match progress.multipart() {
        Some(upload) => list(&*build.store, &upload).await?,
        None => None,
    };
    let gone = progress.main.is_some() && main.is_none();
    if let Some(known) = build.progress.as_mut() {
        known.main.take_if(|_| gone);
        // What has sent nothing to its key may have been given another one.
        build.key.as_str().clone_into(&mut known.key);
    }
    let mut resuming = Resuming {
        engine: Engine::build(build),
        progress,
        main: main.unwrap_or_default(),
        found: BTreeSet::new(),
        limit: u64::MAX,
        missing: gone,
        strays: Vec::new(),
        going_on: Vec::new(),
    };
    resuming.below();
    resuming.tails().await?;
    resuming.staged().await?;
    resuming.parts();
    let going_on = std::mem::take(&mut resuming.going_on);
    let engine = resuming.end().await?;
    let mut known = Progress {
        open: true,
        staging: going_on,
        ..engine.exact()
    };
    void(&engine, &mut known.wholes);
    engine.ledger.tell(|progress| *progress = known).await?;
    let mut state = engine.state();
    for work in state.content.ready() {
        engine.begin(&mut state, work);
    }
    drop(state);
    Ok(engine)
}

/// Whether this is the upload that the progress tells of.
fn check(build: &Build, progress: &Progress) -> Result<()> {
    let refuse = |kind, reason: &str| {
        let key = build.key.as_str();
        Err(Error::new(kind, "resume", key, reason))
    };
    if progress.main.is_some() && progress.key != build.key.as_str() {
        return refuse(ErrorKind::Invalid, "it was begun at another key");
    }
    let staging = progress.staged || !progress.staging.is_empty() || !progress.tails.is_empty();
    if staging && build.settings.staging.is_none() {
        let reason = "some of it stands in staging, and no staging is configured";
        return refuse(ErrorKind::Invalid, reason);
    }
    match (progress.base(), &build.base) {
        (Some((pin, _)), Some(base)) if *pin != base.pin => {
            let reason = "the file that it was to change was replaced meanwhile";
            refuse(ErrorKind::Conflict, reason)
        }
        (Some(_), None) => refuse(ErrorKind::Invalid, "its base is missing"),
        _ => Ok(()),
    }
}

/// The parts of an upload; none where the store does not know it any more.
async fn list(store: &dyn ObjectStore, upload: &MultipartUpload) -> Result<Option<Parts>> {
    match store.list_parts(upload).await {
        Ok(parts) => Ok(Some(
            parts.into_iter().map(|part| (part.number, part)).collect(),
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

struct Resuming<'a> {
    engine: Engine,
    progress: &'a Progress,
    /// The parts at the key.
    main: Parts,
    /// Slots that are there.
    found: BTreeSet<u64>,
    /// Nothing at and behind this byte counts.
    limit: u64,
    /// Something that the progress names is not there.
    missing: bool,
    /// Parts of the right size by the piece they are in; those that do not count at the end must
    /// not count later either.
    strays: Vec<(Option<String>, Vec<Slot>, PartNumber)>,
    /// Multipart uploads in staging that go on.
    going_on: Vec<(String, String)>,
}

impl Resuming<'_> {
    fn below(&self) {
        let base = self.progress.base().map_or(0, |(_, len)| len);
        let content = &mut self.engine.state().content;
        content.restore_below(base, &self.progress.zeros);
    }

    /// The parts at the key.
    fn parts(&mut self) {
        for (number, part) in self.main.clone() {
            let Some(first) = self.engine.state().content.plan.first_slot(number) else {
                continue;
            };
            if first.piece.is_none() {
                if part.size == first.len() && !self.progress.staged {
                    self.stray(None, &first, number);
                    self.part(&first, part);
                }
            } else if self.is_joined(number) {
                self.joined(&first, part);
            }
        }
    }

    /// Whether the store has this composed part whole.
    fn is_joined(&self, number: PartNumber) -> bool {
        let slot = self.engine.state().content.plan.first_slot(number);
        let len = slot.map_or(0, |slot| {
            slot.len() * (slot.siblings.end - slot.siblings.start)
        });
        self.main.get(&number).is_some_and(|part| part.size == len)
    }

    fn joined(&mut self, first: &Slot, part: Part) {
        let name = piece_name(first.part);
        let slots = self.siblings(first);
        self.strays.push((None, slots.clone(), first.part));
        let before = self.found.len();
        // Once joined, its slots are not sent again: what is newer was known then.
        let known = slots.iter().any(|slot| self.is_sent(slot));
        for slot in slots {
            let part = unnamed(slot.piece.unwrap_or(slot.part), slot.len());
            if known {
                self.known_part(&slot, part);
            } else {
                self.part(&slot, part);
            }
        }
        if self.found.len() == before {
            return;
        }
        if let Ok(piece) = self.engine.staging.new_piece(&name) {
            self.engine.staging.adopt(&name, piece.standing());
        }
        let number = part.number;
        let content = &mut self.engine.state().content;
        content.restore_joined(number, Some(part));
    }

    /// A part of the right size of the upload `at` (in staging, or at the key), that is harmless
    /// only if its slot counts.
    fn stray(&mut self, at: Option<&str>, slot: &Slot, number: PartNumber) {
        self.strays
            .push((at.map(str::to_owned), vec![slot.clone()], number));
    }

    /// A slot that the store has as a part.
    fn part(&mut self, slot: &Slot, part: Part) {
        if !self.progress.open {
            return self.known_part(slot, part);
        }
        let cut = self.cut(slot).is_some();
        let mut state = self.engine.state();
        if self.is_sent(slot) && (cut || state.content.is_patched(slot)) {
            // Was it sent again since? Nobody can tell.
            self.limit = self.limit.min(slot.range.start);
            return;
        }
        state.content.drop_patches(slot);
        state.content.restore_part(slot, part, slot.len());
        self.found.insert(slot.index);
    }

    /// A slot that the store has as a part, if the progress names it.
    fn known_part(&mut self, slot: &Slot, part: Part) {
        if self.is_sent(slot) {
            let live = self.cut(slot).unwrap_or(slot.len());
            let content = &mut self.engine.state().content;
            content.restore_part(slot, part, live);
            self.found.insert(slot.index);
        }
    }

    /// What is left of a slot that was truncated after it was sent.
    fn cut(&self, slot: &Slot) -> Option<u64> {
        let mut cut = self.progress.cut.iter();
        cut.find(|(index, _)| *index == slot.index)
            .map(|(_, live)| *live)
    }

    fn is_sent(&self, slot: &Slot) -> bool {
        let mut sent = self.progress.sent.iter();
        sent.any(|run| run.contains(&slot.index))
    }

    fn siblings(&self, slot: &Slot) -> Vec<Slot> {
        self.slots(std::slice::from_ref(&slot.siblings))
    }

    fn slots(&self, runs: &[Range<u64>]) -> Vec<Slot> {
        let plan = &self.engine.state().content.plan;
        let indices = runs.iter().cloned().flatten();
        indices
            .map(|index| plan.slot_at(plan.slot_start(index)))
            .collect()
    }

    /// Forgets what follows the first thing that is missing, here and in the store.
    async fn end(mut self) -> Result<Engine> {
        for slot in self.slots(&self.progress.sent) {
            if !self.found.contains(&slot.index) {
                self.missing |= slot.range.start < self.limit;
                self.limit = self.limit.min(slot.range.start);
                break;
            }
        }
        let limit = match self.progress.open {
            true => self.limit,
            false => self.limit.min(self.progress.safe),
        };
        let reach = self.engine.state().content.restored(limit);
        let key = self.engine.key.clone();
        if reach == 0 && self.missing {
            let reason = "the store has given the unfinished upload up; send the file again";
            return Err(refuse(&key, ErrorKind::NotFound, reason));
        }
        let known = {
            let state = self.engine.state();
            digest(&state, state.content.reach(false), self.progress.staged)
        };
        if !self.progress.open && reach == self.progress.safe && known != self.progress.digest {
            let reason = "its parts in the store were replaced meanwhile; send the file again";
            return Err(refuse(&key, ErrorKind::Conflict, reason));
        }
        self.spoil().await?;
        self.engine.staging.has_unknown();
        Ok(self.engine)
    }

    /// Makes parts useless that do not count: whoever resumes next would take them for good.
    async fn spoil(&self) -> Result<()> {
        for (name, slots, number) in &self.strays {
            let counts = |slot| self.engine.state().content.is_sent(slot);
            if slots.iter().any(counts) {
                continue;
            }
            let target = match name {
                Some(name) => self.engine.staging.piece(name)?,
                None => self.engine.main.clone(),
            };
            if let Some(upload) = target.begun()
                && !target.has_ended()
            {
                let byte = Bytes::from_static(b"-").into();
                target.store().put_part(*number, byte, upload).await?;
            }
        }
        Ok(())
    }
}

/// Notes what is out of date in completed staging objects: nobody can take it away from there.
fn void(engine: &Engine, wholes: &mut [Whole]) {
    let state = engine.state();
    for whole in wholes {
        let name = whole_name(whole.generation);
        let counts = |index: &u64| {
            let stored = state.stored.get(index);
            let here = |(original, _): &(Original, u64)| {
                engine.staging.name_of(&original.key) == Some(name.as_str())
            };
            stored.is_some_and(here) && !state.content.sent_parts(*index..index + 1).is_empty()
        };
        whole.void.clear();
        for index in whole.slots.iter().cloned().flatten() {
            if !counts(&index) {
                add(&mut whole.void, index);
            }
        }
    }
}

/// A part of which only the place is known.
fn unnamed(number: PartNumber, size: u64) -> Part {
    Part {
        number,
        etag: String::new(),
        size,
        crc64nvme: None,
    }
}

fn refuse(key: &ObjectKey, kind: ErrorKind, reason: &str) -> Error {
    Error::new(kind, "resume", key.as_str(), reason)
}
