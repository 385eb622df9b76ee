//! The server process: found, started, shared, and ended with the run.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::{CommandExt, parent_id};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The unprivileged account that takes the server when tests run as root (`nobody` everywhere).
const NOBODY: u32 = 65534;

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    url: String,
    folder: Option<PathBuf>,
    /// Ends the server when this process ends: it waits for the end of a pipe from here.
    _watchdog: Option<Child>,
}

impl Server {
    /// The server of the environment, the one of this test run, or one of this process.
    #[expect(
        clippy::disallowed_methods,
        reason = "tests are told by their runner, through the environment"
    )]
    pub(super) fn find() -> Self {
        if let Ok(url) = std::env::var("PIERHEAD_TEST_POSTGRES") {
            return Self {
                url,
                folder: None,
                _watchdog: None,
            };
        }
        match std::env::var("NEXTEST_RUN_ID") {
            Ok(run) => Self::shared(&run),
            Err(_) => Self::own(),
        }
    }

    /// The URL of its first database.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The folder of its socket.
    pub(super) fn folder(&self) -> &Path {
        let folder = self.folder.as_deref();
        folder.expect("this test puts a proxy before the server, so it must start its own")
    }

    /// The server of a nextest run. Whoever comes first starts it, under a lock; it ends with
    /// the runner, our parent.
    #[expect(
        clippy::zombie_processes,
        reason = "the watchdog outlives this process"
    )]
    fn shared(run: &str) -> Self {
        let folder = short_folder().join(format!("pierhead-postgres-{run}"));
        let lock_path = folder.with_extension("lock");
        let lock = File::create(&lock_path).expect("make the lock file");
        lock.lock().expect("lock the lock file");
        if !folder.join("ready").exists() {
            start(&folder);
            let runner = parent_id().to_string();
            let script = r#"while kill -0 "$3" 2>/dev/null; do sleep 1; done"#;
            watch(&folder, script, &runner, Stdio::null());
            File::create(folder.join("ready")).expect("note that the server is ready");
        }
        Self::at(folder, None)
    }

    /// A server for this process, which ends with it.
    fn own() -> Self {
        let name = format!("pierhead-postgres-{}", uuid::Uuid::new_v4().simple());
        let folder = short_folder().join(name);
        start(&folder);
        let watchdog = watch(&folder, "read -r _", "", Stdio::piped());
        Self::at(folder, Some(watchdog))
    }

    fn at(folder: PathBuf, watchdog: Option<Child>) -> Self {
        Self {
            url: format!("postgres:///postgres?host={}&user=app", folder.display()),
            folder: Some(folder),
            _watchdog: watchdog,
        }
    }
}

/// The path of a PostgreSQL program.
///
/// # Panics
/// Where there is none.
pub(super) fn program(name: &str) -> PathBuf {
    found(name).unwrap_or_else(|| {
        panic!("{name} of PostgreSQL is not installed: apt-get install postgresql")
    })
}

fn found(name: &str) -> Option<PathBuf> {
    // Debian keeps the server's programs out of PATH, by version.
    let mut folders: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    folders.sort();
    folders.reverse();
    #[expect(clippy::disallowed_methods, reason = "where programs are is in PATH")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    let mut programs = folders.into_iter().map(|folder| folder.join(name));
    programs.find(|program| program.is_file())
}

/// Where sockets may be: their paths have 107 bytes at most.
pub(super) fn short_folder() -> PathBuf {
    match std::env::temp_dir() {
        folder if folder.as_os_str().len() < 40 => folder,
        _ => PathBuf::from("/tmp"),
    }
}

fn start(folder: &Path) {
    make(folder);
    launch(folder, None);
}

/// Makes the empty folder of a new server.
pub(super) fn make_folder(folder: &Path) {
    // What a killed run of the same id left.
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).expect("make the server's folder");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("open the folder");
    if is_root(folder) {
        chown(folder, Some(NOBODY), Some(NOBODY)).expect("give the folder to nobody");
    }
}

