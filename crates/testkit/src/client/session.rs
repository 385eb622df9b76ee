//! A session that may end at any moment: each step says whether it was answered, and how.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use bytes::Bytes;
use sftp::{Attributes, Extended, Name, OpenFlags, Reply, Request, Status, StatusCode, Write};

use super::{Client, Credential, Error, Sftp};

/// WRITEs that wait for their answers.
const PIPELINE: usize = 32;

/// Why a step did not end well.
#[derive(Debug)]
pub enum Stop {
    /// The connection ended before the answer came: nobody knows.
    Cut,
    /// The answer was no.
    Refused(Status),
    /// The gateway did what it never should.
    Wrong(String),
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cut => write!(f, "the connection ended"),
            Self::Refused(status) => write!(f, "refused: {status:?}"),
            Self::Wrong(what) => write!(f, "{what}"),
        }
    }
}

impl std::error::Error for Stop {}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        match error {
            Error::Closed | Error::Ssh(_) | Error::Tcp(_) | Error::ChannelRefused => Self::Cut,
            // What russh makes of a connection that ends during the login.
            Error::Refused { .. } => Self::Cut,
            error => Self::Wrong(error.to_string()),
        }
    }
}

/// A connection with its channel.
pub struct Session {
    client: Client,
    sftp: Sftp,
}

/// # Errors
/// Every call: [`Stop`].
impl Session {
    /// Logs in.
    pub async fn open(
        address: SocketAddr,
        user: &str,
        credential: &Credential,
    ) -> Result<Self, Stop> {
        let client = Client::connect(address, user, credential).await?;
        let sftp = client.sftp().await?;
        Ok(Self { client, sftp })
    }

    /// Cuts the connection as a broken network does.
    pub fn cut(&self) {
        self.client.valve().cut();
    }

    /// The channel, for what has no method here.
    pub fn sftp(&mut self) -> &mut Sftp {
        &mut self.sftp
    }

    /// OPEN.
    pub async fn open_file(&mut self, path: &str, flags: OpenFlags) -> Result<Bytes, Stop> {
        let request = Request::Open {
            path: text(path),
            flags,
            attributes: Attributes::default(),
        };
        match self.sftp.call(&request).await? {
            Reply::Handle(handle) => Ok(handle),
            reply => Err(not("a handle", reply)),
        }
    }

    /// OPEN for writing; with TRUNC where `anew`.
    pub async fn create(&mut self, path: &str, anew: bool) -> Result<Bytes, Stop> {
        let flags = OpenFlags::WRITE | OpenFlags::CREATE;
        match anew {
            true => self.open_file(path, flags | OpenFlags::TRUNCATE).await,
            false => self.open_file(path, flags).await,
        }
    }

