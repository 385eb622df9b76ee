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
mod lane;
mod listing;
mod longname;
mod operation;
mod reads;
mod status;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use bytes::BytesMut;
use futures::FutureExt;
use gateway::{FileAttributes, HandleId, Session};
use model::{Clock, ErrorKind};
use russh::ChannelWriteHalf;
use russh::server::Msg;
use sftp::{Decoder, Extension, Item, Reply, Request, RequestId, Status, StatusCode, Version};
use sftp::{Refusal, WriteHead};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{self, Sender};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use self::engine::Job;
use self::handles::{Handles, Use};
use self::lane::Read;
use self::operation::{Operation, handle_id};
use crate::Settings;
use crate::connection::Context;
use crate::line::Line;
use crate::login::chain;
use crate::outbox::{Outbox, Unread};

/// What VERSION announces. `versions`, `vendor-id` and `newline` are left out on purpose: they
/// make clients ask for other versions of the protocol.
const EXTENSIONS: [Extension; 10] = [
    Extension::POSIX_RENAME,
    Extension::STATVFS,
    Extension::FSTATVFS,
    Extension::HARDLINK,
    Extension::FSYNC,
    Extension::LSETSTAT,
    Extension::LIMITS,
    Extension::EXPAND_PATH,
    Extension::COPY_DATA,
    Extension::USERS_GROUPS_BY_ID,
];

/// The reading side of a channel that speaks SFTP. Dropped when the channel is gone.
pub(crate) struct Subsystem {
    decoder: Decoder,
    intake: Intake,
}

/// What both sides of a channel share.
struct Shared {
    session: Arc<Session>,
    outbox: Outbox,
    handles: Handles,
    /// Bytes of large replies that are not sent yet.
    replies: Arc<Semaphore>,
    line: Arc<Line>,
    clock: Arc<dyn Clock>,
    open_handles: u64,
    /// Attributes that showed the names of owner and group.
    names: OnceLock<FileAttributes>,
    failed: AtomicBool,
    /// The channel or its connection is gone.
    gone: CancellationToken,
}

struct Intake {
    shared: Arc<Shared>,
    /// None once nothing more is taken.
    jobs: Option<Sender<Job>>,
    queue: usize,
    writing: Option<Writing>,
    /// A FSETSTAT that could not be done at once, and whether it is done by now.
    resizing: Option<(HandleId, Arc<AtomicBool>)>,
    /// Replies to WRITEs of the slice at hand.
    acknowledgements: BytesMut,
}

/// The WRITE whose payload is passing.
struct Writing {
    id: RequestId,
    offset: u64,
    outcome: Result<HandleId, Status>,
}

/// Why a channel is ended from this side.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Malformed(#[from] sftp::DecodeError),
    #[error("more requests wait than the limit queued_requests allows")]
    Flooded,
    #[error(transparent)]
    Unread(#[from] Unread),
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
            handles: Handles::default(),
            replies: Arc::new(Semaphore::new(*read_budget as usize)),
            line: context.line.clone(),
            clock: context.floors.clock.clone(),
            open_handles: limits.open_handles,
            names: OnceLock::new(),
            failed: AtomicBool::new(false),
            gone: CancellationToken::new(),
        });
        let serving = engine::serve(shared.clone(), queue, channel, limits.running_requests);
        context.tasks.spawn(serving);
        Self {
            decoder: Decoder::new(),
            intake: Intake {
                shared,
                jobs: Some(jobs),
                queue: limits.queued_requests,
                writing: None,
                resizing: None,
                acknowledgements: BytesMut::new(),
            },
        }
    }

    /// Takes channel bytes as they come. Never waits.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        if self.intake.jobs.is_none() {
            return;
        }
        if let Err(fault) = self.try_feed(&mut bytes) {
            self.intake.fail(&fault);
        }
    }

    /// The client sends nothing more; what it asked for is still done and answered.
    pub(crate) fn end_of_input(&mut self) {
        if self.intake.writing.is_some() || self.decoder.buffered() > 0 {
            debug!(session = %self.intake.shared.session.id(), "input ended inside a packet");
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
        self.intake.shared.gone.cancel();
    }
}

impl Intake {
    fn take(&mut self, item: Item<'_>) -> Result<(), Fault> {
        match item {
            Item::WriteBegin(head) => self.begin_write(&head),
            Item::WriteData(piece) => self.write(piece),
            Item::WriteEnd => self.end_write(),
            Item::Request { id, request } => return self.request(id, request),
            Item::Refused { id, refusal } => self.refuse(id, &refusal),
            Item::Init(init) => {
                debug!(session = %self.shared.session.id(), version = init.version, "sftp begins");
                let mut version = BytesMut::new();
                Version::new(EXTENSIONS).encode_into(&mut version);
                self.shared.outbox.add_encoded(&version)?;
            }
        }
        Ok(())
    }

    fn begin_write(&mut self, head: &WriteHead<'_>) {
        self.shared.line.requests.fetch_add(1, Relaxed);
        let outcome = handle_id(head.handle).and_then(|handle| self.check_size_settled(handle));
        self.writing = Some(Writing {
            id: head.id,
            offset: head.offset,
            outcome,
        });
        if head.length == 0 {
            self.write(&[]);
        }
    }

