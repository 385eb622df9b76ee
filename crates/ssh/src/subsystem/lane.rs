//! `Lane`: the READs or READDIRs of one handle, run side by side and answered in order.
//!
//! JSch, lftp and FileZilla break on replies of one handle that come in another order. Paramiko
//! asks for a whole file before it looks at a reply: such a run is kept as one entry.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gateway::HandleId;
use sftp::RequestId;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// One READ. For READDIR the numbers are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) id: RequestId,
    pub(super) offset: u64,
    pub(super) length: u32,
}

/// READs with ids and offsets in sequence.
#[derive(Debug, Clone, Copy)]
struct Run {
    first: Read,
    count: u32,
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) handle: HandleId,
    queue: Mutex<Queue>,
    changed: Notify,
    /// Cancelled when the last reply is in the outbox.
    pub(super) drained: CancellationToken,
}

#[derive(Debug, Default)]
struct Queue {
    runs: VecDeque<Run>,
    finished: bool,
}

/// What a lane says to the next one who asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Read(Read),
    /// Nothing now; [`Lane::changed`] tells when to ask again.
    Wait,
    /// Nothing any more.
    End,
}

impl Lane {
    pub(super) fn new(handle: HandleId) -> Self {
        Self {
            handle,
            queue: Mutex::default(),
            changed: Notify::new(),
            drained: CancellationToken::new(),
        }
    }

    /// Adds a READ behind the others. False where `most` entries wait already.
    pub(super) fn add(&self, read: Read, most: usize) -> bool {
        let mut queue = self.lock();
        if let Some(run) = queue.runs.back_mut()
            && run.continues_with(read)
        {
            run.count += 1;
        } else if queue.runs.len() >= most {
            return false;
        } else {
            queue.runs.push_back(Run {
                first: read,
                count: 1,
            });
        }
        drop(queue);
        self.changed.notify_one();
        true
    }

    /// No more will be added.
    pub(super) fn finish(&self) {
        self.lock().finished = true;
        self.changed.notify_one();
    }

    pub(super) fn next(&self) -> Next {
        let mut queue = self.lock();
        let finished = queue.finished;
        let Some(run) = queue.runs.front_mut() else {
            return if finished { Next::End } else { Next::Wait };
        };
        let read = run.first;
        run.first = run.nth(1);
        run.count -= 1;
        if run.count == 0 {
            queue.runs.pop_front();
        }
        Next::Read(read)
    }

    /// Waits until there is something new. One waiter.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    fn nth(&self, n: u32) -> Read {
        let Read { id, offset, length } = self.first;
        Read {
            id: id.wrapping_add(n),
            offset: offset.saturating_add(u64::from(n) * u64::from(length)),
            length,
        }
    }

    fn continues_with(&self, read: Read) -> bool {
        self.count < u32::MAX && self.nth(self.count) == read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(id: u32, offset: u64) -> Read {
        Read {
            id,
            offset,
            length: 32_768,
        }
    }

    #[test]
    fn a_run_of_reads_is_one_entry_and_comes_out_in_order() {
        let lane = Lane::new(HandleId(1));
        let reads: Vec<Read> = (0..32_768_u32)
            .map(|n| read((u32::MAX - 10).wrapping_add(n), u64::from(n) * 32_768))
            .collect();
        for read in &reads {
            assert!(lane.add(*read, 1), "one entry holds them all");
        }
        assert_eq!(lane.lock().runs.len(), 1);
        lane.finish();
        for read in reads {
            assert_eq!(lane.next(), Next::Read(read));
        }
        assert_eq!(lane.next(), Next::End);
    }

    #[test]
    fn entries_are_bounded() {
        let lane = Lane::new(HandleId(1));
        assert!(lane.add(read(1, 0), 2));
        assert!(lane.add(read(7, 0), 2));
        assert!(!lane.add(read(9, 0), 2));
        assert_eq!(lane.next(), Next::Read(read(1, 0)));
        assert_eq!(lane.next(), Next::Read(read(7, 0)));
        assert_eq!(lane.next(), Next::Wait);
    }
}
