//! Walks that wait for their next page, so that a folder of a million files is read and sorted
//! once and not once a page. A walk that was dropped is made again from the continuation.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::walk::Walk;
use crate::ListRequest;

/// How many walks wait at most.
const MAX_WALKS: usize = 16;

/// How many bytes of names they may hold together; the newest one stays whatever it holds.
const MAX_WEIGHT: usize = 64 * 1024 * 1024;

/// The walks, oldest first.
#[derive(Debug, Default)]
pub(super) struct WalkCache(Mutex<VecDeque<(Page, Walk)>>);

/// The page that a walk waits for.
#[derive(Debug, PartialEq, Eq)]
struct Page {
    prefix: String,
    delimiter: Option<char>,
    continuation: String,
}

impl WalkCache {
    /// The walk that ended the page before the one that `request` asks for.
    pub(super) fn take(&self, request: &ListRequest) -> Option<Walk> {
        let page = Page::new(request, request.continuation.as_deref()?);
        let mut walks = self.lock();
        let index = walks.iter().position(|(waiting, _)| *waiting == page)?;
        walks.remove(index).map(|(_, walk)| walk)
    }

    /// Keeps a walk that ended a page of `request` with `continuation`.
    pub(super) fn keep(&self, request: &ListRequest, continuation: &str, walk: Walk) {
        let page = Page::new(request, continuation);
        let mut walks = self.lock();
        // An older walk at the same place may have sorted names that are stale by now.
        walks.retain(|(waiting, _)| *waiting != page);
        walks.push_back((page, walk));
        let weight = |walks: &VecDeque<(Page, Walk)>| -> usize {
            walks.iter().map(|(_, walk)| walk.weight()).sum()
        };
        while walks.len() > 1 && (walks.len() > MAX_WALKS || weight(&walks) > MAX_WEIGHT) {
            walks.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Page, Walk)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Page {
    fn new(request: &ListRequest, continuation: &str) -> Self {
        Self {
            prefix: request.prefix.clone(),
            delimiter: request.delimiter,
            continuation: continuation.to_owned(),
        }
    }
}
