//! A real gateway process: started, ended and killed again and again on the same state.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

/// Longest start: the first makes host keys, and one after a crash ends what was left.
const START: Duration = Duration::from_secs(90);
/// What is told in its place once it is gone.
const ENDED: &[u8] = b"ENDED";

/// A node that may run or not. Killed when it is dropped.
#[derive(Debug)]
pub struct Node {
    binary: PathBuf,
    config: PathBuf,
    log: PathBuf,
    sftp: SocketAddr,
    admin: SocketAddr,
    child: Option<Child>,
    starts: u32,
}

impl Node {
    /// A node of the program `binary` whose state and log are in `folder`, with these settings:
    /// TOML without `data`, `sftp.listen` and `admin.listen`. It does not run yet.
    ///
    /// # Errors
    /// Where its configuration cannot be written.
    pub fn new(binary: &Path, folder: &Path, settings: &str) -> io::Result<Self> {
        let (sftp, admin) = (free_address()?, free_address()?);
        let config = folder.join("pierhead.toml");
        let data = folder.join("data");
        let text = format!(
            "data = {data:?}\nsftp.listen = [\"{sftp}\"]\nadmin.listen = \"{admin}\"\n{settings}\n"
        );
        std::fs::write(&config, text)?;
        Ok(Self {
            binary: binary.to_owned(),
            config,
            log: folder.join("node.log"),
            sftp,
            admin,
            child: None,
            starts: 0,
        })
    }

    /// Runs another program from its next start on: an upgrade.
    pub fn set_program(&mut self, binary: &Path) {
        binary.clone_into(&mut self.binary);
    }

    /// Where it takes connections, from one start to the next.
    pub fn address(&self) -> SocketAddr {
        self.sftp
    }

    /// Where it answers `/readyz`.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Its process, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// What it logged so far.
    ///
    /// # Errors
    /// Where it was never started.
    pub fn log(&self) -> io::Result<String> {
        std::fs::read_to_string(&self.log)
    }

    /// Runs another `pierhead` command on the same configuration to its end; what it printed.
    ///
    /// # Errors
    /// Where it cannot be run or fails; with what it said.
    pub fn command(&self, arguments: &[&str]) -> io::Result<String> {
        let output = self.output(arguments)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let text = format!("pierhead {arguments:?} ({}): {said}", output.status);
            return Err(io::Error::other(text));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The same, also where it fails.
    ///
    /// # Errors
    /// Where it cannot be run.
    pub fn output(&self, arguments: &[&str]) -> io::Result<Output> {
        self.pierhead(arguments).output()
    }

    /// Starts it and waits until it says that it serves. Blocks.
    ///
    /// # Errors
    /// Where it ends by itself, or is not ready in time.
    pub fn start(&mut self) -> io::Result<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        self.starts += 1;
        // Of this start alone: what is told of an earlier one goes nowhere.
        let path = self
            .log
            .with_file_name(format!("notify{}.sock", self.starts));
        let told = UnixDatagram::bind(&path)?;
        told.set_read_timeout(Some(START))?;
        let mut command = self.pierhead(&["serve"]);
        command.env("NOTIFY_SOCKET", &path).stdout(Stdio::piped());
        let mut child = command.stderr(log.try_clone()?).spawn()?;
        let output = child.stdout.take();
        self.child = Some(child);
        let socket = path.clone();
        std::thread::spawn(move || follow(output, log, &socket));
        let ready = self.until_ready(&told);
        std::fs::remove_file(&path)?;
        ready
    }

    fn until_ready(&mut self, told: &UnixDatagram) -> io::Result<()> {
        let mut message = [0; 4096];
        loop {
            let Ok(length) = told.recv(&mut message) else {
                return Err(self.complain("is not ready in time"));
            };
            let text = String::from_utf8_lossy(&message[..length]);
            if text.lines().any(|line| line == "READY=1") {
                return Ok(());
            }
            if text.as_bytes() == ENDED {
                let status = self.wait()?;
                return Err(self.complain(&format!("ended at its start ({status})")));
            }
        }
    }

    /// kill -9.
    ///
    /// # Errors
    /// Where it does not run any more.
    pub fn kill(&mut self) -> io::Result<()> {
        let Some(mut child) = self.child.take() else {
            return Err(self.complain("does not run"));
        };
        if let Some(status) = child.try_wait()? {
            return Err(self.complain(&format!("ended by itself ({status})")));
        }
        child.kill()?;
        child.wait().map(drop)
    }

    /// SIGTERM; it drains.
    ///
    /// # Errors
    /// Where it does not run any more.
    pub fn terminate(&self) -> io::Result<()> {
        let Some(id) = self.id() else {
            return Err(self.complain("does not run"));
        };
        let sent = Command::new("kill")
            .args(["-TERM", &id.to_string()])
            .status()?;
        match sent.success() {
            true => Ok(()),
            false => Err(self.complain("took no SIGTERM")),
        }
    }

    /// Waits for its end. Blocks.
    ///
    /// # Errors
    /// Where it does not run any more.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        match self.child.take() {
            Some(mut child) => child.wait(),
            None => Err(self.complain("does not run")),
        }
    }

    /// Whether `/readyz` answers 200. Blocks.
    pub fn is_ready(&self) -> bool {
        let ask = || -> io::Result<bool> {
            let mut stream = TcpStream::connect(self.admin)?;
            stream.set_read_timeout(Some(Duration::from_secs(20)))?;
            stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer.starts_with("HTTP/1.1 200"))
        };
        ask().unwrap_or(false)
    }

    fn pierhead(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).arg("--config").arg(&self.config);
        // Whoever runs the tests may have set some of his own.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PIERHEAD_") {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null());
        command
    }

    fn complain(&self, what: &str) -> io::Error {
        io::Error::other(format!("pierhead {what}; see {}", self.log.display()))
    }
}

/// Its output ends with it, which is told like its beginning.
fn follow(output: Option<ChildStdout>, mut log: File, socket: &Path) {
    let copied = output.map(|mut output| io::copy(&mut output, &mut log));
    if let Some(Err(error)) = copied {
        eprintln!("the output of a node is lost: {error}");
    }
    // Nobody listens any more where it has served.
    let _ = UnixDatagram::unbound().and_then(|end| end.send_to(ENDED, socket));
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}
