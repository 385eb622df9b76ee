//! `Sftp`: the verbs of SFTP version 3, each with its answer.

use std::sync::Arc;

use bytes::Bytes;
use model::ErrorKind;
use russh::Channel;
use russh::client::Msg;
use sftp::{Attributes, Extended, Limits, OpenFlags, Reply, Request, StatusCode};

use crate::exchange::Exchange;
use crate::{Error, FileReader, FileWriter, Listing, Result, Settings};

/// Bytes that every server takes in one READ or WRITE.
const SAFE_PIECE: usize = 32 << 10;
/// The most that is asked for at once, whatever a server offers.
const LARGEST_PIECE: u64 = 255 << 10;

/// An SFTP session. Clones share it; calls of all of them may overlap. Paths are bytes, as the
/// server gave them.
#[derive(Clone)]
pub struct Sftp {
    exchange: Arc<Exchange>,
    settings: Settings,
    pieces: Pieces,
}

/// Bytes of one READ and one WRITE.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pieces {
    pub(crate) read: usize,
    pub(crate) write: usize,
}

/// What writing begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// An empty file, whatever stood there.
    Replace,
    /// A new file; fails where one stands.
    New,
}

impl Sftp {
    pub(crate) async fn start(
        channel: Channel<Msg>,
        settings: Settings,
        server: &str,
    ) -> Result<Self> {
        let (exchange, version) = Exchange::start(channel, settings.answer, server).await?;
        let mut sftp = Self {
            exchange: Arc::new(exchange),
            settings,
            pieces: Pieces {
                read: SAFE_PIECE,
                write: SAFE_PIECE,
            },
        };
        let offered = |extension: &sftp::Extension| extension.name == LIMITS;
        if version.extensions.iter().any(offered) {
            sftp.pieces = sftp.ask_limits(server).await?;
        }
        Ok(sftp)
    }

    async fn ask_limits(&self, server: &str) -> Result<Pieces> {
        let request = Request::Extended(Extended::Limits);
        let reply = self
            .exchange
            .call("ask limits of", server, &request)
            .await?;
        let stated = match reply {
            Reply::Extended(payload) => Limits::decode(&payload).ok(),
            _ => None,
        };
        let piece = |bytes: Option<u64>| match bytes {
            None | Some(0) => SAFE_PIECE,
            Some(bytes) => usize::try_from(bytes.min(LARGEST_PIECE)).unwrap_or(SAFE_PIECE),
        };
        Ok(Pieces {
            read: piece(stated.map(|limits| limits.read)),
            write: piece(stated.map(|limits| limits.write)),
        })
    }

    pub(crate) fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    pub(crate) fn window(&self) -> usize {
        self.settings.window
    }

    pub(crate) fn pieces(&self) -> Pieces {
        self.pieces
    }

    /// The absolute form of a path, as the server sees it; of `""` where a login begins.
    ///
    /// # Errors
    /// What the server says.
    pub async fn real_path(&self, path: &[u8]) -> Result<Bytes> {
        let operation = "resolve";
        let request = Request::Realpath {
            path: Bytes::copy_from_slice(if path.is_empty() { b"." } else { path }),
        };
        match self.call(operation, path, &request).await? {
            Reply::Name(names) if names.len() == 1 => Ok(names
                .into_iter()
                .next()
                .map(|name| name.name)
                .unwrap_or_default()),
            reply => Err(Error::unexpected(operation, &shown(path), &reply)),
        }
    }

    /// What stands at a path, links followed.
    ///
    /// # Errors
    /// `NotFound`, and what else the server says.
    pub async fn stat(&self, path: &[u8]) -> Result<Attributes> {
        let path_bytes = Bytes::copy_from_slice(path);
        let request = Request::Stat { path: path_bytes };
        attributes("stat", path, self.call("stat", path, &request).await?)
    }

    /// The same of a link itself.
    ///
    /// # Errors
    /// As [`Self::stat`].
    pub async fn lstat(&self, path: &[u8]) -> Result<Attributes> {
        let path_bytes = Bytes::copy_from_slice(path);
        let request = Request::Lstat { path: path_bytes };
        attributes("stat", path, self.call("stat", path, &request).await?)
    }

    /// Opens a directory, to be read page by page.
    ///
    /// # Errors
    /// `NotFound`, and what else the server says.
    pub async fn list(&self, path: &[u8]) -> Result<Listing> {
        let request = Request::Opendir {
            path: Bytes::copy_from_slice(path),
        };
        let handle = handle("list", path, self.call("list", path, &request).await?)?;
        Ok(Listing::new(self.clone(), handle, shown(path)))
    }

