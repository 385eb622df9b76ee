//! An SFTP server as a source.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use client::{
    Connection, Credential, Endpoint, FileReader, Fingerprint, HostKeyCheck, LogIn, Settings, Sftp,
};
use model::{ErrorKind, Timestamp};
use sftp::{Attributes, FileKind, Name};
use tokio::sync::{Mutex, mpsc};

use super::content::Content;
use super::item::{Found, Item, printed};
use super::source::{Source, below, tell};
use crate::{Error, Result};

const PERMISSIONS: u32 = 0o7777;

/// A directory of an SFTP server, reached through a few connections, each made anew where it is
/// lost.
#[derive(Debug)]
pub struct Remote {
    login: Login,
    root: Bytes,
    connections: Vec<Mutex<Option<Reached>>>,
    next: AtomicUsize,
}

#[derive(Debug)]
struct Login {
    endpoint: Endpoint,
    user: String,
    credential: Credential,
    check: HostKeyCheck,
}

#[derive(Debug)]
struct Reached {
    connection: Connection,
    sftp: Sftp,
}

impl Remote {
    /// Connects to the server that `endpoint` names and finds the directory there. Returns the
    /// fingerprint that the server showed as well; the connections to come take no other.
    ///
    /// # Errors
    /// `Denied` where the host key or the login is refused, `NotFound` where there is no such
    /// directory, `Unavailable` where the server cannot be reached.
    pub async fn connect(
        endpoint: Endpoint,
        user: String,
        credential: Credential,
        check: HostKeyCheck,
        connections: usize,
    ) -> Result<(Self, Fingerprint)> {
        let path = endpoint.path.clone();
        let mut login = Login {
            endpoint,
            user,
            credential,
            check,
        };
        let first = Box::pin(login.reach()).await?;
        let shown = first.connection.seen().host_key.map(|key| key.fingerprint);
        let Some(shown) = shown else {
            let reason = "it showed no host key";
            let object = login.endpoint.to_string();
            return Err(Error::new(
                ErrorKind::Internal,
                "connect to",
                object,
                reason,
            ));
        };
        login.check = HostKeyCheck::Known(vec![shown.clone()]);
        let root = first
            .sftp
            .real_path(path.as_bytes())
            .await
            .map_err(failed)?;
        let found = first.sftp.stat(&root).await.map_err(failed)?;
        if found.kind().is_some_and(|kind| kind != FileKind::Directory) {
            let object = login.endpoint.to_string();
            let reason = "it is no directory";
            return Err(Error::new(ErrorKind::Invalid, "read", object, reason));
        }
        let mut places = vec![Mutex::new(Some(first))];
        places.resize_with(connections.max(1), Mutex::default);
        let remote = Self {
            login,
            root,
            connections: places,
            next: AtomicUsize::new(0),
        };
        Ok((remote, shown))
    }

    /// One of the connections, in turn.
    async fn sftp(&self) -> Result<Sftp> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        let mut place = self.connections[turn].lock().await;
        if let Some(reached) = place.as_ref().filter(|it| !it.connection.is_closed()) {
            return Ok(reached.sftp.clone());
        }
        let reached = Box::pin(self.login.reach()).await?;
        let sftp = reached.sftp.clone();
        *place = Some(reached);
        Ok(sftp)
    }

    fn path(&self, name: &[u8]) -> Vec<u8> {
        match (&self.root[..], name) {
            (root, []) => root.to_vec(),
            (b"/", name) => [b"/", name].concat(),
            (root, name) => below(root, name),
        }
    }

    /// Tells the entries of a directory; returns the directories among them, none where nobody
    /// listens.
    async fn tell_entries(
        &self,
        directory: &[u8],
        found: &mpsc::Sender<Found>,
    ) -> Result<Option<Vec<Vec<u8>>>> {
        let sftp = self.sftp().await?;
        let mut listing = sftp.list(&self.path(directory)).await.map_err(failed)?;
        let mut directories = Vec::new();
        while let Some(page) = listing.next_page().await.map_err(failed)? {
            for entry in page {
                let what = self.look(directory, entry, &sftp).await;
                if let Found::Item(item) = &what
                    && item.is_directory
                {
                    directories.push(item.name.clone());
                }
                if !tell(found, what).await {
                    // Nobody waits for the answer to this either.
                    let _ = listing.close().await;
                    return Ok(None);
                }
            }
        }
        Ok(Some(directories))
    }

    async fn look(&self, directory: &[u8], entry: Name, sftp: &Sftp) -> Found {
        let name = below(directory, &entry.name);
        if entry.name.contains(&b'/') || entry.name.is_empty() {
            let why = "the server says a name that cannot be one".to_owned();
            return Found::Refused { name, why };
        }
        let attributes = match is_told(&entry.attributes) {
            true => entry.attributes,
            false => match sftp.lstat(&self.path(&name)).await {
                Ok(attributes) => attributes,
                Err(error) => {
                    let why = error.reason().to_owned();
                    return Found::Unreadable { name, why };
                }
            },
        };
        match (attributes.kind(), attributes.permissions) {
            (Some(kind), _) => Found::Item(item(name, kind, &attributes)),
            (None, permissions) => Found::Refused {
                name,
                why: other(permissions.unwrap_or(0)).to_owned(),
            },
        }
    }
}

