//! A server: accepts connections until it is drained.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gateway::Gateway;
use identity::Identity;
use identity::defence::{Guard, Refusal, Visit};
use model::{Clock, ServerId};
use rand::Rng;
use russh::SshId;
use storage::Budget;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::admission::{Admission, Refused};
use crate::connection::{self, Arrival};
use crate::farewells::Farewells;
use crate::log_limit::LogLimit;
use crate::proxy::{Rejected, read_header};
use crate::tarpit::Tarpit;
use crate::{Drained, HostKeys, Listener, ProxyProtocol, Result, Settings, login};

/// How long the listener rests after an error that lasts, such as no free file descriptor.
const REST: Duration = Duration::from_millis(100);

/// The largest SSH packet taken: what every client is used to, since OpenSSH has it. Larger ones
/// gain nothing here.
const MAX_PACKET: u32 = 32_768;

/// Messages between a channel's sender and russh, each of a packet at most: enough that they go
/// out in large writes.
const EVENTS: usize = 16;

/// The floors below that a server stands on.
#[derive(Debug, Clone)]
pub struct Floors {
    /// Which server this is; users belong to one.
    pub server: ServerId,
    /// Tells who somebody is.
    pub identity: Identity,
    /// Keeps out who may not even be asked who he is.
    pub guard: Guard,
    /// Opens sessions.
    pub gateway: Arc<Gateway>,
    /// Bytes on their way to the stores. While they are too many, no session is read from.
    pub uploads: Arc<Budget>,
    /// The time, for listings.
    pub clock: Arc<dyn Clock>,
}

/// An SSH server. Cheap to clone; clones are the same server.
#[derive(Debug, Clone)]
pub struct Server(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    floors: Floors,
    admission: Arc<Admission>,
    farewells: Arc<Farewells>,
    rejections: LogLimit,
    refusals: LogLimit,
    tarpit: Tarpit,
    generation: Mutex<Arc<Generation>>,
}

/// What connections accepted at one time go by.
#[derive(Debug)]
pub(crate) struct Generation {
    pub(crate) settings: Arc<Settings>,
    pub(crate) config: Arc<russh::server::Config>,
}

impl Server {
    /// A server that listens nowhere yet.
    ///
    /// # Errors
    /// [`crate::Error::Setting`] for a setting that cannot be.
    pub fn new(floors: Floors, settings: Settings, host_keys: &HostKeys) -> Result<Self> {
        let generation = Generation::new(settings, host_keys)?;
        Ok(Self(Arc::new(Shared {
            floors,
            admission: Arc::default(),
            farewells: Arc::default(),
            rejections: LogLimit::default(),
            refusals: LogLimit::default(),
            tarpit: Tarpit::default(),
            generation: Mutex::new(Arc::new(generation)),
        })))
    }

    /// Takes other settings and host keys for the connections accepted from now on.
    ///
    /// # Errors
    /// [`crate::Error::Setting`] for a setting that cannot be; the old ones stay.
    pub fn reload(&self, settings: Settings, host_keys: &HostKeys) -> Result<()> {
        let generation = Arc::new(Generation::new(settings, host_keys)?);
        *self
            .0
            .generation
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = generation;
        Ok(())
    }

    /// Accepts connections until `drain` is cancelled, then lets transfers in progress finish up
    /// to the drain deadline, ends the rest, and returns when every session is gone. May run on
    /// several listeners at once. Never ends because of what a peer or the network does.
    pub async fn serve(&self, listener: impl Into<Listener>, drain: CancellationToken) {
        let Listener { tcp, proxy } = listener.into();
        let sessions = TaskTracker::new();
        let (server, stop) = (self.clone(), drain.clone());
        sessions.spawn(async move { server.0.tarpit.run(&stop).await });
        loop {
            let accepted = tokio::select! {
                biased;
                () = drain.cancelled() => break,
                accepted = tcp.accept() => accepted,
            };
            match accepted {
                Ok((tcp, peer)) => self.admit(tcp, peer, &proxy, &sessions, &drain),
                Err(error) if concerns_one_connection(&error) => {
                    debug!(%error, "a connection was gone before it was accepted");
                }
                Err(error) => {
                    // No file descriptor or no memory: sessions that end give some back.
                    warn!(%error, "accept connection failed, trying again");
                    tokio::select! {
                        () = drain.cancelled() => break,
                        () = tokio::time::sleep(REST) => {}
                    }
                }
            }
        }
        // Nobody is to wait in the backlog of a server that goes.
        drop(tcp);
        sessions.close();
        info!(connections = sessions.len(), "listener closed");
        sessions.wait().await;
    }

    /// What drain did to sessions so far.
    pub fn drained(&self) -> Drained {
        self.0.farewells.counts()
    }

