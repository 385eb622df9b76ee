//! `Ground`: the object whose bytes lie below all that is written into an upload.

use std::ops::Range;
use std::sync::Arc;

use model::{BucketName, ObjectKey};

use super::content::Patch;
use super::engine::{Engine, Phase, State};
use super::lump::Lump;
use super::progress::Below;
use super::settings::Base;
use crate::fetch::Original;
use crate::{ObjectHead, ObjectStore};

/// What an upload began from, or what was copied under it.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    original: Original,
    /// Where in the object the first byte of the upload is.
    from: u64,
    pub(super) len: u64,
    /// It was copied from another file: the upload changes its own even if nothing else is written.
    is_copy: bool,
}

impl Ground {
    /// The content that an upload starts from.
    pub(super) fn of(base: &Base) -> Self {
        Self {
            original: base.original(),
            from: 0,
            len: base.len,
            is_copy: false,
        }
    }

    /// A range of another object.
    fn copied(copied: &Copied) -> Self {
        Self {
            original: copied.original.clone(),
            from: copied.range.start,
            len: copied.range.end - copied.range.start,
            is_copy: true,
        }
    }

    /// The same, of an upload that goes on: where it lies in the object is on record.
    pub(super) fn recorded(mut self, below: Option<&Below>) -> Self {
        if let Some(below) = below {
            self.from = below.from;
            self.is_copy = below.key.is_some();
        }
        self
    }

    /// Where `range` of the upload stands.
    pub(super) fn at(&self, range: Range<u64>) -> (Original, Range<u64>) {
        let range = self.from + range.start..self.from + range.end;
        (self.original.clone(), range)
    }

    /// As it is put on record, as far as `len` bytes survive.
    pub(super) fn below(&self, len: u64) -> Below {
        Below {
            pin: self.original.pin.clone(),
            len,
            key: self.is_copy.then(|| self.original.key.to_string()),
            from: self.from,
        }
    }
}

/// A range of one state of an object, to be copied inside its store.
#[derive(Debug, Clone)]
pub struct Copied {
    original: Original,
    range: Range<u64>,
}

impl Copied {
    /// `range` of the object at `key` as `head` describes it; it lies inside the object. The store
    /// is the same bucket as that of the upload that it is for, or another one of the same connection.
    pub fn new(
        store: Arc<dyn ObjectStore>,
        key: ObjectKey,
        head: &ObjectHead,
        range: Range<u64>,
    ) -> Self {
        let original = Original {
            store,
            key,
            pin: head.pin(),
        };
        Self { original, range }
    }

    /// A range of what another upload could start from.
    #[cfg(test)]
    pub(super) fn of(base: &Base, range: Range<u64>) -> Self {
        Self {
            original: base.original(),
            range,
        }
    }

    /// The bucket that it stands in.
    pub fn bucket(&self) -> &BucketName {
        self.original.store.bucket()
    }

    fn len(&self) -> u64 {
        self.range.end - self.range.start
    }
}

impl Engine {
    /// See [`super::Upload::copy`].
    pub(super) fn copy(&self, copied: &Copied, offset: u64) -> Range<u64> {
        let mut state = self.state();
        self.take_answers(&mut state);
        let end = offset.saturating_add(copied.len());
        let able = matches!(state.phase, Phase::Open) && self.store.capabilities().part_copy;
        if !able || end > state.content.plan.limit() {
            return offset..offset;
        }
        if self.lie_on(&mut state, copied, offset) || self.lie_on_more(&mut state, copied, offset) {
            return offset..end;
        }
        let taken = state.content.untouched(offset..end);
        if taken.is_empty() {
            return offset..offset;
        }
        self.ledger.touched(taken.start);
        let lump = Lump::copied(
            copied.original.clone(),
            copied.range.start + (taken.start - offset),
            taken.end - taken.start,
        );
        let range = taken.clone();
        let patch = Patch { range, lump, at: 0 };
        state.content.restore_patch(&patch);
        taken
    }

    /// Makes the range the ground of an upload into which nothing was written yet.
    fn lie_on(&self, state: &mut State, copied: &Copied, offset: u64) -> bool {
        let ground = Ground::copied(copied);
        let is_fresh = offset == 0 && state.content.is_fresh() && self.main.begun().is_none();
        let is_worth_it = self.has(copied) && ground.len > state.content.plan.slot_at(0).len();
        if !is_fresh || !is_worth_it || self.ground.set(ground.clone()).is_err() {
            return false;
        }
        self.ledger.copied(ground.below(ground.len));
        state.content.lie_on(ground.len);
        true
    }

    /// Makes the ground longer by a range that follows it, here and there: clients copy a large file
    /// range by range.
    fn lie_on_more(&self, state: &mut State, copied: &Copied, offset: u64) -> bool {
        let Some(ground) = self.ground.get().filter(|ground| ground.is_copy) else {
            return false;
        };
        let (before, behind) = (&ground.original, &copied.original);
        let follows = offset == state.content.len()
            && copied.range.start == ground.from + offset
            && before.key == behind.key
            && before.pin == behind.pin
            && self.has(copied);
        if !follows || !state.content.is_all_below() {
            return false;
        }
        let len = offset + copied.len();
        self.ledger.copied(ground.below(len));
        state.content.lie_on(len);
        true
    }

    /// Whether the range stands in the bucket that the upload goes to.
    fn has(&self, copied: &Copied) -> bool {
        Arc::ptr_eq(&self.store, &copied.original.store)
    }

    /// Whether bytes of what it began from would be in the object.
    pub(super) fn keeps_base(&self) -> bool {
        let began_from = self.ground.get().filter(|ground| !ground.is_copy);
        began_from.is_some() && self.state().content.shows_base()
    }

    /// Whether nothing was written, cut, added or copied.
    pub(super) fn is_untouched(&self) -> bool {
        let began_from = self.ground.get().filter(|ground| !ground.is_copy);
        began_from.is_some_and(|ground| self.state().content.is_untouched(ground.len))
    }
}
