//! A PostgreSQL of a test's own, which can be killed and comes back elsewhere.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use super::server::{kill, launch, make, short_folder, watch};

/// A server on a loopback port. Ends with the test's process.
#[derive(Debug)]
pub struct Postmaster {
    folder: PathBuf,
    address: SocketAddr,
    runs: bool,
    _watchdog: Child,
}

impl Postmaster {
    /// Makes one and starts it.
    ///
    /// # Panics
    /// Where PostgreSQL is not installed or does not start.
    pub fn start() -> Self {
        let name = format!("pierhead-postmaster-{}", uuid::Uuid::new_v4().simple());
        let folder = short_folder().join(name);
        make(&folder);
        let watchdog = watch(&folder, "read -r _", "", Stdio::piped());
        let mut server = Self {
            folder,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            runs: false,
            _watchdog: watchdog,
        };
        server.start_elsewhere();
        server
    }

    /// Kills it: every connection breaks, new ones are refused.
    pub fn kill(&mut self) {
        kill(&self.folder);
        self.runs = false;
    }

    /// Starts it on a free port with the data of before, as a standby that takes over has it.
    /// Kills it first where it runs.
    pub fn start_elsewhere(&mut self) {
        if self.runs {
            self.kill();
        }
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        self.address = free.local_addr().expect("bound");
        drop(free);
        launch(&self.folder, Some(self.address.port()));
        self.runs = true;
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of its database at `address`, which leads to it.
    pub fn url_at(&self, address: SocketAddr) -> String {
        format!("postgres://app@{address}/postgres?sslmode=disable")
    }
}
