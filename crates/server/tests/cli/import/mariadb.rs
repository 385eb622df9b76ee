//! A throwaway MariaDB, reached by its socket alone.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A server; ended when it is dropped.
pub(crate) struct MariaDb {
    child: Child,
    socket: PathBuf,
}

/// Nobody's data: a log of 4 MB rather than 96, and nothing waits for the disk.
const SMALL: [&str; 4] = [
    "--innodb-log-file-size=4M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-flush-method=nosync",
];

impl MariaDb {
    /// Starts one whose files are in `folder`.
    pub(crate) fn start(folder: &Path) -> Self {
        let data = folder.join("mariadb");
        let made = Command::new("mariadb-install-db")
            .arg("--no-defaults")
            .arg(format!("--datadir={}", data.display()))
            .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
            .args(SMALL)
            .output()
            .expect("mariadb-install-db runs (package mariadb-server-core)");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let socket = folder.join("my.sock");
        let mut child = Command::new("/usr/sbin/mariadbd")
            .args(["--no-defaults", "--skip-networking", "--user=root"])
            .args(SMALL)
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--socket={}", socket.display()))
            .arg(format!("--pid-file={}", folder.join("my.pid").display()))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("mariadbd runs (package mariadb-server-core)");
        let mut log = BufReader::new(child.stderr.take().expect("piped"));
        let mut said = String::new();
        while !said.contains("ready for connections") {
            let read = log.read_line(&mut said).expect("a log");
            assert!(read > 0, "MariaDB did not start: {said}");
        }
        // Read to its end, so that it never waits for its log.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { child, socket }
    }

    fn ask(&self, sql: &str) -> std::process::Output {
        Command::new("mariadb")
            .args(["--no-defaults", "-u", "root"])
            .arg(format!("--socket={}", self.socket.display()))
            .args(["-e", sql])
            .output()
            .expect("mariadb runs (package mariadb-client-core)")
    }

    /// Runs statements.
    pub(crate) fn run(&self, sql: &str) {
        let done = self.ask(sql);
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }

    /// The URL of a database for a user with a password.
    pub(crate) fn url(&self, user: &str, password: &str, database: &str) -> String {
        let socket = self.socket.display();
        format!("mysql://{user}:{password}@localhost/{database}?socket={socket}")
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
