//! What an unfinished upload has in staging: its tails, pieces and whole objects.

use model::{ErrorKind, ObjectKey};

use super::{Resuming, list, unnamed};
use crate::fetch::Original;
use crate::upload::content::Patch;
use crate::upload::lump::Lump;
use crate::upload::multipart::Multipart;
use crate::upload::plan::Slot;
use crate::upload::{piece_number, whole_name};
use crate::{PartNumber, Pin, Result};

/// What the names of a staged upload's objects begin with.
const WHOLE: &str = "whole-";

impl Resuming<'_> {
    /// The tail objects.
    pub(super) async fn tails(&mut self) -> Result<()> {
        for tail in &self.progress.tails {
            let found = match &tail.key {
                Some(key) => self.file(key, &tail.pin).await?,
                None => self.engine.staging.find_tail(&tail.name, &tail.pin).await?,
            };
            let Some(original) = found else {
                let first = tail.ranges.iter().map(|(range, _)| range.start).min();
                self.limit = self.limit.min(first.unwrap_or(u64::MAX));
                self.missing = true;
                continue;
            };
            if let Some(number) = piece_number(&tail.name) {
                self.completed_piece(&tail.name, number, original.clone())?;
            }
            for (range, at) in &tail.ranges {
                let len = range.end - range.start;
                let lump = match &tail.key {
                    Some(_) => Lump::copied(original.clone(), *at, len),
                    None => Lump::stored(original.clone(), *at, len),
                };
                let range = range.clone();
                let patch = Patch { range, lump, at: 0 };
                self.engine.state().content.restore_patch(&patch);
            }
        }
        Ok(())
    }

    /// A file that bytes are to be copied from, if it stands as it was.
    async fn file(&self, key: &str, pin: &Pin) -> Result<Option<Original>> {
        let store = self.engine.store.clone();
        let Ok(key) = ObjectKey::parse(key) else {
            return Ok(None);
        };
        match store.head(&key).await {
            Ok(head) if head.pin() == *pin => Ok(Some(Original {
                store,
                key,
                pin: pin.clone(),
            })),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What other multipart uploads there are in staging.
    pub(super) async fn staged(&mut self) -> Result<()> {
        for (name, id) in &self.progress.staging {
            let piece = self.engine.staging.new_piece(name)?;
            let piece = piece.with_begun(crate::UploadId(id.clone()));
            if let Some(number) = piece_number(name) {
                if !self.is_joined(number) {
                    self.piece(name, number, piece).await?;
                }
            } else if !name.starts_with(WHOLE)
                && let Some(upload) = piece.begun()
            {
                // Only the end of the upload needs it, and begins it again.
                piece.store().abort_upload(upload).await?;
            }
        }
        self.wholes().await
    }

    /// A composed part of which the store has some pieces, or all in one object.
    async fn piece(&mut self, name: &str, number: PartNumber, piece: Multipart) -> Result<()> {
        let Some(first) = self.engine.state().content.plan.first_slot(number) else {
            return Ok(());
        };
        let slots = self.siblings(&first);
        let upload = piece.begun().cloned();
        let parts = match &upload {
            Some(upload) => list(piece.store(), upload).await?,
            None => None,
        };
        if let Some(parts) = parts {
            for slot in slots {
                let part = slot.piece.and_then(|number| parts.get(&number));
                if let Some(part) = part.filter(|part| part.size == slot.len()) {
                    self.stray(Some(name), &slot, part.number);
                    self.part(&slot, part.clone());
                }
            }
            self.adopt(name, piece);
            return Ok(());
        }
        let Some((original, size)) = standing(&piece).await? else {
            return Ok(());
        };
        let whole: Vec<Slot> = slots
            .into_iter()
            .filter(|slot| self.progress.open || self.is_sent(slot))
            .collect();
        if whole.iter().map(Slot::len).sum::<u64>() == size {
            self.completed_piece(name, number, original.clone())?;
            let mut at = 0;
            for slot in whole {
                self.piece_patch(&slot, &original, at);
                at += slot.len();
            }
        }
        Ok(())
    }

    /// A slot whose bytes stand in a completed piece.
    fn piece_patch(&mut self, slot: &Slot, original: &Original, at: u64) {
        let patch = Patch {
            range: slot.range.clone(),
            lump: Lump::stored(original.clone(), at, slot.len()),
            at: 0,
        };
        let content = &mut self.engine.state().content;
        if self.progress.open {
            content.restore_patch(&patch);
        } else {
            content.restore_patch_under(&patch);
        }
        self.found.insert(slot.index);
    }

    /// A composed part whose piece was finished: nothing more can be sent to it.
    fn completed_piece(&self, name: &str, number: PartNumber, original: Original) -> Result<()> {
        let piece = self.engine.staging.new_piece(name)?;
        self.engine
            .staging
            .adopt(name, piece.with_completed(original));
        let content = &mut self.engine.state().content;
        content.restore_joined(number, None);
        Ok(())
    }

    /// The staging objects of a staged upload: the completed ones, then the one being filled.
    async fn wholes(&mut self) -> Result<()> {
        for whole in &self.progress.wholes {
            let name = whole_name(whole.generation);
            let piece = self.engine.staging.new_piece(&name)?;
            let slots = self.slots(&whole.slots);
            let Some((original, size)) = standing(&piece).await? else {
                continue;
            };
            if slots.iter().map(Slot::len).sum::<u64>() != size {
                continue;
            }
            self.engine
                .staging
                .adopt(&name, piece.with_completed(original.clone()));
            let mut at = 0;
            for slot in slots {
                if !whole.void.iter().any(|run| run.contains(&slot.index)) {
                    self.part(&slot, unnamed(slot.part, slot.len()));
                    let mut state = self.engine.state();
                    state.stored.insert(slot.index, (original.clone(), at));
                }
                at += slot.len();
            }
            let mut state = self.engine.state();
            state.generation = state.generation.max(whole.generation + 1);
        }
        for (name, id) in &self.progress.staging {
            let generation = name.strip_prefix(WHOLE).and_then(|text| text.parse().ok());
            if let Some(generation) = generation
                && self.engine.state().generation <= generation
            {
                self.open_whole(name, id, generation).await?;
            }
        }
        Ok(())
    }

    async fn open_whole(&mut self, name: &str, id: &str, generation: u32) -> Result<()> {
        let piece = self.engine.staging.new_piece(name)?;
        let piece = piece.with_begun(crate::UploadId(id.to_owned()));
        let parts = match piece.begun() {
            Some(upload) => list(piece.store(), upload).await?,
            None => None,
        };
        // What is gone is not begun again under the same name.
        self.engine.state().generation = generation + u32::from(parts.is_none());
        let Some(parts) = parts else {
            return Ok(());
        };
        for part in parts.into_values() {
            let slot = self.engine.state().content.plan.first_slot(part.number);
            if let Some(slot) = slot.filter(|slot| slot.len() == part.size) {
                self.engine.state().stored.remove(&slot.index);
                self.stray(Some(name), &slot, part.number);
                self.part(&slot, part);
            }
        }
        self.adopt(name, piece);
        Ok(())
    }

    /// A multipart upload in staging goes on.
    fn adopt(&mut self, name: &str, piece: Multipart) {
        if let Some(upload) = piece.begun() {
            self.going_on.push((name.to_owned(), upload.id.0.clone()));
        }
        self.engine.staging.adopt(name, piece);
    }
}

/// The object that a piece became, with its size.
async fn standing(piece: &Multipart) -> Result<Option<(Original, u64)>> {
    match piece.look().await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
