//! What runs the operations of one channel: some side by side, in the order their paths demand.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use russh::ChannelWriteHalf;
use russh::server::Msg;
use sftp::RequestId;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use super::handles::{Open, Use};
use super::lane::Lane;
use super::operation::Operation;
use super::{Shared, listing, reads};

/// What operations that were running when the client left get to finish.
const LEAVE_DEADLINE: Duration = Duration::from_secs(60);

/// Work for the engine, in the order of arrival.
pub(super) enum Job {
    /// An operation; CLOSE brings the handle that it ends.
    Start(RequestId, Operation, Option<Open>),
    /// One that was begun already.
    Continue(BoxFuture<'static, ()>),
    /// A lane that has its first request.
    Serve(Arc<Lane>, Use),
}

/// Serves one channel until its client is done or gone, then ends the session.
pub(super) async fn serve(
    shared: Arc<Shared>,
    jobs: Receiver<Job>,
    channel: ChannelWriteHalf<Msg>,
    at_once: usize,
) {
    let working = async {
        run(&shared, jobs, at_once).await;
        // Makes safe what is not, and so pays what is owed.
        shared.session.end().await;
        shared.held.finish();
    };
    let answering = async {
        tokio::select! {
            () = shared.held.release(&shared) => {}
            () = shared.gone.cancelled() => {}
        }
    };
    let working = async {
        tokio::join!(working, answering);
        shared.outbox.finish();
    };
    let sending = async {
        let (outbox, line) = (&shared.outbox, &shared.line);
        let sent = outbox.deliver(&channel, line, &shared.gone).await;
        if !sent {
            shared.gone.cancel();
            // Whoever waits for room waits for nothing.
            shared.replies.close();
        }
        sent
    };
    if let ((), true) = tokio::join!(working, sending) {
        let _ = channel.exit_status(shared.exit_status()).await;
        let _ = channel.eof().await;
        let _ = channel.close().await;
    }
}

async fn run(shared: &Arc<Shared>, mut jobs: Receiver<Job>, at_once: usize) {
    let mut operations = FuturesUnordered::new();
    let mut lanes = FuturesUnordered::new();
    let mut more = true;
    while more || !operations.is_empty() || !lanes.is_empty() {
        let takes = more && operations.len() < at_once;
        tokio::select! {
            biased;
            () = shared.gone.cancelled() => return leave(operations).await,
            Some(()) = operations.next(), if !operations.is_empty() => {}
            Some(()) = lanes.next(), if !lanes.is_empty() => {}
            job = jobs.recv(), if takes => match job {
                Some(Job::Start(id, operation, open)) => {
                    operations.push(start(shared, id, operation, open));
                }
                Some(Job::Continue(operation)) => operations.push(operation),
                Some(Job::Serve(lane, Use::File)) => {
                    lanes.push(reads::serve(shared.clone(), lane).boxed());
                }
                Some(Job::Serve(lane, Use::Directory)) => {
                    lanes.push(listing::serve(shared.clone(), lane).boxed());
                }
                None => more = false,
            },
        }
    }
}

/// The client is gone. What was begun may be half done in the store: it ends by itself.
async fn leave(mut operations: FuturesUnordered<BoxFuture<'static, ()>>) {
    let rest = async { while operations.next().await.is_some() {} };
    let _ = timeout(LEAVE_DEADLINE, rest).await;
}

/// Takes the operation's turn, at once, and returns what does it.
pub(super) fn start(
    shared: &Arc<Shared>,
    id: RequestId,
    operation: Operation,
    open: Option<Open>,
) -> BoxFuture<'static, ()> {
    let touched = operation.touches(&shared.session);
    let turn = (!touched.is_empty()).then(|| shared.session.turns().enter(&touched));
    let work = shared.line.run();
    let shared = shared.clone();
    async move {
        let _work = work;
        // READs that came before a CLOSE are answered before it.
        if let Some(open) = open.as_ref().filter(|open| open.served) {
            open.lane.drained.cancelled().await;
        }
        if let Some(turn) = &turn {
            turn.ready().await;
        }
        let verb = operation.verb();
        match operation.run(&shared).await {
            Ok(reply) => shared.outbox.add(id, &reply),
            Err(error) => shared.fail(id, verb.name, &error),
        }
    }
    .boxed()
}
