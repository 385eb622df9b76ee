//! `Intake`: what becomes of each request as it comes off the wire. Nothing here waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::BytesMut;
use futures::FutureExt;
use gateway::HandleId;
use sftp::{
    Extension, Item, Refusal, Reply, Request, RequestId, Status, StatusCode, Version, WriteHead,
};
use tokio::sync::mpsc::Sender;
use tracing::{debug, warn};

use super::engine::{self, Job};
use super::handles::Use;
use super::held::Answer;
use super::lane::Read;
use super::operation::{Operation, handle_id};
use super::{Shared, status};
use crate::login::chain;
use crate::outbox::Unread;

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

/// The state of the stream of requests.
pub(super) struct Intake {
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
pub(super) enum Fault {
    #[error(transparent)]
    Malformed(#[from] sftp::DecodeError),
    #[error("more requests wait than the limit queued_requests allows")]
    Flooded,
    #[error(transparent)]
    Unread(#[from] Unread),
}

impl Intake {
    pub(super) fn new(shared: Arc<Shared>, jobs: Sender<Job>, queue: usize) -> Self {
        Self {
            shared,
            jobs: Some(jobs),
            queue,
            writing: None,
            resizing: None,
            acknowledgements: BytesMut::new(),
        }
    }

    /// Whether nothing more is taken.
    pub(super) fn is_closed(&self) -> bool {
        self.jobs.is_none()
    }

    /// Whether a WRITE has begun and not ended.
    pub(super) fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Takes what the decoder found. Never waits.
    pub(super) fn take(&mut self, item: Item<'_>) -> Result<(), Fault> {
        match item {
            Item::WriteBegin(head) => self.begin_write(&head),
            Item::WriteData(piece) => self.write(piece),
            Item::WriteEnd => return self.end_write(),
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

    fn end_write(&mut self) -> Result<(), Fault> {
        let Some(Writing { id, outcome, .. }) = self.writing.take() else {
            return Ok(());
        };
        let outcome = outcome.map(|handle| self.shared.session.receipt(handle));
        match self.shared.held.answer(outcome) {
            Answer::Ok => Status::encode_ok_into(id, &mut self.acknowledgements),
            Answer::Failed(status) => {
                Reply::from(status).encode_into(id, &mut self.acknowledgements);
            }
            Answer::Later(outcome) => {
                // Some clients want the replies of a handle in the order of their requests.
                self.acknowledge()?;
                self.shared.held.add(id, outcome);
            }
        }
        Ok(())
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

    /// Answers the WRITEs so far.
    pub(super) fn acknowledge(&mut self) -> Result<(), Fault> {
        self.shared.outbox.add_encoded(&self.acknowledgements)?;
        self.acknowledgements.clear();
        Ok(())
    }

    /// Ends the channel, with a reply to what is wrong where it has an id.
    pub(super) fn fail(&mut self, fault: &Fault) {
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

    /// Takes nothing more.
    pub(super) fn close(&mut self) {
        self.jobs = None;
        self.shared.handles.finish();
    }
}