    fn write(&mut self, piece: &[u8]) {
        let Some(writing) = &mut self.writing else {
            return;
        };
        let Ok(handle) = writing.outcome else { return };
        match self.shared.session.write(handle, writing.offset, piece) {
            Ok(()) => writing.offset = writing.offset.saturating_add(piece.len() as u64),
            Err(error) => {
                // CLOSE fails with it too, and is logged.
                debug!(session = %self.shared.session.id(), error = chain(&error), "write failed");
                writing.outcome = Err(status::of(&error));
            }
        }
        self.shared
            .line
            .written
            .fetch_add(piece.len() as u64, Relaxed);
    }

    fn end_write(&mut self) {
        let Some(Writing { id, outcome, .. }) = self.writing.take() else {
            return;
        };
        match outcome {
            Ok(_) => Status::encode_ok_into(id, &mut self.acknowledgements),
            Err(status) => Reply::from(status).encode_into(id, &mut self.acknowledgements),
        }
    }

    /// A WRITE behind a FSETSTAT that still runs would land before it.
    fn check_size_settled(&mut self, handle: HandleId) -> Result<HandleId, Status> {
        self.resizing.take_if(|(_, done)| done.load(Relaxed));
        match &self.resizing {
            Some((resizing, _)) if *resizing == handle => Err(Status::new(
                StatusCode::Failure,
                &b"write: the size of the file is still being set; wait for that reply first"[..],
            )),
            _ => Ok(handle),
        }
    }

    fn request(&mut self, id: RequestId, request: Request) -> Result<(), Fault> {
        self.shared.line.requests.fetch_add(1, Relaxed);
        match request {
            Request::Read {
                handle,
                offset,
                length,
            } => self.read(&handle, Use::File, Read { id, offset, length }),
            Request::Readdir { handle } => {
                let (offset, length) = (0, 0);
                self.read(&handle, Use::Directory, Read { id, offset, length })
            }
            request => match Operation::read(request, &self.shared.session) {
                Ok(operation) => self.start(id, operation),
                Err(status) => {
                    self.shared.outbox.add(id, &status.into());
                    Ok(())
                }
            },
        }
    }

    fn read(&mut self, handle: &[u8], purpose: Use, read: Read) -> Result<(), Fault> {
        let found = handle_id(handle).ok();
        let lane = found.and_then(|handle| self.shared.handles.lane(handle, purpose));
        let Some((lane, unserved)) = lane else {
            self.shared
                .outbox
                .add(read.id, &status::bad_handle().into());
            return Ok(());
        };
        if !lane.add(read, self.queue) {
            return Err(Fault::Flooded);
        }
        if unserved {
            self.queue(Job::Serve(lane, purpose))?;
        }
        Ok(())
    }

    fn start(&mut self, id: RequestId, operation: Operation) -> Result<(), Fault> {
        match operation {
            Operation::Close(handle) => {
                let Some(open) = self.shared.handles.remove(handle) else {
                    self.shared.outbox.add(id, &status::bad_handle().into());
                    return Ok(());
                };
                self.queue(Job::Start(id, operation, Some(open)))
            }
            Operation::SetHandleAttributes(handle, changes) if changes.size.is_some() => {
                self.resize(id, handle, operation)
            }
            operation => self.queue(Job::Start(id, operation, None)),
        }
    }

    /// A new size counts from here on in the stream of WRITEs, so it is set at once if that is
    /// possible without waiting.
    fn resize(
        &mut self,
        id: RequestId,
        handle: HandleId,
        operation: Operation,
    ) -> Result<(), Fault> {
        let done = Arc::new(AtomicBool::new(false));
        let doing = engine::start(&self.shared, id, operation, None);
        let mut doing = {
            let done = done.clone();
            async move {
                doing.await;
                done.store(true, Relaxed);
            }
            .boxed()
        };
        if (&mut doing).now_or_never().is_none() {
            self.resizing = Some((handle, done));
            self.queue(Job::Continue(doing))?;
        }
        Ok(())
    }

    fn queue(&mut self, job: Job) -> Result<(), Fault> {
        let jobs = self.jobs.as_ref().ok_or(Fault::Flooded)?;
        jobs.try_send(job).map_err(|_| Fault::Flooded)
    }

    fn refuse(&mut self, id: RequestId, refusal: &Refusal) {
        let status = Status::new(refusal.status(), refusal.to_string().into_bytes());
        self.shared.outbox.add(id, &status.into());
    }

    fn acknowledge(&mut self) -> Result<(), Fault> {
        self.shared.outbox.add_encoded(&self.acknowledgements)?;
        self.acknowledgements.clear();
        Ok(())
    }

    fn fail(&mut self, fault: &Fault) {
        let session = self.shared.session.id();
        warn!(%session, error = %fault, "sftp channel ended");
        let _ = self.acknowledge();
        if let Fault::Malformed(error) = fault
            && let Some(id) = error.request()
        {
            let text = error.to_string().into_bytes();
            let status = Status::new(StatusCode::BadMessage, text);
            self.shared.outbox.add(id, &status.into());
        }
        self.shared.failed.store(true, Relaxed);
        self.close();
    }

    fn close(&mut self) {
        self.jobs = None;
        self.shared.handles.finish();
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
