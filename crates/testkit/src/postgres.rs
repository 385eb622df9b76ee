//! A throwaway PostgreSQL: one server for a whole test run, a fresh database for each test.
//!
//! Under nextest, where every test is a process of its own, the processes of one run share a
//! server that ends with the run; elsewhere each test process has its own. A server that is
//! already there can be named in `PIERHEAD_TEST_POSTGRES`: a URL to a database of a user who may
//! make others.

mod postmaster;
mod proxy;
mod server;

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

pub use postmaster::Postmaster;
pub use proxy::Proxy;
use server::Server;

/// A database of its own for one test. Dropped with it.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    name: String,
    server: &'static Server,
}

static SERVER: OnceLock<Server> = OnceLock::new();

impl TestDatabase {
    /// Makes an empty database; starts the server where it does not run yet.
    ///
    /// # Panics
    /// Where PostgreSQL is not installed or does not start: a test must not pass without it.
    #[expect(
        clippy::new_without_default,
        reason = "making one starts a server; that is nobody's default"
    )]
    pub fn new() -> Self {
        let server = SERVER.get_or_init(Server::find);
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        server.run(&format!("CREATE DATABASE {name}"));
        Self {
            url: with_database(server.url(), &name),
            name,
            server,
        }
    }

    /// Its URL, as libpq reads it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its URL through a proxy whose socket is in `folder`.
    pub fn url_through(&self, folder: &Path) -> String {
        format!(
            "postgres:///{}?host={}&user=app",
            self.name,
            folder.display()
        )
    }

    /// The folder of the server's socket, for a [`Proxy`].
    ///
    /// # Panics
    /// Where the server is a foreign one.
    pub fn socket_folder(&self) -> &Path {
        self.server.folder()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // The server may be gone already, and is thrown away anyway.
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let _ = self.server.psql(&sql).output();
    }
}

/// The same URL with another database.
fn with_database(url: &str, name: &str) -> String {
    let (place, parameters) = match url.split_once('?') {
        Some((place, parameters)) => (place, format!("?{parameters}")),
        None => (url, String::new()),
    };
    let (scheme, rest) = place.split_once("://").unwrap_or(("postgres", place));
    let authority = rest.split('/').next().unwrap_or("");
    format!("{scheme}://{authority}/{name}{parameters}")
}

impl Server {
    fn psql(&self, sql: &str) -> Command {
        let mut command = Command::new(server::program("psql"));
        let quiet = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"];
        command.args(quiet).args(["-d", self.url(), "-c", sql]);
        command
    }

    fn run(&self, sql: &str) {
        let output = self.psql(sql).output().expect("start psql");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "psql -c '{sql}': {said}");
    }
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn the_database_in_a_url_is_replaced() {
        for (url, replaced) in [
            ("postgres:///a?host=/tmp", "postgres:///b?host=/tmp"),
            ("postgres://me@db:1/a", "postgres://me@db:1/b"),
            ("postgresql://db", "postgresql://db/b"),
        ] {
            assert_eq!(with_database(url, "b"), replaced);
        }
    }
}
