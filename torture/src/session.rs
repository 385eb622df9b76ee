//! One SFTP session that may end at any moment: each step says whether it was answered.

use std::net::SocketAddr;

use anyhow::{Result, anyhow};
use bytes::Bytes;
use sftp::{Attributes, Extended, OpenFlags, Reply, Request, Status, StatusCode, Write};
use testkit::client::{Client, Credential, Error, Sftp};

use crate::content::{Content, Hash, hash};

/// WRITEs and READs that wait for their answers.
const PIPELINE: usize = 32;

/// Why a step did not end well.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The connection ended before the answer came.
    Cut,
    /// The gateway answered what it should not.
    Wrong(anyhow::Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        match error {
            Error::Closed | Error::Ssh(_) | Error::Tcp(_) | Error::ChannelRefused => Self::Cut,
            // What russh makes of a connection that ends during the login.
            Error::Refused { .. } => Self::Cut,
            error => Self::Wrong(error.into()),
        }
    }
}

/// A connection with its channel.
pub(crate) struct Session {
    client: Client,
    sftp: Sftp,
}

impl Session {
    /// Logs in.
    pub(crate) async fn open(
        address: SocketAddr,
        user: &str,
        credential: &Credential,
    ) -> Result<Self, Stop> {
        let client = Client::connect(address, user, credential).await?;
        let sftp = client.sftp().await?;
        Ok(Self { client, sftp })
    }

    /// Cuts the connection as a broken network does.
    pub(crate) fn cut(&self) {
        self.client.valve().cut();
    }

    /// OPEN for writing; TRUNC where `anew`.
    pub(crate) async fn create(&mut self, path: &str, anew: bool) -> Result<Bytes, Stop> {
        let mut flags = OpenFlags::WRITE | OpenFlags::CREATE;
        if anew {
            flags = flags | OpenFlags::TRUNCATE;
        }
        let request = Request::Open {
            path: bytes(path),
            flags,
            attributes: Attributes::default(),
        };
        self.handle(&request).await
    }

    /// Writes `content` from `offset` up to `end`, pipelined, and waits for every answer.
    pub(crate) async fn write(
        &mut self,
        handle: &Bytes,
        content: &Content,
        mut offset: u64,
        end: u64,
    ) -> Result<(), Stop> {
        let mut waiting = 0;
        while offset < end || waiting > 0 {
            if offset < end && waiting < PIPELINE {
                let mut data = content.block(offset);
                data.truncate(usize::try_from(end - offset).unwrap_or(usize::MAX));
                let write = Write {
                    handle: handle.clone(),
                    offset,
                    data,
                };
                offset += write.data.len() as u64;
                let id = self.sftp.fresh_id();
                self.sftp.send_write(id, &write).await?;
                waiting += 1;
                continue;
            }
            match self.sftp.reply().await?.1 {
                Reply::Status(status) if status.code == StatusCode::Ok => waiting -= 1,
                reply => return Err(wrong("WRITE", &reply)),
            }
        }
        Ok(())
    }

    /// CLOSE.
    pub(crate) async fn close(&mut self, handle: &Bytes) -> Result<(), Stop> {
        let handle = handle.clone();
        self.ok(&Request::Close { handle }).await
    }

    /// RENAME, or `posix-rename@openssh.com` where `over`.
    pub(crate) async fn rename(&mut self, from: &str, to: &str, over: bool) -> Result<(), Stop> {
        let (from, to) = (bytes(from), bytes(to));
        self.ok(&match over {
            true => Request::Extended(Extended::PosixRename { from, to }),
            false => Request::Rename { from, to },
        })
        .await
    }

    /// REMOVE.
    pub(crate) async fn remove(&mut self, path: &str) -> Result<(), Stop> {
        self.ok(&Request::Remove { path: bytes(path) }).await
    }

