//! EXTENDED requests: what vendors added to version 3, by name.

use bytes::{BufMut, Bytes, BytesMut};

use crate::wire::{Reader, Stop, length, put_string};
use crate::{Attributes, Refusal, extension, limits};

/// A request by a vendor's name. The `@openssh.com` ones are told in OpenSSH's `PROTOCOL` file,
/// the others in draft-ietf-secsh-filexfer-extensions-00 and draft-ietf-secsh-filexfer-09.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields say what they are; the variants say what for"
)]
pub enum Extended {
    /// `limits@openssh.com`: answered by [`Limits`](crate::Limits), and by nothing else: a STATUS
    /// ends the session of OpenSSH and WinSCP.
    Limits,
    /// `posix-rename@openssh.com`: rename that replaces `to`.
    PosixRename { from: Bytes, to: Bytes },
    /// `fsync@openssh.com`: store what was written so far.
    Fsync { handle: Bytes },
    /// `statvfs@openssh.com`: answered by [`FileSystem`](crate::FileSystem).
    Statvfs { path: Bytes },
    /// `fstatvfs@openssh.com`: the same for an open file.
    Fstatvfs { handle: Bytes },
    /// `hardlink@openssh.com`.
    Hardlink { from: Bytes, to: Bytes },
    /// `lsetstat@openssh.com`: SETSTAT that follows no link.
    Lsetstat { path: Bytes, attributes: Attributes },
    /// `copy-data`: from one open file to another. A `length` of 0 means up to its end.
    CopyData {
        from: Bytes,
        from_offset: u64,
        length: u64,
        to: Bytes,
        to_offset: u64,
    },
    /// `expand-path@openssh.com`: REALPATH that knows `~` and `~user`.
    ExpandPath { path: Bytes },
    /// `users-groups-by-id@openssh.com`: answered by
    /// [`UserGroupNames`](crate::UserGroupNames), as many as were asked for.
    UsersGroupsById { users: Vec<u32>, groups: Vec<u32> },
    /// `check-file-name`: answered by [`FileHash`](crate::FileHash).
    CheckFileName { path: Bytes, check: CheckFile },
    /// `check-file-handle`, and `check-file` as paramiko calls it.
    CheckFileHandle { handle: Bytes, check: CheckFile },
    /// `md5-hash`: answered by [`FileHash`](crate::FileHash).
    Md5HashName { path: Bytes, hash: Md5Hash },
    /// `md5-hash-handle`.
    Md5HashHandle { handle: Bytes, hash: Md5Hash },
    /// Any other name, to be answered by OP_UNSUPPORTED.
    Unknown { name: Bytes, payload: Bytes },
}

/// The range and the algorithms of `check-file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckFile {
    /// Names such as `sha256,md5`, the client's favourite first.
    pub algorithms: Bytes,
    /// Where the range begins.
    pub offset: u64,
    /// Bytes; 0 means up to the end of the file.
    pub length: u64,
    /// Bytes per hash; 0 means one hash for all. Else 256 at least.
    pub block_size: u32,
}

/// The range of `md5-hash`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Md5Hash {
    /// Where the range begins.
    pub offset: u64,
    /// Bytes; 0 means up to the end of the file.
    pub length: u64,
    /// The hash of the first 2 KiB as the client has them; a server may stop if it differs.
    pub quick_check: Bytes,
}

impl Extended {
    /// The name it goes by on the wire.
    pub fn name(&self) -> &[u8] {
        match self {
            Self::Limits => extension::LIMITS.as_bytes(),
            Self::PosixRename { .. } => extension::POSIX_RENAME.as_bytes(),
            Self::Fsync { .. } => extension::FSYNC.as_bytes(),
            Self::Statvfs { .. } => extension::STATVFS.as_bytes(),
            Self::Fstatvfs { .. } => extension::FSTATVFS.as_bytes(),
            Self::Hardlink { .. } => extension::HARDLINK.as_bytes(),
            Self::Lsetstat { .. } => extension::LSETSTAT.as_bytes(),
            Self::CopyData { .. } => extension::COPY_DATA.as_bytes(),
            Self::ExpandPath { .. } => extension::EXPAND_PATH.as_bytes(),
            Self::UsersGroupsById { .. } => extension::USERS_GROUPS_BY_ID.as_bytes(),
            Self::CheckFileName { .. } => extension::CHECK_FILE_NAME.as_bytes(),
            Self::CheckFileHandle { .. } => extension::CHECK_FILE_HANDLE.as_bytes(),
            Self::Md5HashName { .. } => extension::MD5_HASH.as_bytes(),
            Self::Md5HashHandle { .. } => extension::MD5_HASH_HANDLE.as_bytes(),
            Self::Unknown { name, .. } => name,
        }
    }