    /// Writes from `offset` up to `end`, pipelined, what `block` has from an offset on (never
    /// nothing), and waits for every answer.
    pub async fn write(
        &mut self,
        handle: &Bytes,
        mut offset: u64,
        end: u64,
        block: impl Fn(u64) -> Bytes,
    ) -> Result<(), Stop> {
        let (mut waiting, mut refusal) = (0, None);
        while (offset < end && refusal.is_none()) || waiting > 0 {
            if offset < end && waiting < PIPELINE && refusal.is_none() {
                let mut data = block(offset);
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
            waiting -= 1;
            match self.sftp.reply().await?.1 {
                Reply::Status(status) if status.code == StatusCode::Ok => {}
                reply => refusal = Some(not("OK", reply)),
            }
        }
        refusal.map_or(Ok(()), Err)
    }

    /// CLOSE.
    pub async fn close(&mut self, handle: &Bytes) -> Result<(), Stop> {
        let handle = handle.clone();
        self.ok(&Request::Close { handle }).await
    }

    /// Uploads a whole file.
    pub async fn put(&mut self, path: &str, content: &Bytes) -> Result<(), Stop> {
        let handle = self.create(path, true).await?;
        let block = |offset| {
            let begin = usize::try_from(offset).unwrap_or(usize::MAX);
            content.slice(begin..content.len().min(begin + (32 << 10)))
        };
        let written = self.write(&handle, 0, content.len() as u64, block).await;
        match written {
            Ok(()) => self.close(&handle).await,
            Err(Stop::Refused(status)) => {
                // Whatever CLOSE says now.
                match self.close(&handle).await {
                    Ok(()) => Err(Stop::Wrong(format!(
                        "CLOSE took what WRITE refused: {status:?}"
                    ))),
                    Err(Stop::Refused(_)) => Err(Stop::Refused(status)),
                    Err(stop) => Err(stop),
                }
            }
            Err(stop) => Err(stop),
        }
    }

    /// RENAME, or `posix-rename@openssh.com` where `over`.
    pub async fn rename(&mut self, from: &str, to: &str, over: bool) -> Result<(), Stop> {
        let (from, to) = (text(from), text(to));
        self.ok(&match over {
            true => Request::Extended(Extended::PosixRename { from, to }),
            false => Request::Rename { from, to },
        })
        .await
    }

    /// REMOVE.
    pub async fn remove(&mut self, path: &str) -> Result<(), Stop> {
        self.ok(&Request::Remove { path: text(path) }).await
    }

    /// MKDIR.
    pub async fn mkdir(&mut self, path: &str) -> Result<(), Stop> {
        self.ok(&Request::Mkdir {
            path: text(path),
            attributes: Attributes::default(),
        })
        .await
    }

    /// SETSTAT.
    pub async fn set(&mut self, path: &str, attributes: Attributes) -> Result<(), Stop> {
        let path = text(path);
        self.ok(&Request::Setstat { path, attributes }).await
    }

    /// STAT; none where there is nothing.
    pub async fn stat(&mut self, path: &str) -> Result<Option<Attributes>, Stop> {
        match self.sftp.call(&Request::Stat { path: text(path) }).await? {
            Reply::Attributes(attributes) => Ok(Some(attributes)),
            Reply::Status(status) if status.code == StatusCode::NoSuchFile => Ok(None),
            reply => Err(not("attributes", reply)),
        }
    }

    /// The long name of an entry; none where the directory or the entry is not there.
    pub async fn long_name(&mut self, folder: &str, name: &str) -> Result<Option<String>, Stop> {
        let entries = match self.list(folder).await {
            Err(Stop::Refused(status)) if status.code == StatusCode::NoSuchFile => return Ok(None),
            entries => entries?,
        };
        let entry = entries
            .into_iter()
            .find(|entry| entry.name == name.as_bytes());
        Ok(entry.map(|entry| String::from_utf8_lossy(&entry.longname).into_owned()))
    }

    /// The names in a directory, without `.` and `..`.
    pub async fn names(&mut self, folder: &str) -> Result<BTreeSet<String>, Stop> {
        let entries = self.list(folder).await?;
        let names = entries
            .iter()
            .map(|entry| String::from_utf8_lossy(&entry.name).into_owned());
        Ok(names.filter(|name| name != "." && name != "..").collect())
    }

    /// Every entry of a directory.
    pub async fn list(&mut self, folder: &str) -> Result<Vec<Name>, Stop> {
        let request = Request::Opendir { path: text(folder) };
        let handle = match self.sftp.call(&request).await? {
            Reply::Handle(handle) => handle,
            reply => return Err(not("a handle", reply)),
        };
        let mut entries = Vec::new();
        loop {
            let handle = handle.clone();
            match self.sftp.call(&Request::Readdir { handle }).await? {
                Reply::Name(names) => entries.extend(names),
                Reply::Status(status) if status.code == StatusCode::Eof => break,
                reply => return Err(not("names", reply)),
            }
        }
        self.close(&handle).await.map(|()| entries)
    }

    /// Downloads a file, one READ after the other.
    pub async fn get(&mut self, path: &str) -> Result<Vec<Bytes>, Stop> {
        let handle = self.open_file(path, OpenFlags::READ).await?;
        let (mut chunks, mut offset) = (Vec::new(), 0);
        loop {
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
                reply => return Err(not("data", reply)),
            }
        }
        self.close(&handle).await.map(|()| chunks)
    }

    /// A call that is answered OK.
    pub async fn ok(&mut self, request: &Request) -> Result<(), Stop> {
        match self.sftp.call(request).await? {
            Reply::Status(status) if status.code == StatusCode::Ok => Ok(()),
            reply => Err(not("OK", reply)),
        }
    }
}

fn not(wanted: &str, reply: Reply) -> Stop {
    match reply {
        Reply::Status(status) if status.code != StatusCode::Ok => Stop::Refused(status),
        reply => Stop::Wrong(format!("{reply:?} instead of {wanted}")),
    }
}

fn text(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
