//! `Transfer`: an `scp` command on its channel.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::{Bytes, BytesMut};
use gateway::Session;
use russh::ChannelWriteHalf;
use russh::server::Msg;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Command, Direction, Inbox, Output, serve};
use crate::connection::Context;
use crate::line::Line;
use crate::outbox::Outbox;

/// What a client that receives may send ahead: an answer is a byte, a complaint a line.
const MAX_ANSWERS: usize = 64 << 10;
/// Up to here what is sent need not wait for the client: answers and complaints.
const SMALL: usize = 8 << 10;

/// The reading side of a channel that runs `scp`. Dropped when the channel is gone.
pub(crate) struct Transfer {
    inbox: Inbox,
    direction: Direction,
    line: Arc<Line>,
    gone: CancellationToken,
}

impl Transfer {
    /// Begins a command on a channel.
    pub(crate) fn start(
        context: &Context,
        session: Arc<Session>,
        channel: ChannelWriteHalf<Msg>,
        command: Command,
    ) -> Self {
        let transfer = Self {
            inbox: Inbox::new(context.floors.uploads.clone()),
            direction: command.direction,
            line: context.line.clone(),
            gone: CancellationToken::new(),
        };
        let output = Outgoing {
            outbox: Outbox::default(),
            unsent: Arc::new(Semaphore::new(context.settings.read_budget as usize)),
            line: context.line.clone(),
            gone: transfer.gone.clone(),
        };
        let inbox = transfer.inbox.clone();
        (context.tasks).spawn(run(session, channel, command, inbox, output));
        transfer
    }

    /// Takes channel bytes as they come. Never waits.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        // What is sent is read without waiting for the client. What answers us may wait behind
        // its window, so it must stay small: it counts in the budget of everybody's uploads.
        if self.direction == Direction::ToClient && self.inbox.unread() > MAX_ANSWERS {
            if !self.gone.is_cancelled() {
                warn!("scp client sends more than answers, channel ended");
                self.gone.cancel();
            }
            return;
        }
        self.line.written.fetch_add(bytes.len() as u64, Relaxed);
        self.inbox.push(bytes);
    }

    /// The client sends nothing more.
    pub(crate) fn end_of_input(&mut self) {
        self.inbox.close();
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.inbox.close();
        self.gone.cancel();
    }
}

/// The way to the client.
struct Outgoing {
    outbox: Outbox,
    /// Bytes of files that are not sent yet.
    unsent: Arc<Semaphore>,
    line: Arc<Line>,
    gone: CancellationToken,
}

impl Output for Outgoing {
    async fn send(&self, bytes: Bytes) -> bool {
        if bytes.len() <= SMALL {
            return self.outbox.add_encoded(&BytesMut::from(&*bytes)).is_ok();
        }
        self.line.read.fetch_add(bytes.len() as u64, Relaxed);
        let counted = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        match self.unsent.clone().acquire_many_owned(counted).await {
            Ok(permit) => {
                self.outbox.add_raw(bytes, permit);
                true
            }
            Err(_) => false,
        }
    }
}

async fn run(
    session: Arc<Session>,
    channel: ChannelWriteHalf<Msg>,
    command: Command,
    inbox: Inbox,
    output: Outgoing,
) {
    let _work = output.line.work();
    let working = async {
        let status = tokio::select! {
            status = serve(&command, &session, inbox, &output) => status,
            () = output.gone.cancelled() => 1,
        };
        session.end().await;
        output.outbox.finish();
        status
    };
    let sending = async {
        let sent = (output.outbox)
            .deliver(&channel, &output.line, &output.gone)
            .await;
        if !sent {
            output.gone.cancel();
            output.unsent.close();
        }
    };
    let (status, ()) = tokio::join!(working, sending);
    info!(session = %session.id(), user = output.line.user(), status, "scp ended");
    let _ = channel.exit_status(status).await;
    let _ = channel.eof().await;
    let _ = channel.close().await;
}
