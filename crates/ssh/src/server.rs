//! A server: accepts connections until it is drained.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gateway::Gateway;
use identity::Identity;
use model::{Clock, ServerId};
use rand::Rng;
use russh::SshId;
use storage::Budget;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::admission::Admission;
use crate::{HostKeys, Result, Settings, connection, login};

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
    pub async fn serve(&self, listener: TcpListener, drain: CancellationToken) {
        let sessions = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = drain.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((tcp, peer)) => self.admit(tcp, peer, &sessions, &drain),
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
        drop(listener);
        sessions.close();
        info!(sessions = sessions.len(), "draining");
        sessions.wait().await;
    }

    fn admit(
        &self,
        tcp: TcpStream,
        peer: SocketAddr,
        sessions: &TaskTracker,
        drain: &CancellationToken,
    ) {
        let shared = &self.0;
        let generation = shared
            .generation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let dice = rand::rng().random_range(0..100);
        let limits = &generation.settings.limits;
        match shared.admission.enter(peer.ip(), limits, dice) {
            Ok(place) => {
                let (floors, drain) = (shared.floors.clone(), drain.clone());
                let serving = connection::serve(tcp, peer, floors, generation, place, drain);
                sessions.spawn(serving);
            }
            Err(reason) => info!(%peer, %reason, "connection refused"),
        }
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
