//! READ: the reads of one file handle, some at a time, answered in order.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use gateway::HandleId;
use sftp::{RequestId, Status, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Shared;
use super::lane::{Lane, Next, Read};

/// READs of one handle that run at once. Reads in sequence ride on the download's own read-ahead;
/// this is for those at random.
const AT_ONCE: usize = 32;

/// The outcome of one READ; the permit counts its bytes until they are sent.
type Answer = (
    RequestId,
    gateway::Result<Vec<Bytes>>,
    Option<OwnedSemaphorePermit>,
);

/// Serves a lane until it is closed and empty.
pub(super) async fn serve(shared: Arc<Shared>, lane: Arc<Lane>) {
    let mut running = FuturesOrdered::new();
    loop {
        let mut next = Next::Wait;
        while running.len() < AT_ONCE {
            next = lane.next();
            let Next::Read(read) = next else { break };
            running.push_back(run(&shared, lane.handle, read));
        }
        let waits = next == Next::Wait && running.len() < AT_ONCE;
        tokio::select! {
            Some(answer) = running.next(), if !running.is_empty() => reply(&shared, answer),
            () = lane.changed(), if waits => {}
            else => break,
        }
    }
    lane.drained.cancel();
}

async fn run(shared: &Arc<Shared>, handle: HandleId, read: Read) -> Answer {
    // Longer ones are answered with less, as OpenSSH does; `limits@openssh.com` says how much.
    let length = read.length.min(max_read());
    let permit = take(&shared.replies, length).await;
    let outcome = shared.session.read(handle, read.offset, length).await;
    (read.id, outcome, permit)
}

fn reply(shared: &Shared, (id, outcome, permit): Answer) {
    match (outcome, permit) {
        (Ok(pieces), _) if pieces.is_empty() => {
            let end = Status::new(StatusCode::Eof, StatusCode::Eof.text());
            shared.outbox.add(id, &end.into());
        }
        (Ok(pieces), Some(permit)) => {
            let bytes: usize = pieces.iter().map(Bytes::len).sum();
            shared.line.read.fetch_add(bytes as u64, Relaxed);
            shared.outbox.add_data(id, pieces, permit);
        }
        (Err(error), _) => shared.fail(id, "read", &error),
        // The budget is closed with the channel alone: nobody waits for this reply.
        (Ok(_), None) => {}
    }
}

/// Counts `bytes` of a reply; waits while too many are unsent. None once the channel is gone.
pub(super) async fn take(replies: &Arc<Semaphore>, bytes: u32) -> Option<OwnedSemaphorePermit> {
    replies.clone().acquire_many_owned(bytes).await.ok()
}

fn max_read() -> u32 {
    u32::try_from(sftp::limits::MAX_DATA).unwrap_or(u32::MAX)
}
