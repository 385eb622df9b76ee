//! `Line`: what is known of a live connection, shared by its stream, its handler and its keeper.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use futures::task::AtomicWaker;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Counters, last activity and the two ways to end a connection: [`Line::end`] politely, by its
/// keeper, and [`Line::cut`] at once.
#[derive(Debug)]
pub(crate) struct Line {
    opened: Instant,
    /// Milliseconds from `opened` to the last request or reply.
    active: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) written: AtomicU64,
    pub(crate) read: AtomicU64,
    /// Open handles and running operations: what drain waits for.
    busy: AtomicUsize,
    logged_in: AtomicBool,
    gated: AtomicBool,
    cut: AtomicBool,
    ending: OnceLock<Cow<'static, str>>,
    changed: Notify,
    pub(crate) reader: AtomicWaker,
    pub(crate) writer: AtomicWaker,
}

impl Line {
    pub(crate) fn new() -> Self {
        Self {
            opened: Instant::now(),
            active: AtomicU64::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            written: AtomicU64::new(0),
            read: AtomicU64::new(0),
            busy: AtomicUsize::new(0),
            logged_in: AtomicBool::new(false),
            gated: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            ending: OnceLock::new(),
            changed: Notify::new(),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
        }
    }

    /// Notes a request or a reply. Keepalives are neither.
    pub(crate) fn touch(&self) {
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.active.store(now, Relaxed);
    }

    /// When the last request or reply passed.
    pub(crate) fn last_activity(&self) -> Instant {
        self.opened + Duration::from_millis(self.active.load(Relaxed))
    }

    pub(crate) fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    pub(crate) fn log_in(&self) {
        self.logged_in.store(true, Relaxed);
        self.touch();
        self.changed.notify_one();
    }

    pub(crate) fn is_logged_in(&self) -> bool {
        self.logged_in.load(Relaxed)
    }

    /// Whether the client waits for the stores: it is held up by us, not idle.
    pub(crate) fn is_gated(&self) -> bool {
        self.gated.load(Relaxed)
    }

    pub(crate) fn set_gated(&self, gated: bool) {
        self.gated.store(gated, Relaxed);
        self.touch();
    }

    /// Counts an operation or an open handle until the guard is dropped.
    pub(crate) fn work(self: &std::sync::Arc<Self>) -> Work {
        self.busy.fetch_add(1, Relaxed);
        Work(self.clone())
    }

    /// Whether a handle is open or an operation runs.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Relaxed) > 0
    }

    /// Asks the keeper to end the connection; the first reason counts and is shown to the client.
    pub(crate) fn end(&self, reason: impl Into<Cow<'static, str>>) {
        let _ = self.ending.set(reason.into());
        self.changed.notify_one();
    }

    /// Why it is to be ended, if it is.
    pub(crate) fn ending(&self) -> Option<&str> {
        self.ending.get().map(AsRef::as_ref)
    }

    /// Waits until something changed that its keeper should look at. One waiter.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Fails the stream's next read and write, and wakes them.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Relaxed);
        self.reader.wake();
        self.writer.wake();
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Relaxed)
    }
}

/// Something that drain waits for.
#[derive(Debug)]
pub(crate) struct Work(std::sync::Arc<Line>);

impl Drop for Work {
    fn drop(&mut self) {
        if self.0.busy.fetch_sub(1, Relaxed) == 1 {
            self.0.changed.notify_one();
        }
    }
}
