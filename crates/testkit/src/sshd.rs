//! OpenSSH's server in a throwaway folder: the user who runs the tests logs in with a key.

use std::fs::Permissions;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, HashAlg, PrivateKey};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinSet;

const PROGRAM: &str = "/usr/sbin/sshd";
/// Connections at once; the next ones wait.
const CONNECTIONS: usize = 64;

/// A server that runs one `sshd -i` for each connection, so that no port can be taken before it.
/// All of them end when it is dropped.
#[derive(Debug)]
pub struct Sshd {
    folder: tempfile::TempDir,
    address: SocketAddr,
    fingerprint: String,
    key: Arc<PrivateKey>,
    user: String,
    _accepting: JoinSet<()>,
}

impl Sshd {
    /// Starts it; `more` is put at the end of its configuration file.
    ///
    /// # Errors
    /// OpenSSH's server is not installed, or the folder cannot be made.
    pub async fn start(more: &str) -> io::Result<Self> {
        if !Path::new(PROGRAM).exists() {
            return Err(io::Error::other("no sshd: `cargo xtask setup` installs it"));
        }
        let folder = tempfile::tempdir()?;
        let (host_key, key) = (new_key()?, new_key()?);
        let fingerprint = host_key.fingerprint(HashAlg::Sha256).to_string();
        let config = write_files(folder.path(), &host_key, &key, more)?;
        write_key(&folder.path().join("key"), &key)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, config));
        let named = Command::new("id").arg("-un").output().await?;
        Ok(Self {
            folder,
            address,
            fingerprint,
            key: Arc::new(key),
            user: String::from_utf8_lossy(&named.stdout).trim().to_owned(),
            _accepting: accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The fingerprint of its host key.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Who may log in.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// With which key.
    pub fn key(&self) -> &Arc<PrivateKey> {
        &self.key
    }

    /// The file with that key.
    pub fn key_file(&self) -> PathBuf {
        self.folder.path().join("key")
    }
}

fn new_key() -> io::Result<PrivateKey> {
    let mut random = russh::keys::key::safe_rng();
    PrivateKey::random(&mut random, Algorithm::Ed25519).map_err(io::Error::other)
}

fn write_key(path: &Path, key: &PrivateKey) -> io::Result<()> {
    let text = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
    std::fs::write(path, text.as_bytes())?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600))
}

fn write_files(
    folder: &Path,
    host_key: &PrivateKey,
    key: &PrivateKey,
    more: &str,
) -> io::Result<PathBuf> {
    write_key(&folder.join("host_key"), host_key)?;
    let public = key.public_key().to_openssh().map_err(io::Error::other)?;
    std::fs::write(folder.join("authorized_keys"), public)?;
    // Where the server's own user is separate, it wants this folder.
    if rustix::process::geteuid().is_root() {
        std::fs::create_dir_all("/run/sshd")?;
    }
    let config = folder.join("sshd_config");
    let text = format!(
        "HostKey {0}/host_key\nAuthorizedKeysFile {0}/authorized_keys\nStrictModes no\n\
         UsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nUseDNS no\n\
         PidFile none\nLogLevel ERROR\nSubsystem sftp internal-sftp\n{more}\n",
        folder.display()
    );
    std::fs::write(&config, text)?;
    Ok(config)
}

async fn accept(listener: TcpListener, config: PathBuf) {
    let mut serving = JoinSet::new();
    loop {
        while serving.len() >= CONNECTIONS {
            serving.join_next().await;
        }
        let Ok((tcp, _)) = listener.accept().await else {
            return;
        };
        while serving.try_join_next().is_some() {}
        let config = config.clone();
        serving.spawn(async move {
            if let Err(error) = serve(tcp, &config).await {
                eprintln!("sshd: {error}");
            }
        });
    }
}

async fn serve(tcp: TcpStream, config: &Path) -> io::Result<()> {
    let tcp = tcp.into_std()?;
    tcp.set_nonblocking(false)?;
    let out = std::os::fd::OwnedFd::from(tcp.try_clone()?);
    let mut child = Command::new(PROGRAM)
        .args(["-i", "-e", "-f"])
        .arg(config)
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(tcp)))
        .stdout(Stdio::from(out))
        .kill_on_drop(true)
        .spawn()?;
    child.wait().await.map(drop)
}