impl Login {
    async fn reach(&self) -> Result<Reached> {
        let settings = Settings::default();
        let connected = Connection::connect(&self.endpoint, self.check.clone(), settings).await;
        let mut connection = connected.map_err(failed)?;
        let taken = connection.log_in(&self.user, &self.credential).await;
        if taken.map_err(failed)? == LogIn::Refused {
            let reason = format!("it lets {} not in with this credential", self.user);
            let server = self.endpoint.to_string();
            return Err(Error::new(ErrorKind::Denied, "log in to", server, reason));
        }
        let sftp = connection.sftp().await.map_err(failed)?;
        Ok(Reached { connection, sftp })
    }
}

#[async_trait]
impl Source for Remote {
    async fn walk(&self, found: mpsc::Sender<Found>) -> Result<()> {
        let mut waiting: Vec<Vec<u8>> = vec![Vec::new()];
        while let Some(directory) = waiting.pop() {
            match self.tell_entries(&directory, &found).await {
                Ok(Some(directories)) => waiting.extend(directories),
                Ok(None) => return Ok(()),
                Err(error) if directory.is_empty() => return Err(error),
                Err(error) => {
                    let (name, why) = (directory, error.to_string());
                    if !tell(&found, Found::Unreadable { name, why }).await {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    async fn open(&self, item: &Item) -> Result<Box<dyn Content>> {
        let sftp = self.sftp().await?;
        let opened = sftp.read(&self.path(&item.name), 0, Some(item.size)).await;
        Ok(Box::new(OpenFile {
            reader: opened.map_err(failed)?,
            found: item.clone(),
        }))
    }
}

struct OpenFile {
    reader: FileReader,
    found: Item,
}

#[async_trait]
impl Content for OpenFile {
    async fn next(&mut self) -> Result<Option<Vec<Bytes>>> {
        self.reader.next().await.map_err(failed)
    }

    async fn is_unchanged(&mut self) -> Result<bool> {
        let attributes = self.reader.attributes().await.map_err(failed)?;
        let now = item(self.found.name.clone(), FileKind::File, &attributes);
        Ok(now.is_as(&self.found))
    }

    async fn close(self: Box<Self>) {
        if let Err(error) = self.reader.close().await {
            let name = printed(&self.found.name);
            tracing::debug!(%error, name, "a file of the source was not closed in words");
        }
    }
}

/// Whether a listing says what an entry is.
fn is_told(attributes: &Attributes) -> bool {
    let is_link = attributes
        .permissions
        .is_some_and(|mode| mode & 0o170_000 != 0);
    is_link && attributes.size.is_some() && attributes.times.is_some()
}

fn item(name: Vec<u8>, kind: FileKind, attributes: &Attributes) -> Item {
    let is_directory = kind == FileKind::Directory;
    let modified = attributes.times.map_or(0, |times| times.modified);
    Item {
        name,
        is_directory,
        size: if is_directory {
            0
        } else {
            attributes.size.unwrap_or(0)
        },
        mtime: Timestamp::from_seconds(i64::from(modified)),
        mode: attributes.permissions.map(|mode| mode & PERMISSIONS),
        version: None,
    }
}

fn other(permissions: u32) -> &'static str {
    match permissions & 0o170_000 {
        0o120_000 => {
            "it is a symbolic link: there are none here; move what it points to, or leave it"
        }
        0o140_000 => "it is a socket",
        0o010_000 => "it is a named pipe",
        _ => "it is neither a file nor a directory",
    }
}

fn failed(error: client::Error) -> Error {
    let reason = error.to_string();
    Error::new(error.kind(), "read from", "the source", reason).caused_by(error)
}
