//! The gateway that is killed: a real process, started again and again on the same state.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

/// Longest start: the first makes host keys, and one after a crash ends what was left.
const START: Duration = Duration::from_secs(90);

/// A node that may run or not. Killed when it is dropped.
pub(crate) struct Node {
    binary: PathBuf,
    config: PathBuf,
    log: PathBuf,
    sftp: SocketAddr,
    admin: SocketAddr,
    child: Option<Child>,
}

impl Node {
    /// A node on `folder` with this configuration (TOML without addresses and data); it does not
    /// run yet.
    pub(crate) fn new(binary: &Path, folder: &Path, settings: &str) -> Result<Self> {
        let (sftp, admin) = (free_address()?, free_address()?);
        let config = folder.join("pierhead.toml");
        let text = format!(
            "data = {:?}\n{settings}\n[sftp]\nlisten = [\"{sftp}\"]\n[admin]\nlisten = \"{admin}\"\n",
            folder.join("data")
        );
        std::fs::write(&config, text).with_context(|| format!("write {}", config.display()))?;
        Ok(Self {
            binary: binary.to_owned(),
            config,
            log: folder.join("node.log"),
            sftp,
            admin,
            child: None,
        })
    }

    /// Where it takes connections.
    pub(crate) fn address(&self) -> SocketAddr {
        self.sftp
    }

    /// Runs another `pierhead` command on the same configuration to its end.
    pub(crate) fn command(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.binary);
        command.args(arguments).arg("--config").arg(&self.config);
        let output = command.stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("run pierhead {arguments:?}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "pierhead {arguments:?}: {said}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Starts it and waits until it is ready.
    pub(crate) fn start(&mut self) -> Result<()> {
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("open {}", self.log.display()))?;
        let mut command = Command::new(&self.binary);
        command.arg("serve").arg("--config").arg(&self.config);
        command
            .stdin(Stdio::null())
            .stderr(log.try_clone()?)
            .stdout(log);
        self.child = Some(command.spawn().context("start pierhead")?);
        let deadline = Instant::now() + START;
        while !self.is_ready() {
            let child = self.child.as_mut().context("it was started above")?;
            if let Some(status) = child.try_wait().context("look after pierhead")? {
                bail!(
                    "pierhead ended at its start ({status}); see {}",
                    self.log.display()
                );
            }
            if Instant::now() > deadline {
                bail!(
                    "pierhead is not ready after {START:?}; see {}",
                    self.log.display()
                );
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().context("it runs")?;
        ensure!(
            child.try_wait().context("look after pierhead")?.is_none(),
            "pierhead ended by itself; see {}",
            self.log.display()
        );
        child.kill().context("kill pierhead")?;
        child.wait().context("wait for pierhead").map(drop)
    }

    fn is_ready(&self) -> bool {
        let ask = || -> std::io::Result<bool> {
            let mut stream = TcpStream::connect(self.admin)?;
            stream.set_read_timeout(Some(Duration::from_secs(20)))?;
            stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer.starts_with("HTTP/1.1 200"))
        };
        ask().unwrap_or(false)
    }
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

fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("look for a free port")?;
    listener.local_addr().context("look for a free port")
}
