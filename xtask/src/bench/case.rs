//! The cases that are measured, and one run of one of them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use super::server::Server;
use crate::process;

/// Which way the bytes go, as the client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Put,
    Get,
}

impl Direction {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
        }
    }
}

/// Who serves a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Party {
    OpenSsh,
    Local,
    S3,
}

/// One line of the table.
pub(crate) struct Case {
    pub(crate) direction: Direction,
    pub(crate) party: Party,
    pub(crate) name: &'static str,
    /// OpenSSH writes here; the gateway always writes to `/bench.bin`.
    device: bool,
}

impl Case {
    const fn new(direction: Direction, party: Party, name: &'static str, device: bool) -> Self {
        Self {
            direction,
            party,
            name,
            device,
        }
    }
}

/// In turn, so that a change of the machine's mood meets all of them.
pub(crate) const CASES: [Case; 7] = [
    Case::new(Direction::Put, Party::OpenSsh, "OpenSSH to /dev/null", true),
    Case::new(
        Direction::Put,
        Party::S3,
        "pierhead to an in-memory S3",
        false,
    ),
    Case::new(
        Direction::Put,
        Party::OpenSsh,
        "OpenSSH to a fresh file on tmpfs",
        false,
    ),
    Case::new(
        Direction::Put,
        Party::Local,
        "pierhead to the local store on tmpfs",
        false,
    ),
    Case::new(Direction::Get, Party::OpenSsh, "OpenSSH from tmpfs", false),
    Case::new(
        Direction::Get,
        Party::S3,
        "pierhead from an in-memory S3",
        false,
    ),
    Case::new(
        Direction::Get,
        Party::Local,
        "pierhead from the local store on tmpfs",
        false,
    ),
];

/// What one run gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) cpu_seconds_per_gib: f64,
    pub(crate) mib_per_second: f64,
}

/// The three servers, running, and the file that is moved.
pub(crate) struct Hall {
    size_mib: u64,
    key: PathBuf,
    source: PathBuf,
    openssh_file: PathBuf,
    openssh: Server,
    local: Server,
    s3: Server,
    // Ended last: the gateway above stores there.
    _store: Server,
}

impl Hall {
    pub(crate) fn open(
        (size_mib, distance): (u64, u64),
        gateway: &Path,
        store: &Path,
        folder: &Path,
    ) -> Result<Self> {
        let key = folder.join("key");
        process::output(
            Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(&key),
        )?;
        let source = folder.join("source.bin");
        write_random(&source, size_mib)?;
        let store = Server::memory_s3(store, distance)?;
        let endpoint = store.endpoint().to_owned();
        Ok(Self {
            size_mib,
            source,
            openssh_file: folder.join("openssh.bin"),
            openssh: Server::openssh(folder, &key)?,
            local: Server::gateway(gateway, &folder.join("local"), &key, None)?,
            s3: Server::gateway(gateway, &folder.join("s3"), &key, Some(&endpoint))?,
            _store: store,
            key,
        })
    }

    /// One transfer by the stock client; the CPU is that of the server and all its children.
    pub(crate) fn run(&self, case: &Case) -> Result<Sample> {
        let server = match case.party {
            Party::OpenSsh => &self.openssh,
            Party::Local => &self.local,
            Party::S3 => &self.s3,
        };
        let remote = self.remote(case);
        if case.direction == Direction::Put && case.party == Party::OpenSsh && !case.device {
            remove_if_there(&self.openssh_file)?;
        }
        let batch = match case.direction {
            Direction::Put => format!("put {} {remote}\n", self.source.display()),
            Direction::Get => format!("get {remote} /dev/null\n"),
        };
        let before = server.cpu_seconds()?;
        let start = Instant::now();
        self.sftp(server, &batch)?;
        let wall = start.elapsed().as_secs_f64();
        let spent = server.settled_cpu_seconds()? - before;
        Ok(Sample {
            cpu_seconds_per_gib: spent * 1024.0 / self.size_mib as f64,
            mib_per_second: self.size_mib as f64 / wall,
        })
    }

    fn remote(&self, case: &Case) -> String {
        match (case.party, case.device) {
            (Party::OpenSsh, true) => "/dev/null".to_owned(),
            (Party::OpenSsh, false) => self.openssh_file.display().to_string(),
            _ => "/bench.bin".to_owned(),
        }
    }

    fn sftp(&self, server: &Server, batch: &str) -> Result<()> {
        let file = self.source.with_file_name("batch");
        std::fs::write(&file, batch).with_context(|| format!("write {}", file.display()))?;
        let mut command = Command::new("timeout");
        command.args([
            "600",
            "sftp",
            "-q",
            "-F",
            "none",
            "-c",
            "aes128-gcm@openssh.com",
        ]);
        for option in [
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
            "IdentitiesOnly=yes",
        ] {
            command.args(["-o", option]);
        }
        command
            .arg("-i")
            .arg(&self.key)
            .args(["-P", &server.port().to_string(), "-b"])
            .arg(&file);
        process::output(command.arg(format!("{}@127.0.0.1", server.user())))?;
        Ok(())
    }
}

fn remove_if_there(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn write_random(path: &Path, size_mib: u64) -> Result<()> {
    let context = || format!("write {size_mib} MiB to {}", path.display());
    let mut random = std::fs::File::open("/dev/urandom").with_context(context)?;
    let mut file = std::fs::File::create(path).with_context(context)?;
    let mut limited = std::io::Read::take(&mut random, size_mib << 20);
    std::io::copy(&mut limited, &mut file).with_context(context)?;
    Ok(())
}
