//! `Connection`: a server that showed the right host key, and what becomes of logging in to it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::ErrorKind;
use russh::client::{self, AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::PrivateKeyWithHashAlg;
use russh::{Disconnect, MethodKind};
use tokio::net::TcpStream;

use crate::algorithms::preferred;
use crate::handler::Observer;
use crate::{Credential, Endpoint, Error, HostKey, HostKeyCheck, Result, Seen, Settings, Sftp};

/// How many rounds of questions a server may ask.
const QUESTIONS: usize = 8;

/// A connection to an SSH server whose host key was taken. Dropping it ends it.
pub struct Connection {
    handle: Handle<Observer>,
    seen: Arc<Mutex<Seen>>,
    settings: Settings,
    server: String,
}

/// What became of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogIn {
    /// It was taken.
    Taken,
    /// It was refused.
    Refused,
}

impl Connection {
    /// Connects and checks the host key; nobody is logged in yet.
    ///
    /// # Errors
    /// `Unavailable` where the server cannot be reached or nothing can be agreed on; `Denied` where
    /// its host key is none of those that are taken: the message names the fingerprint it showed.
    pub async fn connect(
        endpoint: &Endpoint,
        check: HostKeyCheck,
        settings: Settings,
    ) -> Result<Self> {
        let server = endpoint.address();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let observer = Observer::new(check.clone(), Arc::clone(&seen));
        let connecting = begin(endpoint, observer, &settings, &server);
        let handle = match within(settings.connect, "connect to", &server, connecting).await {
            Ok(handle) => handle,
            Err(error) => return Err(unknown_key(&server, &check, &seen, error)),
        };
        Ok(Self {
            handle,
            seen,
            settings,
            server,
        })
    }

    /// Logs in.
    ///
    /// # Errors
    /// `Unavailable` where the connection ends, as servers do after too many attempts.
    pub async fn log_in(&mut self, user: &str, credential: &Credential) -> Result<LogIn> {
        let (time, server) = (self.settings.connect, self.server.clone());
        within(time, "log in to", &server, self.attempt(user, credential)).await
    }

    async fn attempt(&mut self, user: &str, credential: &Credential) -> Result<LogIn> {
        let server = self.server.clone();
        let failed = |error| Error::ssh("log in to", &server, error);
        let result = match credential {
            Credential::Password(password) => {
                let password = password.expose().clone();
                let tried = self.handle.authenticate_password(user, password.clone());
                match tried.await.map_err(failed)? {
                    AuthResult::Failure {
                        remaining_methods, ..
                    } if remaining_methods.contains(&MethodKind::KeyboardInteractive) => {
                        return self.answer_questions(user, &password).await;
                    }
                    result => result,
                }
            }
            Credential::Key(key) => {
                let hash = match key.algorithm().is_rsa() {
                    true => self
                        .handle
                        .best_supported_rsa_hash()
                        .await
                        .map_err(failed)?,
                    false => None,
                };
                let key = PrivateKeyWithHashAlg::new(Arc::clone(key), hash.flatten());
                let tried = self.handle.authenticate_publickey(user, key);
                tried.await.map_err(failed)?
            }
        };
        Ok(match result.success() {
            true => LogIn::Taken,
            false => LogIn::Refused,
        })
    }

    /// Gives the password to every question that is not to be echoed.
    async fn answer_questions(&mut self, user: &str, password: &str) -> Result<LogIn> {
        let server = self.server.clone();
        let failed = |error| Error::ssh("log in to", &server, error);
        let none: Option<String> = None;
        let begun = self
            .handle
            .authenticate_keyboard_interactive_start(user, none);
        let mut asked = begun.await.map_err(failed)?;
        for _ in 0..QUESTIONS {
            let prompts = match asked {
                KeyboardInteractiveAuthResponse::Success => return Ok(LogIn::Taken),
                KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(LogIn::Refused),
                KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
            };
            let answer = |hidden: bool| {
                if hidden {
                    password.to_owned()
                } else {
                    String::new()
                }
            };
            let answers = prompts.iter().map(|prompt| answer(!prompt.echo)).collect();
            let told = self
                .handle
                .authenticate_keyboard_interactive_respond(answers);
            asked = told.await.map_err(failed)?;
        }
        Ok(LogIn::Refused)
    }

    /// Opens the SFTP subsystem in a channel of its own, after a login.
    ///
    /// # Errors
    /// `Unsupported` where the server has no such subsystem for this user.
    pub async fn sftp(&self) -> Result<Sftp> {
        let time = self.settings.connect;
        let open = async {
            let opened = self.handle.channel_open_session().await;
            let channel =
                opened.map_err(|error| Error::ssh("open a channel to", &self.server, error));
            Sftp::start(channel?, self.settings.clone(), &self.server).await
        };
        within(time, "start SFTP on", &self.server, open).await
    }

    /// What the server showed of itself so far.
    pub fn seen(&self) -> Seen {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// Says goodbye.
    pub async fn close(self) {
        // A connection that is gone needs no goodbye.
        let _ = self
            .handle
            .disconnect(Disconnect::ByApplication, "", "")
            .await;
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

async fn begin(
    endpoint: &Endpoint,
    observer: Observer,
    settings: &Settings,
    server: &str,
) -> Result<Handle<Observer>> {
    let tcp = reach(endpoint, server).await?;
    let config = client::Config {
        keepalive_interval: Some(settings.keepalive),
        nodelay: true,
        preferred: preferred(settings.host_key),
        ..client::Config::default()
    };
    let connected = client::connect_stream(Arc::new(config), tcp, observer).await;
    connected.map_err(|error| Error::ssh("connect to", server, error))
}

/// The TCP connection alone.
pub(crate) async fn reach(endpoint: &Endpoint, server: &str) -> Result<TcpStream> {
    let failed = |error: std::io::Error| {
        let reason = error.to_string();
        Error::new(ErrorKind::Unavailable, "connect to", server, reason).caused_by(error)
    };
    let address = (endpoint.host.as_str(), endpoint.port);
    let tcp = TcpStream::connect(address).await.map_err(failed)?;
    tcp.set_nodelay(true).map_err(failed)?;
    Ok(tcp)
}

/// A host key that was not taken is why a connection failed, whatever the SSH layer calls it.
fn unknown_key(server: &str, check: &HostKeyCheck, seen: &Mutex<Seen>, error: Error) -> Error {
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let refused = |key: &&HostKey| !check.takes(&key.fingerprint);
    let Some(shown) = seen.host_key.as_ref().filter(refused) else {
        return error;
    };
    let reason = format!(
        "its host key is not the known one: it showed {} {}; ask its operator whether that is right",
        shown.algorithm, shown.fingerprint
    );
    Error::new(ErrorKind::Denied, "connect to", server, reason).caused_by(error)
}

/// Runs a step under a deadline.
pub(crate) async fn within<T>(
    time: Duration,
    operation: &'static str,
    object: &str,
    step: impl Future<Output = Result<T>>,
) -> Result<T> {
    match tokio::time::timeout(time, step).await {
        Ok(done) => done,
        Err(_) => {
            let reason = format!("no answer within {} s", time.as_secs());
            Err(Error::new(
                ErrorKind::Unavailable,
                operation,
                object,
                reason,
            ))
        }
    }
}
