//! A connection to a directory: TLS before anything else, then one request after the other.

use std::io;
use std::time::Duration;

use model::Secret;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::entry::Entry;
use super::fault::{Fault, Malformed};
use super::message::{Outcome, Request, Response, Search};
use super::url::LdapUrl;
use super::wire::Wire;

/// The most entries and references that one search may send, whatever was asked for.
const MAX_ENTRIES: usize = 10_000;

/// What carries the messages: TCP, or TLS over it.
trait Carrier: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Carrier for T {}

/// A connection. Dropping it closes it.
pub(crate) struct Connection(Wire<Box<dyn Carrier>>);

/// What a search found.
#[derive(Debug)]
pub(crate) struct Found {
    /// The entries.
    pub(crate) entries: Vec<Entry>,
    /// How many times it was said that other directories may know more.
    pub(crate) references: usize,
    /// How it ended.
    pub(crate) outcome: Outcome,
}

impl Connection {
    /// Connects. With a connector TLS begins before anything else is said, by StartTLS where the
    /// URL is not one of `ldaps`; without one nothing is encrypted. `answers` is how long each
    /// answer may take from then on.
    pub(crate) async fn open(
        url: &LdapUrl,
        tls: Option<&TlsConnector>,
        patience: Duration,
        answers: Duration,
    ) -> Result<Self, Fault> {
        let opened = tokio::time::timeout(patience, connect(url, tls, patience)).await;
        let carrier = opened.map_err(|_| Fault::slow(url, patience))??;
        Ok(Self(Wire::new(url.to_string(), answers, carrier)))
    }

    /// Binds. With an empty password a directory binds as nobody and says that all is well (RFC
    /// 4513 section 5.1.2), so such a bind is refused here and never sent.
    pub(crate) async fn bind(
        &mut self,
        dn: &str,
        password: &Secret<String>,
    ) -> Result<Outcome, Fault> {
        if dn.is_empty() || password.expose().is_empty() {
            return Ok(Outcome {
                code: Outcome::INVALID_CREDENTIALS,
                text: "an empty name or password is not sent".to_owned(),
                password_policy: None,
            });
        }
        self.send_bind(dn, password).await
    }

    /// Becomes nobody again.
    pub(crate) async fn bind_anonymously(&mut self) -> Result<Outcome, Fault> {
        let password = &Secret::new(String::new());
        self.send_bind("", password).await
    }

    async fn send_bind(&mut self, dn: &str, password: &Secret<String>) -> Result<Outcome, Fault> {
        match self.0.ask(&Request::Bind { dn, password }).await? {
            Response::Bind(outcome) => Ok(outcome),
            _ => Err(self
                .0
                .malformed(Malformed("a bind is answered by something else"))),
        }
    }

    /// Searches, to the end.
    pub(crate) async fn search(&mut self, search: &Search<'_>) -> Result<Found, Fault> {
        let (mut entries, mut references) = (Vec::new(), 0);
        let id = self.0.send(&Request::Search(search)).await?;
        loop {
            match self.0.receive(id).await? {
                Response::Entry(entry) => entries.push(entry),
                Response::Reference => references += 1,
                Response::Done(outcome) => {
                    return Ok(Found {
                        entries,
                        references,
                        outcome,
                    });
                }
                _ => {
                    let fault = Malformed("a search is answered by something else");
                    return Err(self.0.malformed(fault));
                }
            }
            if entries.len() + references > MAX_ENTRIES {
                return Err(self.0.malformed(Malformed("a search has no end")));
            }
        }
    }

    /// Says good bye. Whether it is heard does not matter.
    pub(crate) async fn close(mut self) {
        let _ = self.0.send(&Request::Unbind).await;
        let _ = self.0.stream.shutdown().await;
    }
}

async fn connect(
    url: &LdapUrl,
    tls: Option<&TlsConnector>,
    patience: Duration,
) -> Result<Box<dyn Carrier>, Fault> {
    let server = url.to_string();
    let connected = TcpStream::connect((url.host(), url.port())).await;
    let stream = match connected.and_then(|stream| stream.set_nodelay(true).map(|()| stream)) {
        Ok(stream) => stream,
        Err(source) => return Err(Fault::Connect { server, source }),
    };
    let Some(tls) = tls else {
        return Ok(Box::new(stream));
    };
    let stream = match url.is_tls() {
        true => stream,
        false => start_tls(server.clone(), patience, stream).await?,
    };
    let shaken = match ServerName::try_from(url.host().to_owned()) {
        Ok(name) => tls.connect(name, stream).await,
        Err(error) => Err(io::Error::other(error)),
    };
    match shaken {
        Ok(stream) => Ok(Box::new(stream)),
        Err(source) => Err(Fault::Tls { server, source }),
    }
}

/// Asks for TLS on a plain connection. Exactly the answer is read, so that nothing that somebody
/// put behind it is taken for a part of what comes encrypted.
async fn start_tls(
    server: String,
    patience: Duration,
    stream: TcpStream,
) -> Result<TcpStream, Fault> {
    let mut wire = Wire::new(server, patience, stream);
    match wire.ask(&Request::StartTls).await? {
        Response::Extended(outcome) if outcome.code == Outcome::SUCCESS => Ok(wire.stream),
        Response::Extended(outcome) => Err(Fault::StartTls {
            server: wire.server,
            outcome: outcome.to_string(),
        }),
        _ => Err(wire.malformed(Malformed("StartTLS is answered by something else"))),
    }
}
