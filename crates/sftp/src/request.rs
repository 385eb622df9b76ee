//! Every request of version 3 but WRITE, whose payload is never held whole (draft section 6).

use bytes::{BufMut, Bytes, BytesMut};

use crate::wire::{Reader, Stop, packet, put_string};
use crate::{Attributes, Extended, OpenFlags, RequestId, packet as kind};

/// A request. Paths and handles are as the client sent them, within their limits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields say what they are; the variants say what for"
)]
pub enum Request {
    /// Open or create a file; answered by HANDLE.
    Open {
        path: Bytes,
        flags: OpenFlags,
        attributes: Attributes,
    },
    /// Give a handle back. For what was written this is the commit.
    Close { handle: Bytes },
    /// Read up to `length` bytes; answered by DATA or STATUS EOF.
    Read {
        handle: Bytes,
        offset: u64,
        length: u32,
    },
    /// Attributes of a path, links not followed.
    Lstat { path: Bytes },
    /// Attributes of an open file.
    Fstat { handle: Bytes },
    /// Change attributes of a path.
    Setstat { path: Bytes, attributes: Attributes },
    /// Change attributes of an open file.
    Fsetstat {
        handle: Bytes,
        attributes: Attributes,
    },
    /// Open a directory for READDIR; answered by HANDLE.
    Opendir { path: Bytes },
    /// The next entries; answered by NAME or STATUS EOF.
    Readdir { handle: Bytes },
    /// Delete a file.
    Remove { path: Bytes },
    /// Create a directory.
    Mkdir { path: Bytes, attributes: Attributes },
    /// Delete an empty directory.
    Rmdir { path: Bytes },
    /// The absolute form of a path; answered by NAME with one entry.
    Realpath { path: Bytes },
    /// Attributes of a path, links followed.
    Stat { path: Bytes },
    /// Rename; fails if `to` exists.
    Rename { from: Bytes, to: Bytes },
    /// Where a link points; answered by NAME with one entry.
    Readlink { path: Bytes },
    /// Create a link. The draft has the link first; OpenSSH's server has always read the target
    /// first, and its client and all that talk to it send it so. That order is taken here.
    Symlink { target: Bytes, link: Bytes },
    /// Anything by a vendor's name.
    Extended(Extended),
    /// A type that version 3 does not have, to be answered by OP_UNSUPPORTED.
    Unknown { kind: u8, body: Bytes },
}

impl Request {
    /// Appends the whole packet.
    pub fn encode_into(&self, id: RequestId, out: &mut BytesMut) {
        packet(out, |out| {
            out.put_u8(self.kind());
            out.put_u32(id);
            self.put_body(out);
        });
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Open { .. } => kind::OPEN,
            Self::Close { .. } => kind::CLOSE,
            Self::Read { .. } => kind::READ,
            Self::Lstat { .. } => kind::LSTAT,
            Self::Fstat { .. } => kind::FSTAT,
            Self::Setstat { .. } => kind::SETSTAT,
            Self::Fsetstat { .. } => kind::FSETSTAT,
            Self::Opendir { .. } => kind::OPENDIR,
            Self::Readdir { .. } => kind::READDIR,
            Self::Remove { .. } => kind::REMOVE,
            Self::Mkdir { .. } => kind::MKDIR,
            Self::Rmdir { .. } => kind::RMDIR,
            Self::Realpath { .. } => kind::REALPATH,
            Self::Stat { .. } => kind::STAT,
            Self::Rename { .. } => kind::RENAME,
            Self::Readlink { .. } => kind::READLINK,
            Self::Symlink { .. } => kind::SYMLINK,
            Self::Extended(_) => kind::EXTENDED,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    fn put_body(&self, out: &mut BytesMut) {
        match self {
            Self::Open {
                path,
                flags,
                attributes,
            } => {
                put_string(out, path);
                out.put_u32(flags.bits());
                attributes.put(out);
            }
            Self::Read {
                handle,
                offset,
                length,
            } => {
                put_string(out, handle);
                out.put_u64(*offset);
                out.put_u32(*length);
            }
            Self::Close { handle: name }
            | Self::Fstat { handle: name }
            | Self::Readdir { handle: name }
            | Self::Lstat { path: name }
            | Self::Opendir { path: name }
            | Self::Remove { path: name }
            | Self::Rmdir { path: name }
            | Self::Realpath { path: name }
            | Self::Stat { path: name }
            | Self::Readlink { path: name } => put_string(out, name),
            Self::Setstat {
                path: name,
                attributes,
            }
            | Self::Fsetstat {
                handle: name,
                attributes,
            }
            | Self::Mkdir {
                path: name,
                attributes,
            } => {
                put_string(out, name);
                attributes.put(out);
            }
            Self::Rename {
                from: first,
                to: second,
            }
            | Self::Symlink {
                target: first,
                link: second,
            } => {
                put_string(out, first);
                put_string(out, second);
            }
            Self::Extended(extended) => extended.put(out),
            Self::Unknown { body, .. } => out.put_slice(body),
        }
    }

    /// Reads what follows type and id. Bytes behind the last field are passed over: later drafts
    /// append fields, and some clients send them.
    pub(crate) fn read(kind: u8, reader: &mut Reader<'_>) -> Result<Self, Stop> {
        Ok(match kind {
            kind::OPEN => Self::Open {
                path: reader.path()?,
                flags: OpenFlags::from_bits(reader.u32("open flags")?),
                attributes: Attributes::read(reader)?,
            },
            kind::CLOSE => Self::Close {
                handle: reader.handle()?,
            },
            kind::READ => Self::Read {
                handle: reader.handle()?,
                offset: reader.u64("offset")?,
                length: reader.u32("length")?,
            },
            kind::LSTAT => Self::Lstat {
                path: reader.path()?,
            },
            kind::FSTAT => Self::Fstat {
                handle: reader.handle()?,
            },
            kind::SETSTAT => Self::Setstat {
                path: reader.path()?,
                attributes: Attributes::read(reader)?,
            },
            kind::FSETSTAT => Self::Fsetstat {
                handle: reader.handle()?,
                attributes: Attributes::read(reader)?,
            },
            kind::OPENDIR => Self::Opendir {
                path: reader.path()?,
            },
            kind::READDIR => Self::Readdir {
                handle: reader.handle()?,
            },
            kind::REMOVE => Self::Remove {
                path: reader.path()?,
            },
            kind::MKDIR => Self::Mkdir {
                path: reader.path()?,
                attributes: Attributes::read(reader)?,
            },
            kind::RMDIR => Self::Rmdir {
                path: reader.path()?,
            },
            kind::REALPATH => Self::Realpath {
                path: reader.path()?,
            },
            kind::STAT => Self::Stat {
                path: reader.path()?,
            },
            kind::RENAME => Self::Rename {
                from: reader.path()?,
                to: reader.path()?,
            },
            kind::READLINK => Self::Readlink {
                path: reader.path()?,
            },
            kind::SYMLINK => Self::Symlink {
                target: reader.path()?,
                link: reader.path()?,
            },
            kind::EXTENDED => Self::Extended(Extended::read(reader)?),
            kind => Self::Unknown {
                kind,
                body: Bytes::copy_from_slice(reader.rest()),
            },
        })
    }
}
