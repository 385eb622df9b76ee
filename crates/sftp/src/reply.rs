//! Every reply of version 3 (draft section 7), and the cheap heads of DATA.

use bytes::{BufMut, Bytes, BytesMut};

use crate::wire::{Reader, Stop, length, packet, put_string};
use crate::{Attributes, Flaw, RequestId, Status, StatusCode, limits, packet as kind};

/// A reply to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// How it ended.
    Status(Status),
    /// To OPEN and OPENDIR: 1 to [`limits::MAX_HANDLE`] bytes.
    Handle(Bytes),
    /// To READ. Servers send [`Reply::encode_data_head_into`] and the payload behind it instead.
    Data(Bytes),
    /// To READDIR, REALPATH and READLINK.
    Name(Vec<Name>),
    /// To STAT, LSTAT and FSTAT.
    Attributes(Attributes),
    /// To EXTENDED; what it holds depends on what was asked: [`Limits`](crate::Limits),
    /// [`FileSystem`](crate::FileSystem), [`UserGroupNames`](crate::UserGroupNames) or
    /// [`FileHash`](crate::FileHash).
    Extended(Bytes),
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The bare name; for REALPATH the whole path.
    pub name: Bytes,
    /// As `ls -l` writes it. FileZilla and WinSCP take type, size and owner from here.
    pub longname: Bytes,
    /// Attributes, as LSTAT has them.
    pub attributes: Attributes,
}

impl Name {
    /// Bytes on the wire. Keep a NAME packet within 32 KiB: JSch and sshfs take little more.
    pub fn encoded_len(&self) -> usize {
        8 + self.name.len() + self.longname.len() + self.attributes.encoded_len()
    }
}

impl Reply {
    /// Bytes of a DATA packet before its payload.
    pub const DATA_HEAD_LEN: usize = 13;

    /// Appends the whole packet.
    pub fn encode_into(&self, id: RequestId, out: &mut BytesMut) {
        match self {
            Self::Status(status) => status.encode_into(id, out),
            Self::Handle(handle) => string_packet(kind::HANDLE, id, handle, out),
            Self::Data(data) => string_packet(kind::DATA, id, data, out),
            Self::Name(names) => encode_names(id, names, out),
            Self::Attributes(attributes) => packet(out, |out| {
                out.put_u8(kind::ATTRS);
                out.put_u32(id);
                attributes.put(out);
            }),
            Self::Extended(payload) => packet(out, |out| {
                out.put_u8(kind::EXTENDED_REPLY);
                out.put_u32(id);
                out.put_slice(payload);
            }),
        }
    }

    /// Appends the head of a DATA packet; exactly `payload` bytes have to follow it on the
    /// channel, in as many pieces as they are in. Nothing may come behind them (lftp takes one
    /// more byte for an end-of-file flag).
    pub fn encode_data_head_into(id: RequestId, payload: u32, out: &mut BytesMut) {
        out.reserve(Self::DATA_HEAD_LEN);
        out.put_u32(payload.saturating_add(9));
        out.put_u8(kind::DATA);
        out.put_u32(id);
        out.put_u32(payload);
    }

    pub(crate) fn read(kind: u8, reader: &mut Reader<'_>) -> Result<Self, Stop> {
        Ok(match kind {
            kind::STATUS => Self::Status(Status::read(reader)?),
            kind::HANDLE => Self::Handle(reader.handle()?),
            kind::DATA => Self::Data(reader.bytes("data")?),
            kind::NAME => Self::Name(read_names(reader)?),
            kind::ATTRS => Self::Attributes(Attributes::read(reader)?),
            kind::EXTENDED_REPLY => Self::Extended(Bytes::copy_from_slice(reader.rest())),
            kind => return Err(Stop::Flawed(Flaw::UnknownReply { kind })),
        })
    }
}

impl From<Status> for Reply {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

impl From<StatusCode> for Reply {
    fn from(code: StatusCode) -> Self {
        Self::Status(code.into())
    }
}

fn string_packet(kind: u8, id: RequestId, text: &[u8], out: &mut BytesMut) {
    packet(out, |out| {
        out.put_u8(kind);
        out.put_u32(id);
        put_string(out, text);
    });
}

fn encode_names(id: RequestId, names: &[Name], out: &mut BytesMut) {
    packet(out, |out| {
        out.put_u8(kind::NAME);
        out.put_u32(id);
        out.put_u32(length(names.len()));
        for name in names {
            put_string(out, &name.name);
            put_string(out, &name.longname);
            name.attributes.put(out);
        }
    });
}

/// An entry has twelve bytes at least, so the packet's own length bounds what is allocated.
fn read_names(reader: &mut Reader<'_>) -> Result<Vec<Name>, Stop> {
    let count = reader.u32("number of names")? as usize;
    if count > limits::MAX_REPLY / 12 {
        return Err(Stop::Flawed(Flaw::TooMany { what: "names" }));
    }
    let mut names = Vec::with_capacity(count.min(reader.rest().len() / 12));
    for _ in 0..count {
        let (name, longname) = (reader.bytes("name")?, reader.bytes("longname")?);
        names.push(Name {
            name,
            longname,
            attributes: Attributes::read(reader)?,
        });
    }
    Ok(names)
}