    pub(crate) fn put(&self, out: &mut BytesMut) {
        put_string(out, self.name());
        match self {
            Self::Limits => {}
            Self::PosixRename { from, to } | Self::Hardlink { from, to } => {
                put_string(out, from);
                put_string(out, to);
            }
            Self::Fsync { handle: name }
            | Self::Fstatvfs { handle: name }
            | Self::Statvfs { path: name }
            | Self::ExpandPath { path: name } => put_string(out, name),
            Self::Lsetstat { path, attributes } => {
                put_string(out, path);
                attributes.put(out);
            }
            Self::CopyData {
                from,
                from_offset,
                length,
                to,
                to_offset,
            } => {
                put_string(out, from);
                out.put_u64(*from_offset);
                out.put_u64(*length);
                put_string(out, to);
                out.put_u64(*to_offset);
            }
            Self::UsersGroupsById { users, groups } => {
                put_ids(out, users);
                put_ids(out, groups);
            }
            Self::CheckFileName { path: name, check }
            | Self::CheckFileHandle {
                handle: name,
                check,
            } => {
                put_string(out, name);
                check.put(out);
            }
            Self::Md5HashName { path: name, hash } | Self::Md5HashHandle { handle: name, hash } => {
                put_string(out, name);
                hash.put(out);
            }
            Self::Unknown { payload, .. } => out.put_slice(payload),
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        let name = reader.string("extension name")?;
        if name.len() > limits::MAX_EXTENSION_TEXT {
            return Err(Refusal::ExtensionTooLong.into());
        }
        Ok(match std::str::from_utf8(name).unwrap_or_default() {
            extension::LIMITS => Self::Limits,
            extension::POSIX_RENAME => Self::PosixRename {
                from: reader.path()?,
                to: reader.path()?,
            },
            extension::FSYNC => Self::Fsync {
                handle: reader.handle()?,
            },
            extension::STATVFS => Self::Statvfs {
                path: reader.path()?,
            },
            extension::FSTATVFS => Self::Fstatvfs {
                handle: reader.handle()?,
            },
            extension::HARDLINK => Self::Hardlink {
                from: reader.path()?,
                to: reader.path()?,
            },
            extension::LSETSTAT => Self::Lsetstat {
                path: reader.path()?,
                attributes: Attributes::read(reader)?,
            },
            extension::COPY_DATA => read_copy_data(reader)?,
            extension::EXPAND_PATH => Self::ExpandPath {
                path: reader.path()?,
            },
            extension::USERS_GROUPS_BY_ID => Self::UsersGroupsById {
                users: read_ids(reader)?,
                groups: read_ids(reader)?,
            },
            extension::CHECK_FILE_NAME => Self::CheckFileName {
                path: reader.path()?,
                check: CheckFile::read(reader)?,
            },
            extension::CHECK_FILE_HANDLE | extension::CHECK_FILE => Self::CheckFileHandle {
                handle: reader.handle()?,
                check: CheckFile::read(reader)?,
            },
            extension::MD5_HASH => Self::Md5HashName {
                path: reader.path()?,
                hash: Md5Hash::read(reader)?,
            },
            extension::MD5_HASH_HANDLE => Self::Md5HashHandle {
                handle: reader.handle()?,
                hash: Md5Hash::read(reader)?,
            },
            _ => Self::Unknown {
                name: Bytes::copy_from_slice(name),
                payload: Bytes::copy_from_slice(reader.rest()),
            },
        })
    }
}

impl CheckFile {
    fn put(&self, out: &mut BytesMut) {
        put_string(out, &self.algorithms);
        out.put_u64(self.offset);
        out.put_u64(self.length);
        out.put_u32(self.block_size);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        Ok(Self {
            algorithms: reader.text("hash algorithms")?,
            offset: reader.u64("offset")?,
            length: reader.u64("length")?,
            block_size: reader.u32("block size")?,
        })
    }
}

impl Md5Hash {
    fn put(&self, out: &mut BytesMut) {
        out.put_u64(self.offset);
        out.put_u64(self.length);
        put_string(out, &self.quick_check);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        Ok(Self {
            offset: reader.u64("offset")?,
            length: reader.u64("length")?,
            quick_check: reader.text("quick check hash")?,
        })
    }
}

fn read_copy_data(reader: &mut Reader<'_>) -> Result<Extended, Stop> {
    Ok(Extended::CopyData {
        from: reader.handle()?,
        from_offset: reader.u64("read offset")?,
        length: reader.u64("length")?,
        to: reader.handle()?,
        to_offset: reader.u64("write offset")?,
    })
}

/// Ids travel as a string that holds them one after the other.
fn put_ids(out: &mut BytesMut, ids: &[u32]) {
    out.put_u32(length(ids.len() * 4));
    for id in ids {
        out.put_u32(*id);
    }
}

fn read_ids(reader: &mut Reader<'_>) -> Result<Vec<u32>, Stop> {
    let list = reader.string("ids")?;
    if list.len() > limits::MAX_IDS * 4 {
        return Err(Refusal::TooManyIds.into());
    }
    let mut ids = Vec::with_capacity(list.len() / 4);
    let mut list = Reader::new(list);
    while !list.is_empty() {
        ids.push(list.u32("id")?);
    }
    Ok(ids)
}
