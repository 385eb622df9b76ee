//! `Lump`: bytes that were collected and are no part yet, in memory or in a staging object.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::fetch::Original;
use crate::{Body, BudgetPermit, Result};

/// Some bytes that never change. They may move from memory to the store while others refer to
/// them: all of these see the new place.
#[derive(Debug)]
pub(super) struct Lump {
    len: u64,
    /// It stands in another file, and is copied from there in the end.
    is_copied: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    place: Place,
    /// Counts the memory among what is not sent yet.
    counted: Option<Arc<BudgetPermit>>,
}

/// Where a lump is.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Memory(Body),
    /// In this object, from this offset on.
    Stored(Original, u64),
}

impl Lump {
    /// Bytes in memory.
    pub(super) fn in_memory(body: Body, counted: Option<Arc<BudgetPermit>>) -> Arc<Self> {
        Arc::new(Self {
            len: body.len(),
            is_copied: false,
            state: Mutex::new(State {
                place: Place::Memory(body),
                counted,
            }),
        })
    }

    /// `len` bytes at `at` of an object.
    pub(super) fn stored(original: Original, at: u64, len: u64) -> Arc<Self> {
        Self::of(original, at, len, false)
    }

    /// `len` bytes at `at` of another file.
    pub(super) fn copied(original: Original, at: u64, len: u64) -> Arc<Self> {
        Self::of(original, at, len, true)
    }

    fn of(original: Original, at: u64, len: u64, is_copied: bool) -> Arc<Self> {
        Arc::new(Self {
            len,
            is_copied,
            state: Mutex::new(State {
                place: Place::Stored(original, at),
                counted: None,
            }),
        })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Whether it stands in another file.
    pub(super) fn is_copied(&self) -> bool {
        self.is_copied
    }

    /// Where it is now.
    pub(super) fn place(&self) -> Place {
        self.state().place.clone()
    }

    /// Its bytes, if they are in memory.
    pub(super) fn body(&self) -> Option<Body> {
        match self.place() {
            Place::Memory(body) => Some(body),
            Place::Stored(..) => None,
        }
    }

    /// The bytes of `range`, fetched if need be.
    pub(super) async fn bytes(&self, range: Range<u64>) -> Result<Vec<Bytes>> {
        match self.place() {
            Place::Memory(body) => Ok(body.slice(range)),
            Place::Stored(original, at) => original.fetch(at + range.start..at + range.end).await,
        }
    }

    /// It stands in the store now: lets the memory go.
    pub(super) fn moved(&self, original: Original, at: u64) {
        *self.state() = State {
            place: Place::Stored(original, at),
            counted: None,
        };
    }

    /// No longer counts: something else counts it while it is on its way.
    pub(super) fn uncount(&self) -> Option<Arc<BudgetPermit>> {
        self.state().counted.take()
    }

    /// Counts again.
    pub(super) fn count(&self, counted: Arc<BudgetPermit>) {
        self.state().counted = Some(counted);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