    /// SETSTAT.
    pub(crate) async fn set(&mut self, path: &str, attributes: Attributes) -> Result<(), Stop> {
        let path = bytes(path);
        self.ok(&Request::Setstat { path, attributes }).await
    }

    /// STAT; none where there is nothing.
    pub(crate) async fn stat(&mut self, path: &str) -> Result<Option<Attributes>, Stop> {
        match self.sftp.call(&Request::Stat { path: bytes(path) }).await? {
            Reply::Attributes(attributes) => Ok(Some(attributes)),
            Reply::Status(Status {
                code: StatusCode::NoSuchFile,
                ..
            }) => Ok(None),
            reply => Err(wrong("STAT", &reply)),
        }
    }

    /// The long name of an entry; none where the directory or the entry is not there.
    pub(crate) async fn long_name(
        &mut self,
        folder: &str,
        name: &str,
    ) -> Result<Option<String>, Stop> {
        let path = bytes(folder);
        let handle = match self.sftp.call(&Request::Opendir { path }).await? {
            Reply::Handle(handle) => handle,
            Reply::Status(status) if status.code == StatusCode::NoSuchFile => return Ok(None),
            reply => return Err(wrong("OPENDIR", &reply)),
        };
        let mut found = None;
        loop {
            let handle = handle.clone();
            match self.sftp.call(&Request::Readdir { handle }).await? {
                Reply::Name(names) => {
                    let mut names = names.into_iter();
                    let entry = names.find(|entry| entry.name == name.as_bytes());
                    let long = |bytes: Bytes| String::from_utf8_lossy(&bytes).into_owned();
                    found = found.or(entry.map(|entry| long(entry.longname)));
                }
                Reply::Status(status) if status.code == StatusCode::Eof => break,
                reply => return Err(wrong("READDIR", &reply)),
            }
        }
        self.close(&handle).await.map(|()| found)
    }

    /// Whether OPEN for reading is refused.
    pub(crate) async fn refuses_to_read(&mut self, path: &str) -> Result<bool, Stop> {
        match self.sftp.call(&open_to_read(path)).await? {
            Reply::Handle(handle) => self.close(&handle).await.map(|()| false),
            Reply::Status(_) => Ok(true),
            reply => Err(wrong("OPEN", &reply)),
        }
    }

    /// Downloads a file of a known size; the hash of what came.
    pub(crate) async fn read(&mut self, path: &str, size: u64) -> Result<Hash, Stop> {
        let handle = self.handle(&open_to_read(path)).await?;
        let mut chunks = Vec::new();
        let mut offset = 0;
        while offset <= size {
            let request = Request::Read {
                handle: handle.clone(),
                offset,
                length: 128 << 10,
            };
            match self.sftp.call(&request).await? {
                Reply::Data(data) => {
                    offset += data.len() as u64;
                    chunks.push(data);
                }
                Reply::Status(status) if status.code == StatusCode::Eof => break,
                reply => return Err(wrong("READ", &reply)),
            }
        }
        self.close(&handle).await?;
        Ok(hash(&chunks))
    }

    async fn handle(&mut self, request: &Request) -> Result<Bytes, Stop> {
        match self.sftp.call(request).await? {
            Reply::Handle(handle) => Ok(handle),
            reply => Err(wrong("OPEN", &reply)),
        }
    }

    async fn ok(&mut self, request: &Request) -> Result<(), Stop> {
        match self.sftp.call(request).await? {
            Reply::Status(status) if status.code == StatusCode::Ok => Ok(()),
            reply => Err(Stop::Wrong(anyhow!("{request:?} was answered {reply:?}"))),
        }
    }
}

fn open_to_read(path: &str) -> Request {
    Request::Open {
        path: bytes(path),
        flags: OpenFlags::READ,
        attributes: Attributes::default(),
    }
}

fn wrong(what: &str, reply: &Reply) -> Stop {
    Stop::Wrong(anyhow!("{what} was answered {reply:?}"))
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
