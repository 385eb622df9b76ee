//! The names of the extensions, and the pairs that announce them.

use bytes::{Bytes, BytesMut};

use crate::wire::{Reader, Stop, put_string};

pub(crate) const LIMITS: &str = "limits@openssh.com";
pub(crate) const POSIX_RENAME: &str = "posix-rename@openssh.com";
pub(crate) const FSYNC: &str = "fsync@openssh.com";
pub(crate) const STATVFS: &str = "statvfs@openssh.com";
pub(crate) const FSTATVFS: &str = "fstatvfs@openssh.com";
pub(crate) const HARDLINK: &str = "hardlink@openssh.com";
pub(crate) const LSETSTAT: &str = "lsetstat@openssh.com";
pub(crate) const COPY_DATA: &str = "copy-data";
pub(crate) const EXPAND_PATH: &str = "expand-path@openssh.com";
pub(crate) const USERS_GROUPS_BY_ID: &str = "users-groups-by-id@openssh.com";
pub(crate) const CHECK_FILE: &str = "check-file";
pub(crate) const CHECK_FILE_NAME: &str = "check-file-name";
pub(crate) const CHECK_FILE_HANDLE: &str = "check-file-handle";
pub(crate) const MD5_HASH: &str = "md5-hash";
pub(crate) const MD5_HASH_HANDLE: &str = "md5-hash-handle";

/// A name with a value: in INIT and VERSION what a side can do, in attributes what a vendor adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// `name@domain`, or a bare registered name.
    pub name: Bytes,
    /// In a VERSION the extension's own version, as digits.
    pub value: Bytes,
}

impl Extension {
    /// `limits@openssh.com`.
    pub const LIMITS: Self = Self::constant(LIMITS, "1");
    /// `posix-rename@openssh.com`.
    pub const POSIX_RENAME: Self = Self::constant(POSIX_RENAME, "1");
    /// `fsync@openssh.com`.
    pub const FSYNC: Self = Self::constant(FSYNC, "1");
    /// `statvfs@openssh.com`.
    pub const STATVFS: Self = Self::constant(STATVFS, "2");
    /// `fstatvfs@openssh.com`.
    pub const FSTATVFS: Self = Self::constant(FSTATVFS, "2");
    /// `hardlink@openssh.com`.
    pub const HARDLINK: Self = Self::constant(HARDLINK, "1");
    /// `lsetstat@openssh.com`.
    pub const LSETSTAT: Self = Self::constant(LSETSTAT, "1");
    /// `copy-data`.
    pub const COPY_DATA: Self = Self::constant(COPY_DATA, "1");
    /// `expand-path@openssh.com`.
    pub const EXPAND_PATH: Self = Self::constant(EXPAND_PATH, "1");
    /// `users-groups-by-id@openssh.com`.
    pub const USERS_GROUPS_BY_ID: Self = Self::constant(USERS_GROUPS_BY_ID, "1");
    /// `check-file`: stands for `check-file-name` and `check-file-handle`.
    pub const CHECK_FILE: Self = Self::constant(CHECK_FILE, "1");
    /// `md5-hash`: stands for `md5-hash-handle` too.
    pub const MD5_HASH: Self = Self::constant(MD5_HASH, "1");

    const fn constant(name: &'static str, value: &'static str) -> Self {
        Self {
            name: Bytes::from_static(name.as_bytes()),
            value: Bytes::from_static(value.as_bytes()),
        }
    }

    pub(crate) fn put(&self, out: &mut BytesMut) {
        put_string(out, &self.name);
        put_string(out, &self.value);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        Ok(Self {
            name: reader.text("extension name")?,
            value: reader.text("extension value")?,
        })
    }

    pub(crate) fn encoded_len(&self) -> usize {
        8 + self.name.len() + self.value.len()
    }
}
