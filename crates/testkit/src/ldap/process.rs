//! A server's process: awaited, and ended with the test.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest start.
const START: Duration = Duration::from_secs(60);

/// A process that is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Process(Child);

impl Process {
    /// Starts a server whose words go into `log`, and waits until it takes connections. Blocks.
    pub(super) fn start(
        command: &mut Command,
        log: &Path,
        address: SocketAddr,
    ) -> io::Result<Self> {
        let output = std::fs::File::create(log)?;
        command
            .stdin(Stdio::null())
            .stderr(output.try_clone()?)
            .stdout(output);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn();
        let child = child.map_err(|error| io::Error::other(format!("start {program}: {error}")))?;
        let mut process = Self(child);
        let deadline = Instant::now() + START;
        while TcpStream::connect(address).is_err() {
            let ended = process.0.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                return Err(io::Error::other(format!(
                    "{program} does not listen on {address}:\n{said}"
                )));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(process)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program to its end with this input. Blocks.
pub(super) fn run(command: &mut Command, input: &str) -> io::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn();
    let mut child = child.map_err(|error| io::Error::other(format!("start {program}: {error}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(io::Error::other(format!(
                "{program} ({}): {said}",
                output.status
            )))
        }
    }
}

/// A loopback port that was free a moment ago.
pub(super) fn free_port() -> io::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port())
}
