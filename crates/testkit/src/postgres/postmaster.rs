//! A PostgreSQL of a test's own, which can be killed and comes back, there or elsewhere, or in the
//! shape of its standby.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::server::{copy, kill, launch, make, make_folder, program, promote, short_folder, watch};

/// Done when the standby answers for what is committed from now on.
const SYNCHRONOUS: &str = "DO $$ BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync') LOOP
        PERFORM pg_sleep(0.02), pg_stat_clear_snapshot();
    END LOOP;
END $$";

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
        let folder = new_folder();
        make(&folder);
        Self::started_in(folder)
    }

    /// Starts a standby that follows this server through `line`, which must lead here, and has
    /// every commit wait for it from now on: what is acknowledged survives the failover.
    ///
    /// # Panics
    /// Where it cannot be made, or does not catch up within two minutes.
    pub fn standby(&self, line: SocketAddr) -> Self {
        let folder = new_folder();
        make_folder(&folder);
        copy(&folder, line);
        let standby = Self::started_in(folder);
        self.run("ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.run("SELECT pg_reload_conf()");
        self.run(&format!("SET statement_timeout = '2min'; {SYNCHRONOUS}"));
        standby
    }

    /// Makes a standby the server. Its former one must be dead.
    ///
    /// # Panics
    /// Where it does not take over.
    pub fn promote(&self) {
        promote(&self.folder);
    }

    fn started_in(folder: PathBuf) -> Self {
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

    /// Starts it on a free port with the data of before; who is to find it goes through a proxy.
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

    fn run(&self, sql: &str) {
        let output = Command::new(program("psql"))
            .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"])
            .args(["-d", &self.url_at(self.address), "-c", sql])
            .output()
            .expect("start psql");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "psql -c '{sql}': {said}");
    }
}

fn new_folder() -> PathBuf {
    let name = format!("pierhead-postmaster-{}", uuid::Uuid::new_v4().simple());
    short_folder().join(name)
}