    fn admit(
        &self,
        tcp: TcpStream,
        peer: SocketAddr,
        proxy: &ProxyProtocol,
        sessions: &TaskTracker,
        drain: &CancellationToken,
    ) {
        let introduced = *proxy != ProxyProtocol::Off;
        if introduced && !proxy.trusts(peer.ip()) {
            return self.note_rejection(peer, &Rejected::Untrusted);
        }
        let generation = self.generation();
        // A balancer's own address stands for all of its clients, so it counts for none.
        let known = (!introduced).then(|| peer.ip());
        let visit = match self.0.floors.guard.visit(known) {
            Ok(visit) => visit,
            Err(refusal) => return self.turn_away(tcp, peer, &refusal, &generation),
        };
        let dice = rand::rng().random_range(0..100);
        let limits = &generation.settings.limits;
        match self.0.admission.enter(known, limits, dice) {
            Ok(place) => {
                let arrival = Arrival {
                    tcp,
                    peer,
                    place,
                    visit,
                    login_deadline: Instant::now() + generation.settings.login_grace,
                };
                let (server, drain) = (self.clone(), drain.clone());
                sessions.spawn(async move {
                    let arrival = match introduced {
                        true => server.introduce(arrival, &generation, &drain).await,
                        false => Some(arrival),
                    };
                    let Some(arrival) = arrival else { return };
                    let (floors, farewells) = (server.0.floors.clone(), &server.0.farewells);
                    connection::serve(arrival, floors, generation, farewells, &drain).await;
                });
            }
            Err(refused) => self.crowded_out(peer, &visit, refused),
        }
    }

    fn crowded_out(&self, peer: SocketAddr, visit: &Visit, refused: Refused) {
        visit.crowded_out(refused.reason());
        self.note_refusal(peer, &refused);
    }

    /// Sends away who may not even say who he is; where he is banned, not at once.
    fn turn_away(
        &self,
        tcp: TcpStream,
        peer: SocketAddr,
        refusal: &Refusal,
        generation: &Generation,
    ) {
        self.note_refusal(peer, refusal);
        if matches!(refusal, Refusal::Banned(_)) {
            let settings = &generation.settings;
            let (time, most) = (settings.tarpit, settings.limits.tarpit);
            self.0.tarpit.take(tcp, time, most);
        }
    }

    fn note_refusal(&self, peer: SocketAddr, reason: &dyn std::fmt::Display) {
        if let Some(kept_back) = self.0.refusals.pass() {
            info!(%peer, %reason, kept_back, "connection refused");
        }
    }

    /// Lets the balancer say who is there.
    async fn introduce(
        &self,
        mut arrival: Arrival,
        generation: &Generation,
        drain: &CancellationToken,
    ) -> Option<Arrival> {
        let balancer = arrival.peer;
        let header = timeout_at(arrival.login_deadline, read_header(&mut arrival.tcp));
        let header = drain.run_until_cancelled(header).await?;
        let client = match header.unwrap_or(Err(Rejected::Late)) {
            Ok(client) => client,
            Err(rejected) => {
                self.note_rejection(balancer, &rejected);
                return None;
            }
        };
        if let Some(client) = client {
            arrival.peer = client;
            match self.0.floors.guard.visit(Some(client.ip())) {
                Ok(visit) => arrival.visit = visit,
                Err(refusal) => {
                    self.turn_away(arrival.tcp, client, &refusal, generation);
                    return None;
                }
            }
        }
        let (peer, limits) = (arrival.peer, &generation.settings.limits);
        match arrival.place.name(peer.ip(), limits) {
            Ok(()) => {
                debug!(%peer, %balancer, "connection through a balancer");
                Some(arrival)
            }
            Err(refused) => {
                self.crowded_out(peer, &arrival.visit, refused);
                None
            }
        }
    }

    fn note_rejection(&self, peer: SocketAddr, rejected: &Rejected) {
        if matches!(rejected, Rejected::Closed) {
            // A balancer's probe.
            debug!(%peer, %rejected, "connection closed");
        } else if let Some(kept_back) = self.0.rejections.pass() {
            warn!(%peer, %rejected, kept_back, "connection closed");
        }
    }

    fn generation(&self) -> Arc<Generation> {
        let generation = self.0.generation.lock();
        generation.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Generation {
    fn new(settings: Settings, host_keys: &HostKeys) -> Result<Self> {
        settings.validate()?;
        let limits = &settings.limits;
        let config = russh::server::Config {
            server_id: SshId::Standard(format!("SSH-2.0-{}", settings.software).into()),
            methods: login::methods(),
            // The doorkeeper counts and delays; this is the end for clients that do not listen.
            max_auth_attempts: limits.auth_attempts + limits.offered_keys + 10,
            auth_rejection_time: Duration::ZERO,
            keys: host_keys.private(),
            window_size: settings.window,
            maximum_packet_size: MAX_PACKET,
            channel_buffer_size: 1,
            event_buffer_size: EVENTS,
            preferred: settings.algorithms.preferred(),
            // Keepalives reset it, so the connection's keeper has one of its own.
            inactivity_timeout: None,
            keepalive_interval: Some(settings.keepalive_interval),
            // A client whose answers wait behind the gate is healthy; TCP finds the dead ones.
            keepalive_max: 0,
            ..russh::server::Config::default()
        };
        Ok(Self {
            settings: Arc::new(settings),
            config: Arc::new(config),
        })
    }
}

/// Whether an error of accept is about the connection that was to be accepted, so that the next
/// one may be tried at once (accept(2): Linux passes pending network errors on).
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted,
        NetworkDown, NetworkUnreachable,
    };
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionRefused
            | ConnectionReset
            | HostUnreachable
            | Interrupted
            | NetworkDown
            | NetworkUnreachable
    )
}
