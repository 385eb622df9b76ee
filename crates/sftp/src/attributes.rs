//! File attributes (draft section 5): what is present is said by flags, and only that counts.

use bytes::{BufMut, BytesMut};

use crate::extension::Extension;
use crate::wire::{Reader, Stop};
use crate::{Refusal, limits};

const SIZE: u32 = 0x0000_0001;
const OWNER: u32 = 0x0000_0002;
const PERMISSIONS: u32 = 0x0000_0004;
const TIMES: u32 = 0x0000_0008;
const EXTENDED: u32 = 0x8000_0000;

/// The attributes of a file. In OPEN, MKDIR and SETSTAT an absent field means "leave it"; in
/// replies it means "not known".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes {
    /// Bytes in the file. In OPEN this is a client's hint of what will come (WinSCP), no order.
    pub size: Option<u64>,
    /// Numeric owner.
    pub owner: Option<Owner>,
    /// The `st_mode` word: permission bits, and in replies the file type (see [`FileKind`]).
    pub permissions: Option<u32>,
    /// Last access and last modification.
    pub times: Option<Times>,
    /// Pairs of a vendor's name and value.
    pub extended: Vec<Extension>,
}

/// The numeric owner of a file; both come and go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// Times in whole seconds since 1970 UTC, unsigned: they end in 2106. Both come and go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Last access.
    pub accessed: u32,
    /// Last modification.
    pub modified: u32,
}

/// The file type inside [`Attributes::permissions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// `S_IFREG`; clients read nothing else in parallel.
    File,
    /// `S_IFDIR`; clients enter nothing else.
    Directory,
}

impl FileKind {
    /// The type bits, to be joined with the permission bits.
    pub const fn bits(self) -> u32 {
        match self {
            Self::File => 0o100_000,
            Self::Directory => 0o040_000,
        }
    }
}

impl Attributes {
    /// Whether nothing is stated.
    pub fn is_empty(&self) -> bool {
        self.flags() == 0
    }

    /// The type that the permissions state; none if they are absent or state another one.
    pub fn kind(&self) -> Option<FileKind> {
        let kind = self.permissions? & 0o170_000;
        [FileKind::File, FileKind::Directory]
            .into_iter()
            .find(|known| known.bits() == kind)
    }

    fn flags(&self) -> u32 {
        let flag = |present: bool, bit: u32| if present { bit } else { 0 };
        flag(self.size.is_some(), SIZE)
            | flag(self.owner.is_some(), OWNER)
            | flag(self.permissions.is_some(), PERMISSIONS)
            | flag(self.times.is_some(), TIMES)
            | flag(!self.extended.is_empty(), EXTENDED)
    }

    pub(crate) fn put(&self, out: &mut BytesMut) {
        out.put_u32(self.flags());
        if let Some(size) = self.size {
            out.put_u64(size);
        }
        if let Some(owner) = self.owner {
            out.put_u32(owner.uid);
            out.put_u32(owner.gid);
        }
        if let Some(permissions) = self.permissions {
            out.put_u32(permissions);
        }
        if let Some(times) = self.times {
            out.put_u32(times.accessed);
            out.put_u32(times.modified);
        }
        if !self.extended.is_empty() {
            out.put_u32(crate::wire::length(self.extended.len()));
            for pair in &self.extended {
                pair.put(out);
            }
        }
    }

    /// Bits without a meaning in version 3 carry no field and are passed over, as OpenSSH does.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        let flags = reader.u32("attribute flags")?;
        let has = |bit: u32| flags & bit != 0;
        let mut attributes = Self::default();
        if has(SIZE) {
            attributes.size = Some(reader.u64("size")?);
        }
        if has(OWNER) {
            let (uid, gid) = (reader.u32("owner")?, reader.u32("group")?);
            attributes.owner = Some(Owner { uid, gid });
        }
        if has(PERMISSIONS) {
            attributes.permissions = Some(reader.u32("permissions")?);
        }
        if has(TIMES) {
            let (accessed, modified) =
                (reader.u32("access time")?, reader.u32("modification time")?);
            attributes.times = Some(Times { accessed, modified });
        }
        if has(EXTENDED) {
            attributes.extended = read_extended(reader)?;
        }
        Ok(attributes)
    }

    /// Bytes on the wire.
    pub(crate) fn encoded_len(&self) -> usize {
        let fixed = |present: bool, bytes: usize| if present { bytes } else { 0 };
        let pairs: usize = self.extended.iter().map(Extension::encoded_len).sum();
        4 + fixed(self.size.is_some(), 8)
            + fixed(self.owner.is_some(), 8)
            + fixed(self.permissions.is_some(), 4)
            + fixed(self.times.is_some(), 8)
            + fixed(!self.extended.is_empty(), 4)
            + pairs
    }
}

fn read_extended(reader: &mut Reader<'_>) -> Result<Vec<Extension>, Stop> {
    let count = reader.u32("extended attributes")? as usize;
    if count > limits::MAX_EXTENSIONS {
        return Err(Refusal::TooManyExtensions.into());
    }
    (0..count).map(|_| Extension::read(reader)).collect()
}
