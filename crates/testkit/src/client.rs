//! An SSH client for tests that does what no good client would: bursts, stalls and cut wires.

mod error;
mod inbox;
mod link;
mod session;
mod sftp;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, AuthResult, Handle};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg};
use tokio::net::TcpSocket;

pub use error::Error;
pub use link::Valve;
pub use session::{Session, Stop};
pub use sftp::{Replies, Requests, Sftp};

/// How a [`Client`] proves who it is.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A password.
    Password(String),
    /// A key; ed25519 in most tests.
    Key(Arc<PrivateKey>),
}

impl Credential {
    /// A password.
    pub fn password(password: impl Into<String>) -> Self {
        Self::Password(password.into())
    }
}

/// How long any single wait of this client may take, unless a test sets another.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// An authenticated connection. Dropping it ends it without a goodbye.
pub struct Client {
    handle: Handle<AnyHost>,
    valve: Valve,
}

impl Client {
    /// Connects, whatever the host key, and logs in.
    ///
    /// # Errors
    /// The connection, the key exchange or the login failed, or took longer than [`DEADLINE`].
    pub async fn connect(
        address: SocketAddr,
        user: &str,
        credential: &Credential,
    ) -> Result<Self, Error> {
        let mut client = Self::connect_unknown(address).await?;
        match client.log_in(user, credential).await? {
            true => Ok(client),
            false => Err(Error::Refused {
                user: user.to_owned(),
            }),
        }
    }

    /// Connects without logging in.
    ///
    /// # Errors
    /// The connection or the key exchange failed, or took longer than [`DEADLINE`].
    pub async fn connect_unknown(address: SocketAddr) -> Result<Self, Error> {
        let source = match address {
            SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
        };
        Self::connect_from(source, address).await
    }

    /// The same from this address of the machine: of loopback, all of 127.0.0.0/8 are.
    ///
    /// # Errors
    /// As [`Client::connect_unknown`].
    pub async fn connect_from(source: IpAddr, address: SocketAddr) -> Result<Self, Error> {
        let connect = async {
            let socket = match source {
                IpAddr::V4(_) => TcpSocket::new_v4()?,
                IpAddr::V6(_) => TcpSocket::new_v6()?,
            };
            if !source.is_unspecified() {
                socket.bind(SocketAddr::new(source, 0))?;
            }
            let tcp = socket.connect(address).await?;
            tcp.set_nodelay(true)?;
            let (link, valve) = link::link(tcp);
            let handle = client::connect_stream(Arc::new(config()), link, AnyHost).await?;
            Ok(Self { handle, valve })
        };
        within("connect", connect).await
    }

    /// Tries a credential; whether it was taken.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn log_in(&mut self, user: &str, credential: &Credential) -> Result<bool, Error> {
        let attempt = async {
            let result = match credential {
                Credential::Password(password) => {
                    self.handle.authenticate_password(user, password).await?
                }
                Credential::Key(key) => {
                    let key = PrivateKeyWithHashAlg::new(Arc::clone(key), None);
                    self.handle.authenticate_publickey(user, key).await?
                }
            };
            Ok(matches!(result, AuthResult::Success))
        };
        within("log in", attempt).await
    }

    /// Opens the SFTP subsystem on a channel of its own and sends nothing yet.
    ///
    /// # Errors
    /// The server refused the channel or the subsystem.
    pub async fn subsystem(&self) -> Result<Sftp, Error> {
        let open = async { Ok(self.handle.channel_open_session().await?) };
        let channel = within("open a channel", open).await?;
        within("start the subsystem", Sftp::start(channel)).await
    }

    /// Opens the SFTP subsystem and exchanges versions.
    ///
    /// # Errors
    /// As [`Client::subsystem`]; or the server answered INIT with something else than VERSION 3.
    pub async fn sftp(&self) -> Result<Sftp, Error> {
        let mut sftp = self.subsystem().await?;
        sftp.initialise().await?;
        Ok(sftp)
    }

    /// The tap of the TCP connection below: to stop reading from it, or to cut it.
    pub fn valve(&self) -> &Valve {
        &self.valve
    }

    /// The SSH connection itself, for what has no method here.
    pub fn ssh(&self) -> &Handle<AnyHost> {
        &self.handle
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }
}

/// Takes any host key: the servers of tests are our own.
#[derive(Debug, Clone, Copy)]
pub struct AnyHost;

impl client::Handler for AnyHost {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        _key: &russh::keys::PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

fn config() -> client::Config {
    client::Config {
        nodelay: true,
        ..client::Config::default()
    }
}

/// Runs a step of the client under [`DEADLINE`].
async fn within<T>(
    what: &'static str,
    step: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::time::timeout(DEADLINE, step)
        .await
        .unwrap_or(Err(Error::Deadline { what }))
}
