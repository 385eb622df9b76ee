//! `FileReader`: a file from one offset on, with requests that run ahead within a window.

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use sftp::{Attributes, Reply, Request, StatusCode};

use crate::sftp_session::{attributes, done};
use crate::{Error, Result, Sftp};

/// A file that is read in order. Close it with [`Self::close`].
pub struct FileReader {
    sftp: Sftp,
    handle: Bytes,
    path: String,
    /// Where the next request begins.
    next: u64,
    /// How far is asked ahead; behind that, one request at a time looks whether there is more.
    known: u64,
    ahead: FuturesOrdered<BoxFuture<'static, Result<Piece>>>,
    ended: bool,
}

/// What one stretch of the file came to.
struct Piece {
    bytes: Vec<Bytes>,
    /// The file ends in it.
    last: bool,
}

impl FileReader {
    pub(crate) fn new(
        sftp: Sftp,
        handle: Bytes,
        path: String,
        offset: u64,
        len: Option<u64>,
    ) -> Self {
        Self {
            sftp,
            handle,
            path,
            next: offset,
            known: len.unwrap_or(u64::MAX),
            ahead: FuturesOrdered::new(),
            ended: false,
        }
    }

    /// The next bytes, in pieces as they came; none at the end of the file.
    ///
    /// # Errors
    /// What the server says; the rest cannot be read then.
    pub async fn next(&mut self) -> Result<Option<Vec<Bytes>>> {
        loop {
            self.fill();
            let Some(piece) = self.ahead.next().await else {
                return Ok(None);
            };
            let piece = piece.inspect_err(|_| self.ended = true)?;
            if piece.last {
                // What was asked for behind the end is dropped unseen.
                self.ended = true;
                self.ahead.clear();
            }
            if !piece.bytes.is_empty() {
                return Ok(Some(piece.bytes));
            }
        }
    }

    /// Asks for what fits the window.
    fn fill(&mut self) {
        let piece = self.sftp.pieces().read;
        let window = (self.sftp.window() / piece).max(1);
        while !self.ended && self.ahead.len() < window {
            let is_known = self.next < self.known;
            if !is_known && !self.ahead.is_empty() {
                return;
            }
            let len = match is_known {
                true => (self.known - self.next).min(piece as u64) as usize,
                false => piece,
            };
            let stretch = Stretch {
                sftp: self.sftp.clone(),
                handle: self.handle.clone(),
                path: self.path.clone(),
                start: self.next,
                len,
            };
            self.next += len as u64;
            self.ahead.push_back(Box::pin(stretch.read()));
        }
    }

    /// What the file is like now.
    ///
    /// # Errors
    /// What the server says.
    pub async fn attributes(&mut self) -> Result<Attributes> {
        let handle = self.handle.clone();
        let request = Request::Fstat { handle };
        let reply = self
            .sftp
            .exchange()
            .call("stat", &self.path, &request)
            .await?;
        attributes("stat", self.path.as_bytes(), reply)
    }

    /// Gives the file back.
    ///
    /// # Errors
    /// What the server says.
    pub async fn close(self) -> Result<()> {
        let handle = self.handle;
        let request = Request::Close { handle };
        let reply = self
            .sftp
            .exchange()
            .call("close", &self.path, &request)
            .await?;
        done("close", &self.path, reply)
    }
}

struct Stretch {
    sftp: Sftp,
    handle: Bytes,
    path: String,
    start: u64,
    len: usize,
}

impl Stretch {
    /// Servers may answer with less than was asked for, so the rest is asked for again.
    async fn read(self) -> Result<Piece> {
        let (mut bytes, mut read) = (Vec::new(), 0);
        while read < self.len {
            let request = Request::Read {
                handle: self.handle.clone(),
                offset: self.start + read as u64,
                length: u32::try_from(self.len - read).unwrap_or(u32::MAX),
            };
            let reply = self
                .sftp
                .exchange()
                .call("read", &self.path, &request)
                .await?;
            match reply {
                Reply::Data(data) if !data.is_empty() && data.len() <= self.len - read => {
                    read += data.len();
                    bytes.push(data);
                }
                Reply::Status(status) if status.code == StatusCode::Eof => {
                    return Ok(Piece { bytes, last: true });
                }
                reply => return Err(Error::unexpected("read", &self.path, &reply)),
            }
        }
        Ok(Piece { bytes, last: false })
    }
}

impl std::fmt::Debug for FileReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileReader")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
