//! Walks that wait for their next page, so that a folder of a million files is read and sorted
//! once and not once a page. A walk that was dropped is made again from the continuation.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::walk::Walk;
use crate::ListRequest;

/// How many walks wait at most.
const MAX_WALKS: usize = 16;

/// How many bytes of names they may hold together; the newest one stays whatever it holds.
const MAX_WEIGHT: usize = 64 * 1024 * 1024;

/// How long a walk waits at most: the names that it holds grow stale.
const MAX_AGE: Duration = Duration::from_secs(60);

/// The walks, oldest first. Listings of the same folder by several sessions wait side by side.
#[derive(Debug, Default)]
pub(super) struct WalkCache(Mutex<VecDeque<Waiting>>);

/// A walk and what it waits for.
#[derive(Debug)]
struct Waiting {
    page: Page,
    walk: Walk,
    since: Instant,
}

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
        let mut walks = self.fresh();
        let index = walks.iter().rposition(|waiting| waiting.page == page)?;
        walks.remove(index).map(|waiting| waiting.walk)
    }

    /// Keeps a walk that ended a page of `request` with `continuation`.
    pub(super) fn keep(&self, request: &ListRequest, continuation: &str, walk: Walk) {
        let mut walks = self.fresh();
        walks.push_back(Waiting {
            page: Page::new(request, continuation),
            walk,
            since: Instant::now(),
        });
        let weight = |walks: &VecDeque<Waiting>| -> usize {
            walks.iter().map(|waiting| waiting.walk.weight()).sum()
        };
        while walks.len() > 1 && (walks.len() > MAX_WALKS || weight(&walks) > MAX_WEIGHT) {
            walks.pop_front();
        }
    }

    /// The walks without those that waited too long.
    fn fresh(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        let mut walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        walks.retain(|waiting| waiting.since.elapsed() < MAX_AGE);
        walks
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
