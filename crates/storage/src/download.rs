//! `Download`: reads at any offset of one state of an object.

mod pattern;
mod segment;
mod settings;

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use model::ObjectKey;
use tokio_util::task::TaskTracker;

pub use settings::DownloadSettings;

use crate::fetch::{Original, RangeReader};
use crate::{Copied, ObjectHead, ObjectStore, Result};
use pattern::{Access, Pattern};
use segment::Segment;

/// One object being read.
///
/// All bytes are of the state that the object had when it was opened; if it is replaced, reads
/// fail with `Conflict` and never mix. While reads stay sequential it fetches ahead, with several
/// range GETs in flight; other reads fetch what they ask for. What was read is freed, and read
/// again from the store. Dropping it cancels its fetches.
#[derive(Debug)]
pub struct Download {
    original: Original,
    head: ObjectHead,
    settings: DownloadSettings,
    tasks: TaskTracker,
    ahead: Mutex<Ahead>,
}

/// What runs ahead of the reader.
#[derive(Debug)]
struct Ahead {
    pattern: Pattern,
    segments: Vec<Arc<Segment>>,
    /// Where the last segment ends, and the next one begins.
    end: u64,
}

/// Where a stretch of a read comes from.
enum Stretch {
    Segment(Arc<Segment>, Range<u64>),
    Fetch(Range<u64>),
}

impl Download {
    /// Opens the object. Without a head the first GET is sent at once and tells it, so that a
    /// small object costs exactly one request; with one, nothing is sent before the first read.
    ///
    /// # Errors
    /// What the GET ran into: `NotFound`, `Denied`.
    pub async fn open(
        store: Arc<dyn ObjectStore>,
        key: ObjectKey,
        head: Option<ObjectHead>,
        settings: DownloadSettings,
    ) -> Result<Self> {
        if let Some(head) = head {
            let original = Original {
                store,
                key,
                pin: head.pin(),
            };
            return Ok(Self::new(original, head, settings));
        }
        let (first, attempts) = (settings.initial_window, settings.attempts);
        let (head, reader) = RangeReader::open(store, key, first, attempts).await?;
        let download = Self::new(reader.original().clone(), head, settings);
        let range = 0..reader.end();
        let permit = download.settings.read_ahead.take(range.end);
        let segment = Segment::begin(range, reader, permit, &download.tasks);
        download.ahead().push(segment);
        Ok(download)
    }

    fn new(original: Original, head: ObjectHead, settings: DownloadSettings) -> Self {
        let DownloadSettings {
            initial_window,
            max_window,
            min_fetch,
            ..
        } = settings;
        let ahead = Ahead {
            pattern: Pattern::new(initial_window, max_window, min_fetch.saturating_mul(2)),
            segments: Vec::new(),
            end: 0,
        };
        Self {
            original,
            head,
            settings,
            tasks: TaskTracker::new(),
            ahead: Mutex::new(ahead),
        }
    }

    /// What is known of the object.
    pub fn head(&self) -> &ObjectHead {
        &self.head
    }

    /// `range` of it, which lies inside the object, to be copied inside the store: see
    /// [`Upload::copy`](crate::Upload::copy).
    pub fn copied(&self, range: Range<u64>) -> Copied {
        let Original { store, key, .. } = &self.original;
        Copied::new(Arc::clone(store), key.clone(), &self.head, range)
    }

    /// `len` bytes at `offset`: all of them, unless the end lies inside; none at and behind the
    /// end. They come as they were received, in slices that are not joined. Calls may overlap in
    /// any way.
    ///
    /// # Errors
    /// `Conflict` where the object was replaced meanwhile, and whatever the store ran into.
    pub async fn read(&self, offset: u64, len: usize) -> Result<Vec<Bytes>> {
        let end = offset.saturating_add(len as u64).min(self.head.size);
        if offset >= end {
            return Ok(Vec::new());
        }
        let mut read = Vec::new();
        for stretch in self.stretches(offset..end) {
            let missing = match stretch {
                Stretch::Fetch(range) => range,
                Stretch::Segment(segment, range) => match segment.take(range.clone()).await? {
                    Some(bytes) => {
                        read.extend(bytes);
                        continue;
                    }
                    None => range,
                },
            };
            let mut reader = self.original.reader(missing, self.settings.attempts);
            while let Some(bytes) = reader.next().await? {
                read.push(bytes);
            }
        }
        Ok(read)
    }

