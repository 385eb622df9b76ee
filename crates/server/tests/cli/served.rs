//! A node from a configuration file, followed by its log.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::node::pierhead;

/// How long any single wait may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// Longest start: the first makes host keys.
const START: Duration = Duration::from_secs(90);

/// A running node; ended when it is dropped.
pub(crate) struct Served {
    child: Child,
    log: Receiver<Value>,
    pub(crate) sftp: SocketAddr,
    /// Where it listens for balancers, if it does.
    pub(crate) proxied: Option<SocketAddr>,
    pub(crate) admin: SocketAddr,
}

/// Writes a configuration for a node with its data under `folder`, on free ports.
pub(crate) fn write_config(folder: &Path, sftp: &str, more: &str) -> PathBuf {
    std::fs::create_dir_all(folder).expect("a folder");
    let data = folder.join("data");
    let text = format!(
        "data = {data:?}\n[admin]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n\
         [sftp]\nlisten = [\"127.0.0.1:0\"]\n{sftp}\n{more}\n"
    );
    let file = folder.join("pierhead.toml");
    std::fs::write(&file, text).expect("written");
    file
}

impl Served {
    /// Starts a node and waits until it serves.
    pub(crate) fn start(config: &Path) -> Self {
        let config = config.to_str().expect("UTF-8");
        let mut child = pierhead(&["serve", "--config", config])
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let (send, log) = sync_channel(4096);
        // Read to its end, so that the node never waits for its log. A test that is told more
        // than the queue holds has stopped listening.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let value = serde_json::from_str(&line).unwrap_or(Value::String(line));
                let _ = send.try_send(value);
            }
        });
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut node = Self {
            child,
            log,
            sftp: unknown,
            proxied: None,
            admin: unknown,
        };
        let serves = node.wait_within("pierhead serves", START);
        let address = |name: &str| {
            let text = serves[name].as_str().unwrap_or_default();
            text.trim_matches(['[', ']']).parse().ok()
        };
        node.sftp = address("sftp").expect("an address");
        node.proxied = address("proxied");
        node.admin = address("admin").expect("an address");
        node
    }

    /// The next log line with this message.
    pub(crate) fn wait_for(&self, message: &str) -> Value {
        self.wait_within(message, DEADLINE)
    }

    fn wait_within(&self, message: &str, deadline: Duration) -> Value {
        let mut seen = Vec::new();
        while let Ok(line) = self.log.recv_timeout(deadline) {
            if line["message"] == message {
                return line;
            }
            seen.push(line);
        }
        panic!("no log line {message:?}, but {seen:#?}");
    }

    /// A page of the admin address: status line and body; none where nobody listens.
    pub(crate) fn get(&self, path: &str) -> Option<(String, String)> {
        let mut stream = TcpStream::connect(self.admin).ok()?;
        stream.set_read_timeout(Some(DEADLINE)).expect("set");
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.lines().next()?.to_owned(), body.to_owned()))
    }

    /// Whether SFTP is spoken at `address`.
    pub(crate) fn greets(&self, address: SocketAddr) -> bool {
        let Ok(mut stream) = TcpStream::connect(address) else {
            return false;
        };
        stream.set_read_timeout(Some(DEADLINE)).expect("set");
        let mut greeting = [0; 8];
        stream.read_exact(&mut greeting).is_ok() && &greeting == b"SSH-2.0-"
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it lives");
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
