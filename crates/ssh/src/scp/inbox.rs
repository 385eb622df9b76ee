//! What arrived on the channel and was not read yet.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use storage::{Budget, BudgetPermit};
use tokio::sync::Notify;

use super::Broken;

/// The longest line, in bytes: a name of 4,096 and its numbers.
const LINE: usize = 4096 + 64;

/// A queue of bytes from the SSH handler, which must not wait, to the task that serves the
/// command. It is counted in the upload budget, so a full one closes the client's TCP window; the
/// task takes from it without ever waiting for the client, so the budget is always given back.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    budget: Arc<Budget>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<(Bytes, BudgetPermit)>,
    unread: usize,
    closed: bool,
}

impl Inbox {
    /// An empty inbox that counts what it holds in `budget`.
    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        Self {
            budget,
            shared: Arc::default(),
        }
    }

    /// Takes what arrived.
    pub(crate) fn push(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let permit = self.budget.take(bytes.len() as u64);
        let mut state = self
            .shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        state.unread += bytes.len();
        state
            .queue
            .push_back((Bytes::copy_from_slice(bytes), permit));
        drop(state);
        self.shared.changed.notify_one();
    }

    /// Bytes that were not read yet.
    pub(super) fn unread(&self) -> usize {
        let state = (self.shared.state.lock()).unwrap_or_else(PoisonError::into_inner);
        state.unread
    }

    /// Nothing more will arrive.
    pub(crate) fn close(&self) {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .closed = true;
        self.shared.changed.notify_one();
    }

    /// The next bytes; none at the end.
    async fn next(&self) -> Option<Bytes> {
        loop {
            {
                let mut state = self
                    .shared
                    .state
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                if let Some((bytes, _permit)) = state.queue.pop_front() {
                    state.unread -= bytes.len();
                    return Some(bytes);
                }
                if state.closed {
                    return None;
                }
            }
            // `notify_one` leaves a permit behind, so nothing is missed in between.
            self.shared.changed.notified().await;
        }
    }
}

/// Reads lines and bytes from an [`Inbox`].
#[derive(Debug)]
pub(super) struct Reader {
    inbox: Inbox,
    rest: Bytes,
}

impl Reader {
    pub(super) fn new(inbox: Inbox) -> Self {
        Self {
            inbox,
            rest: Bytes::new(),
        }
    }

    /// Up to `most` bytes, at least one.
    pub(super) async fn some(&mut self, most: u64) -> Result<Bytes, Broken> {
        if self.rest.is_empty() {
            self.rest = self.inbox.next().await.ok_or(Broken)?;
        }
        let take = usize::try_from(most)
            .unwrap_or(usize::MAX)
            .min(self.rest.len());
        Ok(self.rest.split_to(take))
    }

    /// One byte.
    pub(super) async fn byte(&mut self) -> Result<u8, Broken> {
        self.some(1).await?.first().copied().ok_or(Broken)
    }

    /// A line without its newline; none where the client sent its last one.
    pub(super) async fn line(&mut self) -> Result<Option<Bytes>, Broken> {
        let mut line = BytesMut::new();
        loop {
            if self.rest.is_empty() {
                match self.inbox.next().await {
                    Some(bytes) => self.rest = bytes,
                    None if line.is_empty() => return Ok(None),
                    None => return Err(Broken),
                }
            }
            let end = self.rest.iter().position(|byte| *byte == b'\n');
            line.extend_from_slice(&self.rest.split_to(end.unwrap_or(self.rest.len())));
            if line.len() > LINE {
                return Err(Broken);
            }
            if end.is_some() {
                let _newline = self.rest.split_to(1);
                return Ok(Some(line.freeze()));
            }
        }
    }

    /// The other side's answer to what was sent: OK, or the text of its complaint.
    pub(super) async fn answer(&mut self) -> Result<Result<(), String>, Broken> {
        match self.byte().await? {
            0 => Ok(Ok(())),
            1 => {
                let text = self.line().await?.ok_or(Broken)?;
                Ok(Err(String::from_utf8_lossy(&text).into_owned()))
            }
            // 2 is fatal; anything else is not the protocol.
            _ => Err(Broken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_and_bytes_are_read_however_they_arrive() {
        let budget = Budget::new(1000);
        let inbox = Inbox::new(budget.clone());
        for piece in [&b"C06"[..], b"44 5 a\nhel", b"lo\0E\n"] {
            inbox.push(piece);
        }
        inbox.close();
        assert_eq!(budget.in_flight(), 18);
        let mut reader = Reader::new(inbox);
        assert_eq!(
            reader.line().await,
            Ok(Some(Bytes::from_static(b"C0644 5 a")))
        );
        assert_eq!(reader.some(5).await, Ok(Bytes::from_static(b"hel")));
        assert_eq!(reader.some(2).await, Ok(Bytes::from_static(b"lo")));
        assert_eq!(reader.answer().await, Ok(Ok(())));
        assert_eq!(reader.line().await, Ok(Some(Bytes::from_static(b"E"))));
        assert_eq!(reader.line().await, Ok(None));
        assert_eq!(reader.byte().await, Err(Broken));
        assert_eq!(budget.in_flight(), 0);
    }

    #[tokio::test]
    async fn an_endless_line_is_refused() {
        let inbox = Inbox::new(Budget::new(1000));
        inbox.push(&[b'x'; LINE + 1]);
        assert_eq!(Reader::new(inbox).line().await, Err(Broken));
    }
}