    /// Opens a file for reading from `offset`. `len`, where it is known, is how far is asked ahead.
    ///
    /// # Errors
    /// `NotFound`, and what else the server says.
    pub async fn read(&self, path: &[u8], offset: u64, len: Option<u64>) -> Result<FileReader> {
        let request = Request::Open {
            path: Bytes::copy_from_slice(path),
            flags: OpenFlags::READ,
            attributes: Attributes::default(),
        };
        let handle = handle("read", path, self.call("read", path, &request).await?)?;
        Ok(FileReader::new(
            self.clone(),
            handle,
            shown(path),
            offset,
            len,
        ))
    }

    /// Opens a file for writing.
    ///
    /// # Errors
    /// `Conflict` where it exists and must be new, and what else the server says.
    pub async fn write(&self, path: &[u8], mode: WriteMode) -> Result<FileWriter> {
        let how = match mode {
            WriteMode::Replace => OpenFlags::TRUNCATE,
            WriteMode::New => OpenFlags::EXCLUSIVE,
        };
        let request = Request::Open {
            path: Bytes::copy_from_slice(path),
            flags: OpenFlags::WRITE | OpenFlags::CREATE | how,
            attributes: Attributes::default(),
        };
        let handle = handle("write", path, self.call("write", path, &request).await?)?;
        Ok(FileWriter::new(self.clone(), handle, shown(path)))
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// What the server says; version 3 has no word for "it exists".
    pub async fn make_directory(&self, path: &[u8]) -> Result<()> {
        let request = Request::Mkdir {
            path: Bytes::copy_from_slice(path),
            attributes: Attributes::default(),
        };
        self.done("make directory", path, &request).await
    }

    /// Removes a file.
    ///
    /// # Errors
    /// What the server says.
    pub async fn remove(&self, path: &[u8]) -> Result<()> {
        let request = Request::Remove {
            path: Bytes::copy_from_slice(path),
        };
        self.done("remove", path, &request).await
    }

    /// Gives a file another name, where none stands.
    ///
    /// # Errors
    /// What the server says.
    pub async fn rename(&self, from: &[u8], to: &[u8]) -> Result<()> {
        let request = Request::Rename {
            from: Bytes::copy_from_slice(from),
            to: Bytes::copy_from_slice(to),
        };
        self.done("rename", from, &request).await
    }

    /// Changes attributes.
    ///
    /// # Errors
    /// What the server says.
    pub async fn set_attributes(&self, path: &[u8], attributes: Attributes) -> Result<()> {
        let request = Request::Setstat {
            path: Bytes::copy_from_slice(path),
            attributes,
        };
        self.done("set attributes of", path, &request).await
    }

    async fn done(&self, operation: &'static str, path: &[u8], request: &Request) -> Result<()> {
        done(
            operation,
            &shown(path),
            self.call(operation, path, request).await?,
        )
    }

    async fn call(&self, operation: &'static str, path: &[u8], request: &Request) -> Result<Reply> {
        self.exchange.call(operation, &shown(path), request).await
    }
}

const LIMITS: &[u8] = b"limits@openssh.com";

/// A path as people read it.
fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).escape_debug().to_string()
}

pub(crate) fn done(operation: &'static str, object: &str, reply: Reply) -> Result<()> {
    match reply {
        Reply::Status(status) if status.code == StatusCode::Ok => Ok(()),
        reply => Err(Error::unexpected(operation, object, &reply)),
    }
}

pub(crate) fn attributes(operation: &'static str, path: &[u8], reply: Reply) -> Result<Attributes> {
    match reply {
        Reply::Attributes(attributes) => Ok(attributes),
        reply => Err(Error::unexpected(operation, &shown(path), &reply)),
    }
}

fn handle(operation: &'static str, path: &[u8], reply: Reply) -> Result<Bytes> {
    match reply {
        Reply::Handle(handle) => Ok(handle),
        Reply::Status(status) if status.code == StatusCode::Ok => {
            let reason = "the server answered OK where a handle belongs";
            Err(Error::new(
                ErrorKind::Internal,
                operation,
                shown(path),
                reason,
            ))
        }
        reply => Err(Error::unexpected(operation, &shown(path), &reply)),
    }
}

impl std::fmt::Debug for Sftp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sftp")
            .field("pieces", &self.pieces)
            .finish_non_exhaustive()
    }
}
