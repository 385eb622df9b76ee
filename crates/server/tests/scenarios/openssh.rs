//! OpenSSH's own client, run to its end.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::world::{USER, World, aside};

/// The stock client, logged in as the user of the scenario.
#[derive(Clone)]
pub(crate) struct OpenSsh {
    key: PathBuf,
}

impl OpenSsh {
    pub(crate) fn of(world: &World) -> Self {
        Self {
            key: world.key_file(),
        }
    }

    /// These commands as a batch, which ends at the first that fails.
    pub(crate) async fn run(&self, address: SocketAddr, commands: &str) -> Output {
        let (client, commands) = (self.clone(), commands.to_owned());
        aside(move || client.run_here(address, &["-q", "-b", "-"], &commands)).await
    }

    /// The same; what it printed.
    pub(crate) async fn succeeds(&self, address: SocketAddr, commands: &str) -> String {
        let done = self.run(address, commands).await;
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{commands}: {said}");
        String::from_utf8(done.stdout).expect("UTF-8")
    }

    /// As a person starts it, who leaves at once. (With `-b` it has no other method to go on with
    /// where the key is refused, and leaves before it is told why.)
    pub(crate) async fn knocks(&self, address: SocketAddr) -> Output {
        let client = self.clone();
        aside(move || client.run_here(address, &[], "")).await
    }

    fn run_here(&self, address: SocketAddr, flags: &[&str], input: &str) -> Output {
        let mut child = Command::new("sftp")
            .args(flags)
            .args(["-F", "/dev/null", "-P", &address.port().to_string(), "-i"])
            .arg(&self.key)
            .args(["-o", "StrictHostKeyChecking=no"])
            .args(["-o", "UserKnownHostsFile=/dev/null"])
            .args(["-o", "IdentitiesOnly=yes"])
            .arg(format!("{USER}@{}", address.ip()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("OpenSSH's client is installed");
        let mut stdin = child.stdin.take().expect("piped");
        // One that cannot connect leaves without reading.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().expect("it ends")
    }
}
