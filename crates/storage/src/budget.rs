//! `Budget`: how many bytes of one kind the process holds, and the gate that waits while they are
//! too many.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;

/// A process-wide count of bytes with a limit.
///
/// Taking never blocks: what must go on goes on, and whoever can wait (a socket that is read from)
/// waits at a [`BudgetGate`] until the count is back at or below the limit. Permits must be
/// released by the store's progress alone, never by a client's, so that nobody waits for himself.
/// The hot path is one atomic addition per part.
pub struct Budget {
    limit: u64,
    used: AtomicU64,
    gauge: Option<&'static str>,
    gates: Mutex<Vec<Weak<AtomicWaker>>>,
}

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: u64) -> Arc<Self> {
        Self::build(limit, None)
    }

    /// A budget of `limit` bytes that shows its count as the metric `gauge`.
    pub fn with_gauge(limit: u64, gauge: &'static str) -> Arc<Self> {
        Self::build(limit, Some(gauge))
    }

    fn build(limit: u64, gauge: Option<&'static str>) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicU64::new(0),
            gauge,
            gates: Mutex::default(),
        })
    }

    /// Counts `bytes` until the permit is dropped, whatever the limit says.
    #[must_use = "the bytes are counted while the permit lives"]
    pub fn take(self: &Arc<Self>, bytes: u64) -> BudgetPermit {
        self.used.fetch_add(bytes, SeqCst);
        self.permit(bytes)
    }

    /// Counts `bytes` if they fit below the limit.
    pub fn try_take(self: &Arc<Self>, bytes: u64) -> Option<BudgetPermit> {
        let fits = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        let taken = self.used.fetch_update(SeqCst, SeqCst, fits).is_ok();
        taken.then(|| self.permit(bytes))
    }

    /// The bytes counted now.
    pub fn in_flight(&self) -> u64 {
        self.used.load(SeqCst)
    }

    /// The limit in bytes.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Whether more than the limit is in flight.
    pub fn is_exceeded(&self) -> bool {
        self.in_flight() > self.limit
    }

    /// A place to wait at, one per stream.
    pub fn gate(self: &Arc<Self>) -> BudgetGate {
        let waker = Arc::new(AtomicWaker::new());
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.retain(|gate| gate.strong_count() > 0);
        gates.push(Arc::downgrade(&waker));
        BudgetGate {
            budget: self.clone(),
            waker,
        }
    }

    fn show_more(&self, bytes: u64) {
        if let Some(name) = self.gauge {
            metrics::gauge!(name).increment(bytes as f64);
        }
    }

    fn permit(self: &Arc<Self>, bytes: u64) -> BudgetPermit {
        self.show_more(bytes);
        BudgetPermit {
            budget: self.clone(),
            bytes,
        }
    }

    fn release(&self, bytes: u64) {
        if let Some(name) = self.gauge {
            metrics::gauge!(name).decrement(bytes as f64);
        }
        let before = self.used.fetch_sub(bytes, SeqCst);
        if before > self.limit && before - bytes <= self.limit {
            self.open_gates();
        }
    }

    fn open_gates(&self) {
        let gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates
            .iter()
            .filter_map(Weak::upgrade)
            .for_each(|gate| gate.wake());
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Budget({} of {} bytes)", self.in_flight(), self.limit)
    }
}

/// Bytes that are counted while this lives.
#[derive(Debug)]
pub struct BudgetPermit {
    budget: Arc<Budget>,
    bytes: u64,
}

impl BudgetPermit {
    /// The bytes it counts.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Counts `bytes` more, whatever the limit says.
    pub fn add(&mut self, bytes: u64) {
        self.budget.used.fetch_add(bytes, SeqCst);
        self.budget.show_more(bytes);
        self.bytes += bytes;
    }

    /// Gives back `bytes` of them, at most all.
    pub fn release(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.budget.release(bytes);
    }
}

impl Drop for BudgetPermit {
    fn drop(&mut self) {
        self.budget.release(self.bytes);
    }
}

/// Where one stream waits while its budget is exceeded.
#[derive(Debug)]
pub struct BudgetGate {
    budget: Arc<Budget>,
    waker: Arc<AtomicWaker>,
}

impl BudgetGate {
    /// Ready while the budget is not exceeded. Pending otherwise, and the task is woken by the
    /// release that brings the count back to the limit.
    pub fn poll_open(&self, context: &mut Context<'_>) -> Poll<()> {
        if !self.budget.is_exceeded() {
            return Poll::Ready(());
        }
        self.waker.register(context.waker());
        // Again, as the release may have come between the look and the registration.
        if self.budget.is_exceeded() {
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use futures::task::noop_waker_ref;

    use super::*;

    #[test]
    fn permits_count_until_they_are_dropped() {
        let budget = Budget::new(10);
        let mut first = budget.take(8);
        assert!(budget.try_take(3).is_none());
        assert_eq!(budget.try_take(2).map(|permit| permit.bytes()), Some(2));
        first.release(5);
        assert_eq!(budget.in_flight(), 3);
        first.add(4);
        assert_eq!((first.bytes(), budget.in_flight()), (7, 7));
        drop(first);
        assert_eq!(budget.in_flight(), 0);
    }

    #[tokio::test]
    async fn a_gate_opens_with_the_release_that_crosses_the_limit() {
        let budget = Budget::new(10);
        let gate = budget.gate();
        let (over, rest) = (budget.take(4), budget.take(8));
        let mut context = Context::from_waker(noop_waker_ref());
        assert!(gate.poll_open(&mut context).is_pending());

        let mut waiting = tokio::task::JoinSet::new();
        waiting.spawn(async move { std::future::poll_fn(|cx| gate.poll_open(cx)).await });
        tokio::task::yield_now().await;
        assert!(waiting.try_join_next().is_none(), "still exceeded");
        drop(over);
        assert!(waiting.join_next().await.is_some_and(|ended| ended.is_ok()));
        drop(rest);
    }

    #[test]
    fn the_limit_itself_is_not_too_much() {
        let budget = Budget::new(10);
        let _permit = budget.take(10);
        assert!(!budget.is_exceeded());
        let _more = budget.take(1);
        assert!(budget.is_exceeded());
    }

    #[test]
    fn gates_that_are_gone_are_forgotten() {
        let budget = Budget::new(1);
        for _ in 0..10 {
            drop(budget.gate());
        }
        let _gate = budget.gate();
        assert_eq!(budget.gates.lock().unwrap().len(), 1);
    }
}