/// Makes the data of a new server.
pub(super) fn make(folder: &Path) {
    make_folder(folder);
    let (initdb, data) = (program("initdb"), folder.join("data"));
    // A default collation that is not the bytes' order shows where a key lacks its own.
    let icu = ["--locale-provider=icu", "--icu-locale=en-US"];
    let made = [&icu[..], &[]].into_iter().any(|locale| {
        let _ = fs::remove_dir_all(&data);
        let mut command = unprivileged(&initdb, folder);
        command
            .arg("-D")
            .arg(&data)
            .args(["-U", "app", "--auth=trust"]);
        command.args(["--no-sync", "--encoding=UTF8", "--locale=C"]);
        command.args(locale).status().expect("run initdb").success()
    });
    assert!(made, "initdb failed; see {}/output", folder.display());
}

/// Copies the data of the server that `line` leads to, for a standby that follows it there.
pub(super) fn copy(folder: &Path, line: SocketAddr) {
    let copied = unprivileged(&program("pg_basebackup"), folder)
        .args(["--no-password", "--no-sync", "--checkpoint=fast"])
        .args(["--write-recovery-conf", "--wal-method=stream", "-U", "app"])
        .args(["-h", &line.ip().to_string(), "-p", &line.port().to_string()])
        .arg("-D")
        .arg(folder.join("data"))
        .status();
    let copied = copied.expect("run pg_basebackup").success();
    assert!(
        copied,
        "pg_basebackup failed; see {}/output",
        folder.display()
    );
}

/// Makes a standby take over, and waits until it has.
pub(super) fn promote(folder: &Path) {
    let promoted = pg_ctl(folder).args(["-w", "-t", "60", "promote"]).status();
    assert!(
        promoted.expect("run pg_ctl").success(),
        "it does not take over; see {}/log",
        folder.display()
    );
}

/// Starts a server on its data, on a loopback port as well where one is given.
pub(super) fn launch(folder: &Path, port: Option<u16>) {
    let tcp = match port {
        Some(port) => format!("-c listen_addresses=127.0.0.1 -c port={port}"),
        None => "-c listen_addresses=".to_owned(),
    };
    let options = format!(
        "{tcp} -c unix_socket_directories={} -c fsync=off \
         -c full_page_writes=off -c max_connections=300 -c shared_buffers=32MB \
         -c wal_retrieve_retry_interval=100ms",
        folder.display()
    );
    let started = pg_ctl(folder)
        .args(["-w", "-t", "60", "-o", &options])
        .arg("-l")
        .arg(folder.join("log"))
        .arg("start")
        .status()
        .expect("run pg_ctl");
    assert!(
        started.success(),
        "PostgreSQL did not start; see {}/log",
        folder.display()
    );
}

/// Ends a server as a crash would.
pub(super) fn kill(folder: &Path) {
    let ended = pg_ctl(folder)
        .args(["-m", "immediate", "-w", "stop"])
        .status();
    assert!(ended.expect("run pg_ctl").success(), "it does not end");
}

fn pg_ctl(folder: &Path) -> Command {
    let mut command = unprivileged(&program("pg_ctl"), folder);
    command.arg("-D").arg(folder.join("data"));
    command
}

fn is_root(folder: &Path) -> bool {
    let owner = fs::metadata(folder).expect("look at the folder").uid();
    owner == 0 || owner == NOBODY
}

fn unprivileged(program: &Path, folder: &Path) -> Command {
    let output = File::options()
        .create(true)
        .append(true)
        .open(folder.join("output"));
    let output = output.expect("make the file for what programs say");
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env("HOME", folder)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stderr(output.try_clone().expect("share the file"))
        .stdout(output);
    if is_root(folder) {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Leaves a shell behind, in a process group of its own so that it outlives us, which runs
/// `wait` and then ends the server and removes its folder.
pub(super) fn watch(folder: &Path, wait: &str, argument: &str, stdin: Stdio) -> Child {
    let script = format!(
        r#"{wait}; kill -QUIT "$(head -n 1 "$1/data/postmaster.pid")"
           while [ -e "$1/data/postmaster.pid" ] && [ "$((n = n + 1))" -lt 20 ]; do sleep 0.2; done
           rm -rf "$1" "$2""#
    );
    Command::new("/bin/sh")
        .args(["-c", &script, "watchdog"])
        .arg(folder)
        .arg(folder.with_extension("lock"))
        .arg(argument)
        .current_dir("/")
        .stdin(stdin)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("start the watchdog")
}
