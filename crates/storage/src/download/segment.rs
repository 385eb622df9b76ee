//! `Segment`: a range of the object that is fetched in the background and handed out piece by
//! piece.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::fetch::RangeReader;
use crate::ranges::RangeSet;
use crate::{BudgetPermit, Error, Result};

/// A range being fetched. Dropping it ends that.
#[derive(Debug)]
pub(super) struct Segment {
    range: Range<u64>,
    shared: Arc<Shared>,
    _end: DropGuard,
}

#[derive(Debug)]
struct Shared {
    filling: Mutex<Filling>,
    grown: Notify,
}

#[derive(Debug)]
struct Filling {
    chunks: VecDeque<Bytes>,
    /// Where the first chunk begins: what is before was handed out and freed.
    start: u64,
    /// Where the last chunk ends.
    end: u64,
    consumed: RangeSet,
    failure: Option<Error>,
    /// Counts what is held or on its way.
    permit: BudgetPermit,
}

impl Segment {
    /// Begins to fetch what `reader` reads, which is `range`, in a task of `tasks`.
    pub(super) fn begin(
        range: Range<u64>,
        reader: RangeReader,
        permit: BudgetPermit,
        tasks: &TaskTracker,
    ) -> Self {
        let filling = Filling {
            chunks: VecDeque::new(),
            start: range.start,
            end: range.start,
            consumed: RangeSet::default(),
            failure: None,
            permit,
        };
        let shared = Arc::new(Shared {
            filling: Mutex::new(filling),
            grown: Notify::new(),
        });
        let cancel = CancellationToken::new();
        tasks.spawn(
            cancel
                .clone()
                .run_until_cancelled_owned(fill(shared.clone(), reader)),
        );
        Self {
            range,
            shared,
            _end: cancel.drop_guard(),
        }
    }

    /// What it fetches.
    pub(super) fn range(&self) -> &Range<u64> {
        &self.range
    }

    /// What it still can hand out of `range`.
    pub(super) fn offers(&self, range: &Range<u64>) -> Option<Range<u64>> {
        let filling = self.shared.filling();
        let start = range.start.max(filling.start);
        let end = range.end.min(self.range.end);
        (start < end && filling.failure.is_none()).then_some(start..end)
    }

    /// Whether all of it was handed out.
    pub(super) fn is_spent(&self) -> bool {
        self.shared.filling().start == self.range.end
    }

    /// Hands out `range`, which lies inside, as soon as it is there. None where another read was
    /// given a part of it, and it is gone.
    pub(super) async fn take(&self, range: Range<u64>) -> Result<Option<Vec<Bytes>>> {
        loop {
            let mut grown = pin!(self.shared.grown.notified());
            grown.as_mut().enable();
            {
                let mut filling = self.shared.filling();
                if range.start < filling.start {
                    return Ok(None);
                }
                if range.end <= filling.end {
                    return Ok(Some(filling.take(range)));
                }
                if let Some(error) = &filling.failure {
                    return Err(error.clone());
                }
            }
            grown.await;
        }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // At once, not when the task gets to hear of it.
        let mut filling = self.shared.filling();
        filling.chunks.clear();
        let all = filling.permit.bytes();
        filling.permit.release(all);
    }
}

impl Shared {
    fn filling(&self) -> MutexGuard<'_, Filling> {
        self.filling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Filling {
    fn take(&mut self, range: Range<u64>) -> Vec<Bytes> {
        let mut taken = Vec::new();
        let mut at = self.start;
        for chunk in &self.chunks {
            let end = at + chunk.len() as u64;
            let (from, to) = (range.start.max(at), range.end.min(end));
            if from < to {
                taken.push(chunk.slice((from - at) as usize..(to - at) as usize));
            }
            if end >= range.end {
                break;
            }
            at = end;
        }
        self.consumed.insert(range);
        self.free();
        taken
    }

    /// Frees the chunks at the front that were handed out whole.
    fn free(&mut self) {
        while let Some(chunk) = self.chunks.front() {
            let len = chunk.len() as u64;
            if !self.consumed.covers(&(self.start..self.start + len)) {
                return;
            }
            self.chunks.pop_front();
            self.start += len;
            self.permit.release(len);
        }
    }
}

async fn fill(shared: Arc<Shared>, mut reader: RangeReader) {
    loop {
        let next = reader.next().await;
        let mut filling = shared.filling();
        match next {
            Ok(Some(bytes)) => {
                filling.end += bytes.len() as u64;
                filling.chunks.push_back(bytes);
            }
            Ok(None) => return,
            Err(error) => filling.failure = Some(error),
        }
        let failed = filling.failure.is_some();
        drop(filling);
        shared.grown.notify_waiters();
        if failed {
            return;
        }
    }
}