    fn ahead(&self) -> MutexGuard<'_, Ahead> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the read, fetches ahead as it suggests, and says where its bytes come from.
    fn stretches(&self, range: Range<u64>) -> Vec<Stretch> {
        let mut ahead = self.ahead();
        match ahead.pattern.observe(&range) {
            Access::Stream => self.advance(&mut ahead, &range),
            Access::Restart => {
                ahead.restart(range.start);
                self.advance(&mut ahead, &range);
            }
            Access::Abandoned => ahead.restart(range.end),
            Access::Stray => {}
        }
        let stretches = ahead.split(range);
        ahead.forget(self.settings.max_fetch);
        stretches
    }

    /// Begins the fetches that the read needs, and those that the window allows.
    fn advance(&self, ahead: &mut Ahead, needed: &Range<u64>) {
        let window = ahead.pattern.window();
        let target = (ahead.pattern.cursor() + window).min(self.head.size);
        while ahead.end < target {
            let is_needed = ahead.end < needed.end;
            let mut range = ahead.end..(ahead.end + self.fetch_len(ahead)).min(self.head.size);
            if !is_needed && range.end > target {
                return;
            }
            let budget = &self.settings.read_ahead;
            let permit = match budget.try_take(range.end - range.start) {
                Some(permit) => permit,
                None if is_needed => {
                    // Nobody waits for others: the reader gets what he asks for and little more.
                    let enough = needed.end.max(range.start + self.settings.min_fetch / 4);
                    range.end = enough.min(range.end);
                    budget.take(range.end - range.start)
                }
                None => return,
            };
            let reader = self.original.reader(range.clone(), self.settings.attempts);
            ahead.push(Segment::begin(range, reader, permit, &self.tasks));
        }
    }

    /// How much the next GET fetches: a quarter of the window, so that several are in flight.
    fn fetch_len(&self, ahead: &Ahead) -> u64 {
        let DownloadSettings {
            min_fetch,
            max_fetch,
            initial_window,
            ..
        } = self.settings;
        let len = match ahead.end {
            0 => initial_window,
            _ => (ahead.pattern.window() / 4).clamp(min_fetch, max_fetch.max(min_fetch)),
        };
        len.max(1)
    }
}

impl Ahead {
    fn push(&mut self, segment: Segment) {
        self.end = segment.range().end;
        self.segments.push(Arc::new(segment));
    }

    /// Ends all fetches; the next ones begin at `at`.
    fn restart(&mut self, at: u64) {
        self.segments.clear();
        self.end = at;
    }

    /// Who brings which bytes of `range`. The segments stand in order and do not overlap.
    fn split(&self, range: Range<u64>) -> Vec<Stretch> {
        let mut stretches = Vec::new();
        let mut at = range.start;
        for segment in &self.segments {
            if let Some(offer) = segment.offers(&(at..range.end)) {
                if at < offer.start {
                    stretches.push(Stretch::Fetch(at..offer.start));
                }
                at = offer.end;
                stretches.push(Stretch::Segment(segment.clone(), offer));
            }
        }
        if at < range.end {
            stretches.push(Stretch::Fetch(at..range.end));
        }
        stretches
    }

    /// Drops the segments that were read, and those that the reader has left `behind`.
    fn forget(&mut self, behind: u64) {
        let cursor = self.pattern.cursor();
        let left = |segment: &Segment| segment.range().end.saturating_add(behind) < cursor;
        self.segments
            .retain(|segment| !segment.is_spent() && !left(segment));
    }
}

#[cfg(test)]
mod tests;
