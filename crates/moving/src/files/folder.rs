//! A folder of this machine as a source.

use std::ffi::OsStr;
use std::fs::{DirEntry, FileType, Metadata};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use model::{ErrorKind, Timestamp};
use rustix::fs::OFlags;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;

use super::content::Content;
use super::item::{Found, Item, printed};
use super::source::{Source, below};
use crate::{Error, Result};

/// Bytes that are read at once.
const PIECE: usize = 256 << 10;
const PERMISSIONS: u32 = 0o7777;

/// A folder. Links are not followed, below it.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder at `root`.
    ///
    /// # Errors
    /// Where there is none.
    pub fn open(root: &Path) -> Result<Self> {
        let failed = |error: io::Error| unreadable("open folder", root.display(), error);
        let root = root.canonicalize().map_err(failed)?;
        std::fs::read_dir(&root).map_err(failed)?;
        Ok(Self { root })
    }

    /// Where it really is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn path(&self, name: &[u8]) -> PathBuf {
        self.root.join(OsStr::from_bytes(name))
    }
}

#[async_trait]
impl Source for Folder {
    async fn walk(&self, found: mpsc::Sender<Found>) -> Result<()> {
        let folder = self.clone();
        let walked = tokio::task::spawn_blocking(move || walk(&folder, &found)).await;
        walked.unwrap_or_else(|error| {
            let reason = "the walk broke off";
            let object = self.root.display().to_string();
            Err(Error::new(ErrorKind::Internal, "list", object, reason).caused_by(error))
        })
    }

    async fn open(&self, item: &Item) -> Result<Box<dyn Content>> {
        let failed = |error| unreadable("read", printed(&item.name), error);
        // What has become a link or a pipe since it was found is not followed and not waited for.
        let how = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mut options = tokio::fs::OpenOptions::new();
        options.read(true).custom_flags(how.bits().cast_signed());
        let file = options.open(self.path(&item.name)).await.map_err(failed)?;
        Ok(Box::new(OpenFile {
            file,
            found: item.clone(),
            buffer: BytesMut::new(),
        }))
    }
}

struct OpenFile {
    file: File,
    found: Item,
    buffer: BytesMut,
}

#[async_trait]
impl Content for OpenFile {
    async fn next(&mut self) -> Result<Option<Vec<Bytes>>> {
        self.buffer.reserve(PIECE);
        let mut limited = (&mut self.file).take(PIECE as u64);
        let read = limited.read_buf(&mut self.buffer).await;
        let read = read.map_err(|error| unreadable("read", printed(&self.found.name), error))?;
        Ok((read > 0).then(|| vec![self.buffer.split().freeze()]))
    }

    async fn is_unchanged(&mut self) -> Result<bool> {
        let metadata = self.file.metadata().await;
        let failed = |error| unreadable("read", printed(&self.found.name), error);
        let metadata = metadata.map_err(failed)?;
        let now = item(self.found.name.clone(), &metadata);
        Ok(metadata.is_file() && now.is_as(&self.found))
    }
}

/// Walks with a stack of directories, whose entries are told as they are read.
fn walk(folder: &Folder, found: &mpsc::Sender<Found>) -> Result<()> {
    let mut waiting: Vec<Vec<u8>> = vec![Vec::new()];
    while let Some(directory) = waiting.pop() {
        let entries = match std::fs::read_dir(folder.path(&directory)) {
            Ok(entries) => entries,
            Err(error) => {
                let why = error.to_string();
                let name = directory;
                if !send(found, Found::Unreadable { name, why }) {
                    return Ok(());
                }
                continue;
            }
        };
        for entry in entries {
            let what = match entry {
                Ok(entry) => look(&directory, &entry),
                Err(error) => Found::Unreadable {
                    name: directory.clone(),
                    why: error.to_string(),
                },
            };
            if let Found::Item(item) = &what
                && item.is_directory
            {
                waiting.push(item.name.clone());
            }
            if !send(found, what) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Whether anybody listens.
fn send(found: &mpsc::Sender<Found>, what: Found) -> bool {
    found.blocking_send(what).is_ok()
}

fn look(directory: &[u8], entry: &DirEntry) -> Found {
    let name = below(directory, &entry.file_name().into_vec());
    let looked = entry.metadata();
    match looked {
        Ok(metadata) if metadata.is_file() || metadata.is_dir() => {
            Found::Item(item(name, &metadata))
        }
        Ok(metadata) => {
            let why = other(metadata.file_type()).to_owned();
            Found::Refused { name, why }
        }
        Err(error) => {
            let why = error.to_string();
            Found::Unreadable { name, why }
        }
    }
}

fn item(name: Vec<u8>, metadata: &Metadata) -> Item {
    let is_directory = metadata.is_dir();
    let nanos = i64::from(u32::try_from(metadata.mtime_nsec()).unwrap_or(0));
    let micros = metadata
        .mtime()
        .saturating_mul(1_000_000)
        .saturating_add(nanos / 1000);
    Item {
        name,
        is_directory,
        size: if is_directory { 0 } else { metadata.len() },
        mtime: Timestamp::from_micros(micros),
        mode: Some(metadata.mode() & PERMISSIONS),
        version: None,
    }
}

fn other(kind: FileType) -> &'static str {
    if kind.is_symlink() {
        "it is a symbolic link: there are none here; move what it points to, or leave it"
    } else if kind.is_socket() {
        "it is a socket"
    } else if kind.is_fifo() {
        "it is a named pipe"
    } else {
        "it is a device"
    }
}

fn unreadable(operation: &'static str, object: impl ToString, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied => ErrorKind::Denied,
        _ => ErrorKind::Unavailable,
    };
    let reason = error.to_string();
    Error::new(kind, operation, object.to_string(), reason).caused_by(error)
}
