//! The life of one connection, from the accepted socket to its last log line.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use identity::defence::{Offence, Visit};
use russh::Disconnect;
use russh::server::RunningSession;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::admission::Place;
use crate::farewells::Farewells;
use crate::handler::Handler;
use crate::line::Line;
use crate::server::{Floors, Generation};
use crate::stream::PeerStream;
use crate::{Error, Settings};

/// What a client gets to read the reason and to close its side.
const FAREWELL: Duration = Duration::from_secs(3);
/// What the session's own task gets to end once its stream fails.
const UNWIND: Duration = Duration::from_secs(60);
/// What the channels get for commits in progress. The gateway bounds them before.
const RELEASE: Duration = Duration::from_secs(90);

/// Drain ends a session that did nothing for so long: replies are out by then, and a client that
/// closed a file has set its times or renamed it.
const QUIET: Duration = Duration::from_secs(1);

const GRACE_EXCEEDED: &str = "the time for logging in is over";
const KEPT_OUT: &str = "connections from this address are not allowed";
const IDLE: &str = "the session was idle for too long";
const SHUTTING_DOWN: &str = "the server is shutting down; connect again";
const OUT_OF_TIME: &str = "the server is shutting down and cannot wait any longer; connect again";

/// A connection that was let in.
pub(crate) struct Arrival {
    pub(crate) tcp: TcpStream,
    /// Who is at its other end.
    pub(crate) peer: SocketAddr,
    pub(crate) place: Place,
    pub(crate) visit: Visit,
    pub(crate) login_deadline: Instant,
}

/// What everything on a connection shares.
pub(crate) struct Context {
    pub(crate) floors: Floors,
    pub(crate) settings: Arc<Settings>,
    pub(crate) peer: SocketAddr,
    /// What the guard sees of it.
    pub(crate) visit: Visit,
    pub(crate) line: Arc<Line>,
    /// The tasks of its channels.
    pub(crate) tasks: TaskTracker,
}

/// Serves a connection to its end.
pub(crate) async fn serve(
    arrival: Arrival,
    floors: Floors,
    generation: Arc<Generation>,
    farewells: &Farewells,
    drain: &CancellationToken,
) {
    let Arrival {
        tcp,
        peer,
        place,
        visit,
        login_deadline,
    } = arrival;
    let context = Arc::new(Context {
        floors,
        settings: generation.settings.clone(),
        peer,
        visit,
        line: Arc::new(Line::new()),
        tasks: TaskTracker::new(),
    });
    if let Err(error) = prepare(&tcp, &context.settings) {
        debug!(%peer, %error, "socket options could not be set");
    }
    let entrance = Entrance {
        place,
        deadline: login_deadline,
    };
    let ended = run(tcp, entrance, &context, generation, farewells, drain).await;
    note_offence(&context, &ended);
    context.tasks.close();
    if timeout(RELEASE, context.tasks.wait()).await.is_err() {
        warn!(%peer, "channels did not end in time; they go on by themselves");
    }
    log(&context, &ended);
}

/// What a connection has until its login.
struct Entrance {
    place: Place,
    deadline: Instant,
}

async fn run(
    tcp: TcpStream,
    entrance: Entrance,
    context: &Arc<Context>,
    generation: Arc<Generation>,
    farewells: &Farewells,
    drain: &CancellationToken,
) -> Result<(), Error> {
    let deadline = entrance.deadline;
    let stream = PeerStream::new(tcp, context.floors.uploads.gate(), context.line.clone());
    let handler = Handler::new(context.clone());
    // Up to here the peer has only said who it is; the key exchange runs in the session.
    let greeting = russh::server::run_stream(generation.config.clone(), stream, handler);
    let session = tokio::select! {
        greeted = timeout_at(deadline, greeting) => match greeted {
            Ok(session) => session?,
            Err(_) => return Err(Error::Ended(GRACE_EXCEEDED.into())),
        },
        () = drain.cancelled() => return Err(Error::Ended(SHUTTING_DOWN.into())),
    };
    let keeper = Keeper {
        context,
        farewells,
        place: entrance.place,
        login_deadline: deadline,
        drain_deadline: None,
    };
    keeper.keep(session, drain).await
}

/// Watches over a running session: login grace, idleness, drain, and reasons to end it.
struct Keeper<'c> {
    context: &'c Context,
    farewells: &'c Farewells,
    place: Place,
    login_deadline: Instant,
    drain_deadline: Option<Instant>,
}

