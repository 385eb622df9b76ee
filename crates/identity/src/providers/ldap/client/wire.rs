//! Requests out, responses in, over any stream; every message is bounded.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::ber;
use super::fault::{Fault, Malformed};
use super::message::{self, Request, Response};

/// The longest message that is taken from a directory, in bytes: an entry with 5,000 groups, or
/// with 1,000 keys.
const MAX_MESSAGE: usize = 1 << 20;

/// A stream of messages to a server and back.
pub(super) struct Wire<S> {
    pub(super) stream: S,
    pub(super) server: String,
    /// How long each request may take to be sent, and each response to come.
    patience: Duration,
    last_id: i32,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Over `stream` to a server of this name, which may take this long for each answer.
    pub(super) fn new(server: String, patience: Duration, stream: S) -> Self {
        Self {
            stream,
            server,
            patience,
            last_id: 0,
        }
    }

    /// Sends a request and returns the one response to it.
    pub(super) async fn ask(&mut self, request: &Request<'_>) -> Result<Response, Fault> {
        let id = self.send(request).await?;
        self.receive(id).await
    }

    /// Sends a request; the id of its responses.
    pub(super) async fn send(&mut self, request: &Request<'_>) -> Result<i32, Fault> {
        self.last_id += 1;
        // It may hold a password.
        let bytes = zeroize::Zeroizing::new(message::encode(self.last_id, request));
        let stream = &mut self.stream;
        let writing = async {
            stream.write_all(&bytes).await?;
            stream.flush().await
        };
        let written = timeout(self.patience, writing).await;
        written
            .map_err(|_| self.stalled())?
            .map_err(|source| self.broken(source))?;
        Ok(self.last_id)
    }

    /// The next response, which must be to this request.
    pub(super) async fn receive(&mut self, id: i32) -> Result<Response, Fault> {
        let content = timeout(self.patience, self.content()).await;
        let content = content.map_err(|_| self.stalled())??;
        match message::decode(&content).map_err(|fault| self.malformed(fault))? {
            (_, Response::Disconnection(outcome)) => Err(Fault::HungUp {
                server: self.server.clone(),
                outcome: outcome.to_string(),
            }),
            (answered, response) if answered == id => Ok(response),
            _ => Err(self.malformed(Malformed("an answer is to nothing that was asked"))),
        }
    }

    /// What stands behind the tag and the length of the next message.
    async fn content(&mut self) -> Result<Vec<u8>, Fault> {
        let header = self.header().await.map_err(|source| self.broken(source))?;
        let length = content_length(&header).map_err(|fault| self.malformed(fault))?;
        let mut content = vec![0; length];
        let read = self.stream.read_exact(&mut content).await;
        read.map_err(|source| self.broken(source))?;
        Ok(content)
    }

    /// The tag and the length in front of a message, and not a byte more.
    async fn header(&mut self) -> io::Result<Vec<u8>> {
        let mut header = vec![0; 2];
        self.stream.read_exact(&mut header).await?;
        let first = header.last().copied().unwrap_or_default();
        // Lengths of more bytes than four are refused when it is read.
        if first > 0x80 && first <= 0x84 {
            let mut digits = vec![0; usize::from(first & 0x7f)];
            self.stream.read_exact(&mut digits).await?;
            header.append(&mut digits);
        }
        Ok(header)
    }

    fn stalled(&self) -> Fault {
        Fault::Stalled {
            server: self.server.clone(),
            patience: self.patience,
        }
    }

    fn broken(&self, source: io::Error) -> Fault {
        Fault::Broken {
            server: self.server.clone(),
            source,
        }
    }

    /// This server does not speak LDAP as it is.
    pub(super) fn malformed(&self, source: Malformed) -> Fault {
        Fault::Malformed {
            server: self.server.clone(),
            source,
        }
    }
}

fn content_length(header: &[u8]) -> Result<usize, Malformed> {
    match header.split_first() {
        Some((&ber::SEQUENCE, rest)) => match ber::length(rest)? {
            (length, _) if length <= MAX_MESSAGE => Ok(length),
            _ => Err(Malformed("a message is longer than 1 MiB")),
        },
        _ => Err(Malformed("a message does not begin as one")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::ldap::client::message::Outcome;

    async fn answered(bytes: &[u8]) -> Result<Response, Fault> {
        let (near, mut far) = tokio::io::duplex(4096);
        far.write_all(bytes).await.unwrap();
        far.shutdown().await.unwrap();
        let patience = Duration::from_secs(60);
        let mut wire = Wire::new("ldap://test:389".to_owned(), patience, near);
        wire.ask(&Request::StartTls).await
    }

    #[tokio::test]
    async fn an_answer_to_something_else_is_refused() {
        let right = answered(b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00").await;
        let Response::Extended(outcome) = right.unwrap() else {
            panic!("not an extended response")
        };
        assert_eq!(outcome, Outcome::default());
        let wrong = answered(b"\x30\x0c\x02\x01\x02\x78\x07\x0a\x01\x00\x04\x00\x04\x00").await;
        let said = wrong.unwrap_err().to_string();
        assert!(said.contains("ldap://test:389"), "{said}");
    }

    #[tokio::test]
    async fn what_is_cut_off_too_long_or_garbage_is_refused_at_once() {
        for wrong in [
            &b""[..],
            b"\x30\x0c\x02\x01",
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            b"\x30\x84\x7f\xff\xff\xff",
            b"\x30\x89\x01\x01\x01\x01\x01\x01\x01\x01\x01",
            b"\x30\x80\x02\x01\x01",
            b"\x30\x02\x02\x00",
        ] {
            assert!(answered(wrong).await.is_err(), "{wrong:02x?}");
        }
    }

    #[tokio::test]
    async fn a_directory_that_says_nothing_is_given_up() {
        let (near, _far) = tokio::io::duplex(4096);
        let patience = Duration::from_millis(20);
        let mut wire = Wire::new("ldap://test:389".to_owned(), patience, near);
        let fault = wire.ask(&Request::StartTls).await.unwrap_err();
        assert!(fault.tries_next());
        assert_eq!(
            fault.to_string(),
            "talk to ldap://test:389: no answer in 20ms"
        );
    }

    #[tokio::test]
    async fn a_directory_that_hangs_up_says_why() {
        let notice = b"\x30\x0e\x02\x01\x00\x78\x09\x0a\x01\x34\x04\x00\x04\x02no";
        let error = answered(notice).await.unwrap_err();
        let said = error.to_string();
        assert!(
            said.ends_with("it hung up: unavailable (52), \"no\""),
            "{said}"
        );
        assert!(error.tries_next());
    }
}
