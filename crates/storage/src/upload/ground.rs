//! `Ground`: the object whose bytes lie below all that is written into an upload.

use std::ops::Range;
use std::sync::Arc;

use model::ObjectKey;

use super::engine::{Engine, Phase};
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
    /// `range` of the object at `key` as `head` describes it; it lies inside the object.
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
}

impl Engine {
    /// See [`super::Upload::copy`].
    pub(super) fn copy(&self, copied: &Copied) -> bool {
        let mut state = self.state();
        self.take_answers(&mut state);
        let ground = Ground::copied(copied);
        let is_fresh = matches!(state.phase, Phase::Open)
            && state.content.is_fresh()
            && self.main.begun().is_none();
        let is_worth_it = self.store.capabilities().part_copy
            // The same bucket of the same connection: others may be called alike.
            && Arc::ptr_eq(&self.store, &copied.original.store)
            && ground.len > state.content.plan.slot_at(0).len()
            && ground.len <= state.content.plan.limit();
        if !is_fresh || !is_worth_it || self.ground.set(ground.clone()).is_err() {
            return false;
        }
        self.ledger.copied(ground.below(ground.len));
        state.content.lie_on(ground.len);
        true
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
