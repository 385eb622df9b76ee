//! A server of the measurements: started, asked for its CPU time, ended with its owner.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::cpu;
use crate::process;

const START: Duration = Duration::from_secs(30);

/// A running process, and how to reach it.
pub(crate) struct Server {
    child: Child,
    user: String,
    port: u16,
    endpoint: String,
}

impl Server {
    /// OpenSSH's server with its built-in SFTP.
    pub(crate) fn openssh(folder: &Path, key: &Path) -> Result<Self> {
        let host_key = folder.join("host_key");
        process::output(
            Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(&host_key),
        )?;
        // Where Debian's sshd wants to be confined; other systems need no such folder.
        let _ = std::fs::create_dir("/run/sshd");
        let port = free_port()?;
        let file = folder.join("sshd_config");
        let text = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}.pub\n\
             StrictModes no\nPermitRootLogin yes\nUsePAM no\nPidFile none\nSubsystem sftp internal-sftp\n",
            host_key.display(),
            key.display()
        );
        std::fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
        let mut command = Command::new("/usr/sbin/sshd");
        let child = start(
            command
                .args(["-D", "-e", "-f"])
                .arg(&file)
                .stdout(Stdio::null()),
        )?;
        let user = process::output(Command::new("id").arg("-un"))?
            .trim()
            .to_owned();
        let server = Self {
            child,
            user,
            port,
            endpoint: String::new(),
        };
        server.wait_for_port()?;
        Ok(server)
    }

    /// `pierhead up` with its state below `data`; over `endpoint`, or over the local store.
    pub(crate) fn gateway(
        binary: &Path,
        data: &Path,
        key: &Path,
        endpoint: Option<&str>,
    ) -> Result<Self> {
        let mut command = Command::new(binary);
        command.args([
            "up",
            "--json",
            "--sftp",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
            "--data",
        ]);
        command.arg(data);
        if let Some(endpoint) = endpoint {
            command.args(["--s3", "s3://bench/partners", "--endpoint", endpoint]);
        }
        let mut child = start(with_credentials(&mut command).stdout(Stdio::piped()))?;
        let said = first_object(&mut child).context("read what `pierhead up` prints");
        let mut server = Self {
            child,
            user: String::new(),
            port: 0,
            endpoint: String::new(),
        };
        let said = said?;
        server.user = text(&said, "user")?;
        let address = text(&said, "sftp")?;
        let port = address
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        server.port = port.with_context(|| format!("the port in `{address}`"))?;
        let mut command = Command::new(binary);
        command
            .args(["user", "key", "add", &server.user])
            .arg(key.with_extension("pub"));
        process::output(with_credentials(command.arg("--data").arg(data)))?;
        Ok(server)
    }

    /// The store of the measurements, which answers each request so many milliseconds later.
    pub(crate) fn memory_s3(binary: &Path, distance: u64) -> Result<Self> {
        let mut command = Command::new(binary);
        command.arg(distance.to_string());
        let mut child = start(command.stdout(Stdio::piped()))?;
        let said = first_object(&mut child).context("read what memory-s3 prints");
        let mut server = Self {
            child,
            user: String::new(),
            port: 0,
            endpoint: String::new(),
        };
        server.endpoint = text(&said?, "endpoint")?;
        Ok(server)
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// CPU seconds so far, of the process and all that it started.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        Ok(cpu::tree(self.child.id())?.seconds)
    }

    /// The same, once the children that served a connection have ended and were waited for.
    pub(crate) fn settled_cpu_seconds(&self) -> Result<f64> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let tree = cpu::tree(self.child.id())?;
            if tree.children == 0 {
                return Ok(tree.seconds);
            }
            if Instant::now() > deadline {
                bail!(
                    "the server still has {} children 10 s after a transfer",
                    tree.children
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn wait_for_port(&self) -> Result<()> {
        let deadline = Instant::now() + START;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if Instant::now() > deadline {
                bail!(
                    "nothing listens on port {} after {} s",
                    self.port,
                    START.as_secs()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A gateway drains on SIGTERM; what is measured here holds nothing worth waiting for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(command: &mut Command) -> Result<Child> {
    let line = format!("start {}", command.get_program().to_string_lossy());
    command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context(line)
}

fn with_credentials(command: &mut Command) -> &mut Command {
    command
        .env("AWS_ACCESS_KEY_ID", "bench")
        .env("AWS_SECRET_ACCESS_KEY", "bench-secret")
        .env("AWS_REGION", "us-east-1")
}

/// The JSON object that a server prints when it is ready, be it on one line or on several.
fn first_object(child: &mut Child) -> Result<Value> {
    let stdout = child.stdout.take().context("its output is not piped")?;
    let mut said = String::new();
    for line in BufReader::new(stdout).lines() {
        said.push_str(&line.context("read its output")?);
        if let Ok(value) = serde_json::from_str(&said) {
            return Ok(value);
        }
    }
    bail!("it ended without a JSON object: `{said}`")
}

fn text(value: &Value, field: &str) -> Result<String> {
    let found = value.get(field).and_then(Value::as_str);
    Ok(found
        .with_context(|| format!("no `{field}` in {value}"))?
        .to_owned())
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("look for a free port")?;
    Ok(listener
        .local_addr()
        .context("look for a free port")?
        .port())
}
