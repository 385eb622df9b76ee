//! The SFTP subsystem of one channel.
//!
//! Bytes are parsed where they arrive, inside russh's session task. WRITE payload goes straight
//! into its upload, READs and READDIRs into their handle's lane, everything else into a queue; none
//! of it waits. A task per channel runs what is queued and sends the replies. So the reader never
//! depends on the writer, and a client may send as much as it likes before it reads a reply.

mod attributes;
mod dispatch;
mod engine;
mod handles;
mod held;
mod intake;
mod lane;
mod listing;
mod longname;
mod operation;
mod reads;
mod status;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use gateway::Session;
use model::{Clock, ErrorKind};
use russh::ChannelWriteHalf;
use russh::server::Msg;
use sftp::{Decoder, RequestId};
use tokio::sync::Semaphore;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use self::handles::Handles;
use self::held::Held;
use self::intake::{Fault, Intake};
use crate::Settings;
use crate::connection::Context;
use crate::line::Line;
use crate::login::chain;
use crate::outbox::Outbox;

/// The reading side of a channel that speaks SFTP. Dropped when the channel is gone.
pub(crate) struct Subsystem {
    decoder: Decoder,
    intake: Intake,
    shared: Arc<Shared>,
}

/// What both sides of a channel share.
struct Shared {
    session: Arc<Session>,
    outbox: Outbox,
    held: Held,
    handles: Handles,
    /// Bytes of large replies that are not sent yet.
    replies: Arc<Semaphore>,
    line: Arc<Line>,
    clock: Arc<dyn Clock>,
    open_handles: u64,
    failed: AtomicBool,
    /// The channel or its connection is gone.
    gone: CancellationToken,
}

impl Subsystem {
    /// Begins SFTP on a channel.
    pub(crate) fn start(
        context: &Context,
        session: Arc<Session>,
        channel: ChannelWriteHalf<Msg>,
    ) -> Self {
        let Settings {
            limits,
            read_budget,
            ..
        } = &*context.settings;
        let (jobs, queue) = mpsc::channel(limits.queued_requests);
        let shared = Arc::new(Shared {
            session,
            outbox: Outbox::default(),
            held: Held::new(context.line.clone()),
            handles: Handles::default(),
            replies: Arc::new(Semaphore::new(*read_budget as usize)),
            line: context.line.clone(),
            clock: context.floors.clock.clone(),
            open_handles: limits.open_handles,
            failed: AtomicBool::new(false),
            gone: CancellationToken::new(),
        });
        let serving = engine::serve(shared.clone(), queue, channel, limits.running_requests);
        context.tasks.spawn(serving);
        Self {
            decoder: Decoder::new(),
            intake: Intake::new(shared.clone(), jobs, limits.queued_requests),
            shared,
        }
    }

    /// Takes channel bytes as they come. Never waits.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        if self.intake.is_closed() {
            return;
        }
        if let Err(fault) = self.try_feed(&mut bytes) {
            self.intake.fail(&fault);
        }
    }

    /// The client sends nothing more; what it asked for is still done and answered.
    pub(crate) fn end_of_input(&mut self) {
        if self.intake.is_writing() || self.decoder.buffered() > 0 {
            debug!(session = %self.shared.session.id(), "input ended inside a packet");
        }
        self.intake.close();
    }

    fn try_feed(&mut self, bytes: &mut &[u8]) -> Result<(), Fault> {
        while let Some(item) = self.decoder.next(bytes)? {
            self.intake.take(item)?;
        }
        self.intake.acknowledge()
    }
}

impl Drop for Subsystem {
    fn drop(&mut self) {
        self.intake.close();
        self.shared.gone.cancel();
    }
}

impl Shared {
    /// Answers a failed operation, or ends the connection where nobody knows how it ended.
    fn fail(&self, id: RequestId, verb: &'static str, error: &gateway::Error) {
        let (session, kind) = (self.session.id(), error.kind());
        if error.outcome_unknown() {
            let error = chain(error);
            warn!(%session, verb, error, "outcome unknown, ending the connection");
            let reason = "it is not known whether the last operation took effect; connect again";
            return self.line.end(reason);
        }
        let error_text = chain(error);
        if matches!(kind, ErrorKind::Internal | ErrorKind::Unavailable) {
            warn!(%session, verb, %kind, error = error_text, "operation failed");
        } else {
            debug!(%session, verb, %kind, error = error_text, "operation refused");
        }
        self.outbox.add(id, &status::of(error).into());
    }

    fn exit_status(&self) -> u32 {
        u32::from(self.failed.load(Relaxed))
    }
}
