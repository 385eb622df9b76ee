//! What EXTENDED requests are answered with, by extension.

use bytes::{BufMut, Bytes, BytesMut};

use crate::extension::{CHECK_FILE, MD5_HASH};
use crate::wire::{Reader, Stop, length, put_string};
use crate::{DecodeError, Flaw, limits};

/// The reply to `limits@openssh.com`. Lengths in bytes; 0 means "not stated".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest packet taken, without its length field.
    pub packet: u64,
    /// The most that one READ is answered with.
    pub read: u64,
    /// The most that one WRITE may carry.
    pub write: u64,
    /// How many handles may be open at once.
    pub handles: u64,
}

impl Limits {
    /// What [`Decoder`](crate::Decoder) takes, with a number of handles that is the server's own.
    pub fn of_this_decoder(handles: u64) -> Self {
        let data = limits::MAX_DATA as u64;
        Self {
            packet: limits::MAX_PACKET as u64,
            read: data,
            write: data,
            handles,
        }
    }

    /// The payload of the EXTENDED_REPLY.
    pub fn encode(&self) -> Bytes {
        encode_words(&[self.packet, self.read, self.write, self.handles])
    }

    /// # Errors
    /// The payload is too short.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let [packet, read, write, handles] = decode_words(payload)?;
        Ok(Self {
            packet,
            read,
            write,
            handles,
        })
    }
}

/// The reply to `statvfs@openssh.com`: what is free where files are kept, as `statvfs(3)` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSystem {
    /// Bytes in a block of the file system.
    pub block_size: u64,
    /// The unit of the block counts below, in bytes.
    pub fragment_size: u64,
    /// Blocks in all.
    pub blocks: u64,
    /// Free blocks.
    pub blocks_free: u64,
    /// Free blocks for this user.
    pub blocks_available: u64,
    /// Inodes in all.
    pub files: u64,
    /// Free inodes.
    pub files_free: u64,
    /// Free inodes for this user.
    pub files_available: u64,
    /// An opaque id.
    pub id: u64,
    /// 1 read-only, 2 no setuid.
    pub flags: u64,
    /// The longest name, in bytes.
    pub name_max: u64,
}

impl FileSystem {
    /// The payload of the EXTENDED_REPLY.
    pub fn encode(&self) -> Bytes {
        encode_words(&[
            self.block_size,
            self.fragment_size,
            self.blocks,
            self.blocks_free,
            self.blocks_available,
            self.files,
            self.files_free,
            self.files_available,
            self.id,
            self.flags,
            self.name_max,
        ])
    }

    /// # Errors
    /// The payload is too short.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let [
            block_size,
            fragment_size,
            blocks,
            blocks_free,
            blocks_available,
            files,
            files_free,
            files_available,
            id,
            flags,
            name_max,
        ] = decode_words(payload)?;
        Ok(Self {
            block_size,
            fragment_size,
            blocks,
            blocks_free,
            blocks_available,
            files,
            files_free,
            files_available,
            id,
            flags,
            name_max,
        })
    }
}

/// The reply to `users-groups-by-id@openssh.com`: a name per id asked for, empty where there is
/// none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserGroupNames {
    /// Names of users, in the order of their ids.
    pub users: Vec<Bytes>,
    /// Names of groups, in the order of their ids.
    pub groups: Vec<Bytes>,
}

impl UserGroupNames {
    /// The payload of the EXTENDED_REPLY.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        for names in [&self.users, &self.groups] {
            out.put_u32(length(names.iter().map(|name| name.len() + 4).sum()));
            for name in names {
                put_string(&mut out, name);
            }
        }
        out.freeze()
    }

    /// # Errors
    /// The payload does not hold two lists of names.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let mut names = || -> Result<Vec<Bytes>, Stop> {
            let mut list = Reader::new(reader.string("names")?);
            let mut names = Vec::new();
            while !list.is_empty() {
                names.push(list.bytes("name")?);
            }
            Ok(names)
        };
        let users = names().map_err(|stop| stop.fatal(None))?;
        let groups = names().map_err(|stop| stop.fatal(None))?;
        Ok(Self { users, groups })
    }
}

/// The reply to `check-file-*` and `md5-hash*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileHash {
    /// One hash per block, one after the other.
    CheckFile {
        /// The algorithm that was chosen.
        algorithm: Bytes,
        /// The hashes, joined.
        hashes: Bytes,
    },
    /// An MD5; empty where the quick check showed that the files differ.
    Md5 {
        /// The hash.
        hash: Bytes,
    },
}

impl FileHash {
    /// The payload of the EXTENDED_REPLY; it begins with the name of the extension, as
    /// draft-ietf-secsh-filexfer-09 section 9.1 has it and paramiko reads it.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        match self {
            Self::CheckFile { algorithm, hashes } => {
                put_string(&mut out, CHECK_FILE.as_bytes());
                put_string(&mut out, algorithm);
                out.put_slice(hashes);
            }
            Self::Md5 { hash } => {
                put_string(&mut out, MD5_HASH.as_bytes());
                put_string(&mut out, hash);
            }
        }
        out.freeze()
    }

    /// # Errors
    /// The payload is neither.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let mut next = |field| reader.bytes(field).map_err(|stop: Stop| stop.fatal(None));
        if next("extension name")? == MD5_HASH {
            return Ok(Self::Md5 {
                hash: next("hash")?,
            });
        }
        let algorithm = next("hash algorithm")?;
        Ok(Self::CheckFile {
            algorithm,
            hashes: Bytes::copy_from_slice(reader.rest()),
        })
    }
}

fn encode_words(words: &[u64]) -> Bytes {
    let mut out = BytesMut::with_capacity(words.len() * 8);
    for word in words {
        out.put_u64(*word);
    }
    out.freeze()
}

/// Further words are passed over: later versions of an extension append.
fn decode_words<const N: usize>(payload: &[u8]) -> Result<[u64; N], DecodeError> {
    let mut reader = Reader::new(payload);
    let mut words = [0; N];
    for word in &mut words {
        let truncated = DecodeError::new(Flaw::Truncated { field: "numbers" }, None);
        *word = reader.u64("number").map_err(|_| truncated)?;
    }
    Ok(words)
}
