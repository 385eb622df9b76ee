//! Runs the binary.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

/// A `pierhead` command without the variables of whoever runs the tests.
pub(crate) fn pierhead(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pierhead"));
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PIERHEAD_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end: exit status, standard output, standard error.
pub(crate) fn run(arguments: &[&str]) -> (bool, String, String) {
    text(pierhead(arguments).output().expect("it runs"))
}

/// The same with standard input.
pub(crate) fn run_with_input(arguments: &[&str], input: &str) -> (bool, String, String) {
    let mut child = pierhead(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(input.as_bytes())
        .expect("it reads");
    text(child.wait_with_output().expect("it ends"))
}

fn text(output: Output) -> (bool, String, String) {
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.success(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// A running gateway; ended when it is dropped.
pub(crate) struct Node {
    child: Child,
    /// What `up --json` printed.
    pub(crate) greeting: serde_json::Value,
}

impl Node {
    /// `pierhead up` on free ports.
    pub(crate) fn up(data: &Path, more: &[&str]) -> Self {
        let data = data.to_str().expect("UTF-8");
        let mut arguments = vec![
            "up",
            "--data",
            data,
            "--sftp",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
            "--json",
        ];
        arguments.extend(more);
        let mut child = pierhead(&arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped"))
            .read_line(&mut line)
            .expect("a line");
        let greeting = serde_json::from_str(&line).expect("one JSON object");
        Self { child, greeting }
    }

    /// An address of the greeting.
    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        self.greeting[name]
            .as_str()
            .and_then(|text| text.parse().ok())
            .expect("an address")
    }

    /// A page of the admin address: status line and body.
    pub(crate) fn get(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address("admin")).expect("it listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("set");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (
            head.lines().next().expect("a status line").to_owned(),
            body.to_owned(),
        )
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it lives");
        self.child.wait().expect("it ends")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
