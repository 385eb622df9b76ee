//! `Line`: what is known of a live connection, shared by its stream, its handler and its keeper.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::task::AtomicWaker;
use gateway::Pace;
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
    /// Running operations: while there are any, a silent client is not idle but waits.
    running: AtomicUsize,
    logged_in: AtomicBool,
    gated: AtomicBool,
    /// Channels that owe their client so many replies that nothing more is read.
    owing: AtomicUsize,
    cut: AtomicBool,
    ending: OnceLock<Cow<'static, str>>,
    client: OnceLock<String>,
    user: OnceLock<String>,
    pace: OnceLock<Arc<Pace>>,
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
            running: AtomicUsize::new(0),
            logged_in: AtomicBool::new(false),
            gated: AtomicBool::new(false),
            owing: AtomicUsize::new(0),
            cut: AtomicBool::new(false),
            ending: OnceLock::new(),
            client: OnceLock::new(),
            user: OnceLock::new(),
            pace: OnceLock::new(),
            changed: Notify::new(),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
        }
    }

    /// Whether bytes of an upload came this way.
    pub(crate) fn has_uploaded(&self) -> bool {
        self.written.load(Relaxed) > 0
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

    pub(crate) fn log_in(&self, user: &str) {
        let _ = self.user.set(user.to_owned());
        self.logged_in.store(true, Relaxed);
        self.touch();
        self.changed.notify_one();
    }

    /// Limits the bandwidth from now on; both directions are its user's.
    pub(crate) fn set_pace(&self, pace: Arc<Pace>) {
        let _ = self.pace.set(pace);
    }

    /// Counts bytes that were read. None where more may be read at once, else when.
    pub(crate) fn pace_received(&self, bytes: usize) -> Option<Instant> {
        self.pace.get()?.received(bytes)
    }

    /// Waits until so many bytes may be sent.
    pub(crate) async fn pace_sending(&self, bytes: usize) {
        let until = self.pace.get().and_then(|pace| pace.sending(bytes));
        if let Some(until) = until {
            tokio::time::sleep_until(until).await;
        }
    }

    pub(crate) fn is_logged_in(&self) -> bool {
        self.logged_in.load(Relaxed)
    }

    /// Who logged in; empty before.
    pub(crate) fn user(&self) -> &str {
        self.user.get().map_or("", String::as_str)
    }

    /// Notes the client's identification string from the first bytes it sent.
    pub(crate) fn identify(&self, first_bytes: &[u8]) {
        let line = first_bytes.split(|b| matches!(b, b'\r' | b'\n')).next();
        let graphic = |b: &u8| {
            if b.is_ascii_graphic() || *b == b' ' {
                *b
            } else {
                b'?'
            }
        };
        let text: Vec<u8> = line
            .unwrap_or_default()
            .iter()
            .take(255)
            .map(graphic)
            .collect();
        let _ = self.client.set(String::from_utf8(text).unwrap_or_default());
    }

    /// What the client calls itself: `SSH-2.0-..`; empty before it said so.
    pub(crate) fn client(&self) -> &str {
        self.client.get().map_or("", String::as_str)
    }

    /// Whether the client waits for the stores: it is held up by us, not idle.
    pub(crate) fn is_gated(&self) -> bool {
        self.gated.load(Relaxed)
    }

    pub(crate) fn set_gated(&self, gated: bool) {
        self.gated.store(gated, Relaxed);
        self.touch();
    }

    /// A channel owes its client so many replies that nothing more is to be read.
    pub(crate) fn owe(&self) {
        self.owing.fetch_add(1, Relaxed);
    }

    /// It does not any more.
    pub(crate) fn pay(&self) {
        self.owing.fetch_sub(1, Relaxed);
        self.reader.wake();
    }

    /// Whether a channel owes its client too much.
    pub(crate) fn is_owing(&self) -> bool {
        self.owing.load(Relaxed) > 0
    }

    /// Counts an open handle until the guard is dropped.
    pub(crate) fn work(self: &Arc<Self>) -> Work {
        self.busy.fetch_add(1, Relaxed);
        Work(self.clone())
    }

    /// Counts a running operation until the guard is dropped.
    pub(crate) fn run(self: &Arc<Self>) -> Running {
        self.running.fetch_add(1, Relaxed);
        Running(self.work())
    }

    /// Whether a handle is open or an operation runs.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Relaxed) > 0
    }

    /// Whether the client waits for us and not we for it.
    pub(crate) fn is_kept_waiting(&self) -> bool {
        self.is_gated() || self.running.load(Relaxed) > 0
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
pub(crate) struct Work(Arc<Line>);

impl Drop for Work {
    fn drop(&mut self) {
        if self.0.busy.fetch_sub(1, Relaxed) == 1 {
            self.0.changed.notify_one();
        }
    }
}

/// A running operation.
#[derive(Debug)]
pub(crate) struct Running(Work);

impl Drop for Running {
    fn drop(&mut self) {
        let line = &self.0.0;
        line.running.fetch_sub(1, Relaxed);
        line.touch();
    }
}