impl Keeper<'_> {
    async fn keep(
        mut self,
        session: RunningSession<Handler>,
        drain: &CancellationToken,
    ) -> Result<(), Error> {
        let line = &self.context.line;
        let handle = session.handle();
        let mut session = std::pin::pin!(session);
        let reason = loop {
            if line.is_logged_in() {
                self.place.started();
            }
            if let Some(reason) = self.reason_to_end() {
                break reason;
            }
            tokio::select! {
                ended = &mut session => return ended,
                () = line.changed() => {}
                () = sleep_until(self.next_look()) => {}
                () = self.context.visit.kept_out() => break KEPT_OUT.to_owned(),
                () = drain.cancelled(), if self.drain_deadline.is_none() => {
                    self.drain_deadline =
                        Some(Instant::now() + self.context.settings.drain_deadline);
                }
            }
        };
        let goodbye = handle.disconnect(
            Disconnect::ByApplication,
            reason.clone(),
            String::from("en"),
        );
        let _ = timeout(FAREWELL, goodbye).await;
        self.part(session).await;
        Err(Error::Ended(reason.into()))
    }

    /// Waits for the peer to go, then cuts the line.
    async fn part(&self, mut session: Pin<&mut RunningSession<Handler>>) {
        if timeout(FAREWELL, &mut session).await.is_ok() {
            return;
        }
        self.context.line.cut();
        if timeout(UNWIND, session).await.is_err() {
            warn!(peer = %self.context.peer, "a session does not end; it is left alone");
        }
    }

    fn reason_to_end(&self) -> Option<String> {
        let line = &self.context.line;
        let now = Instant::now();
        if let Some(reason) = line.ending() {
            return Some(reason.to_owned());
        }
        if !line.is_logged_in() {
            if now >= self.login_deadline {
                return Some(GRACE_EXCEEDED.to_owned());
            }
            return self.drain_deadline.map(|_| SHUTTING_DOWN.to_owned());
        }
        if let Some(deadline) = self.drain_deadline {
            if !line.is_busy() && now >= line.last_activity() + QUIET {
                self.farewells.note_quiet();
                return Some(SHUTTING_DOWN.to_owned());
            }
            if now >= deadline {
                self.farewells.note_cut();
                return Some(OUT_OF_TIME.to_owned());
            }
        }
        let idle = now >= self.idle_at() && !line.is_kept_waiting();
        idle.then(|| IDLE.to_owned())
    }

    fn idle_at(&self) -> Instant {
        self.context.line.last_activity() + self.context.settings.idle_timeout
    }

    fn next_look(&self) -> Instant {
        let line = &self.context.line;
        if !line.is_logged_in() {
            return self.login_deadline;
        }
        // Whoever is kept waiting is not idle, and is looked at again after a while.
        let soon = Instant::now() + Duration::from_millis(100);
        let idle_at = self.idle_at().max(soon);
        match self.drain_deadline {
            None => idle_at,
            Some(deadline) if line.is_busy() => deadline.min(idle_at),
            Some(_) => (line.last_activity() + QUIET).max(soon),
        }
    }
}

/// What the way a connection ended says of its peer.
fn note_offence(context: &Context, ended: &Result<(), Error>) {
    let line = &context.line;
    if line.is_logged_in() {
        return;
    }
    match ended {
        Err(Error::Ended(reason)) if reason == GRACE_EXCEEDED => {
            context.visit.offended(Offence::Stalled);
        }
        // Who sends nothing and goes is a balancer's probe.
        Err(Error::Transport(error))
            if line.received.load(Relaxed) > 0 && breaks_the_rules(error) =>
        {
            context.visit.offended(Offence::Protocol);
        }
        _ => {}
    }
}

/// Whether no honest client does this. Old clients that share no algorithm with us are honest.
fn breaks_the_rules(error: &russh::Error) -> bool {
    matches!(
        error,
        russh::Error::Version
            | russh::Error::Kex
            | russh::Error::PacketAuth
            | russh::Error::PacketSize(_)
            | russh::Error::Inconsistent
            | russh::Error::IndexOutOfBounds
            | russh::Error::StrictKeyExchangeViolation { .. }
    )
}

fn prepare(tcp: &TcpStream, settings: &Settings) -> std::io::Result<()> {
    tcp.set_nodelay(true)?;
    SockRef::from(tcp).set_tcp_user_timeout(Some(settings.unresponsive_timeout))
}

fn log(context: &Context, ended: &Result<(), Error>) {
    let (peer, line) = (context.peer, &context.line);
    let (received, sent) = (line.received.load(Relaxed), line.sent.load(Relaxed));
    let seconds = line.age().as_secs_f64();
    let reason = match ended {
        Ok(()) => "closed by the client".to_owned(),
        Err(error) => error.to_string(),
    };
    if line.is_logged_in() {
        info!(
            %peer,
            user = line.user(),
            client = line.client(),
            seconds,
            received,
            sent,
            requests = line.requests.load(Relaxed),
            bytes_written = line.written.load(Relaxed),
            bytes_read = line.read.load(Relaxed),
            reason,
            "session ended"
        );
    } else if received == 0 {
        // A load balancer's probe, or a port scanner.
        debug!(%peer, seconds, reason, "connection without a byte");
    } else {
        info!(%peer, client = line.client(), seconds, received, reason, "connection ended before its login");
    }
}
