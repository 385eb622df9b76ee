//! STATUS: how a request ended (draft section 7).

use bytes::{BufMut, Bytes, BytesMut};

use crate::wire::{Reader, Stop, packet, put_string};
use crate::{RequestId, packet as kind};

/// The codes of version 3. Clients know no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusCode {
    /// Done.
    Ok,
    /// READ at or behind the end, READDIR after the last entry; nothing else.
    Eof,
    /// No such path; the only code that clients take for "absent".
    NoSuchFile,
    /// Not allowed.
    PermissionDenied,
    /// Any other failure; also "exists already" and "not empty".
    Failure,
    /// The request did not decode.
    BadMessage,
    /// Made up by clients that lost their connection.
    NoConnection,
    /// Made up by clients that lost their connection.
    ConnectionLost,
    /// The server does not do this.
    OpUnsupported,
    /// A code of a later version.
    Other(u32),
}

impl StatusCode {
    /// From the wire.
    pub const fn from_wire(code: u32) -> Self {
        match code {
            0 => Self::Ok,
            1 => Self::Eof,
            2 => Self::NoSuchFile,
            3 => Self::PermissionDenied,
            4 => Self::Failure,
            5 => Self::BadMessage,
            6 => Self::NoConnection,
            7 => Self::ConnectionLost,
            8 => Self::OpUnsupported,
            other => Self::Other(other),
        }
    }

    /// As on the wire.
    pub const fn to_wire(self) -> u32 {
        match self {
            Self::Ok => 0,
            Self::Eof => 1,
            Self::NoSuchFile => 2,
            Self::PermissionDenied => 3,
            Self::Failure => 4,
            Self::BadMessage => 5,
            Self::NoConnection => 6,
            Self::ConnectionLost => 7,
            Self::OpUnsupported => 8,
            Self::Other(code) => code,
        }
    }

    /// The words for it where there is nothing better to say.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Eof => "end of file",
            Self::NoSuchFile => "no such file",
            Self::PermissionDenied => "permission denied",
            Self::Failure => "failure",
            Self::BadMessage => "bad message",
            Self::NoConnection => "no connection",
            Self::ConnectionLost => "connection lost",
            Self::OpUnsupported => "operation unsupported",
            Self::Other(_) => "unknown status",
        }
    }
}

/// A STATUS reply. Sent with its message and a language tag, since some clients demand both;
/// taken without them, since some servers leave them out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The code.
    pub code: StatusCode,
    /// For people, UTF-8.
    pub message: Bytes,
}

impl Status {
    /// A status that says more than its code.
    pub fn new(code: StatusCode, message: impl Into<Bytes>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// Appends the whole packet of an OK to `id`; the reply to every WRITE, so it is one copy of
    /// a constant.
    pub fn encode_ok_into(id: RequestId, out: &mut BytesMut) {
        let mut packet = OK;
        if let Some(field) = packet.get_mut(5..9) {
            field.copy_from_slice(&id.to_be_bytes());
        }
        out.put_slice(&packet);
    }

    /// Bytes that [`Status::encode_ok_into`] appends.
    pub const OK_LEN: usize = OK.len();

    pub(crate) fn encode_into(&self, id: RequestId, out: &mut BytesMut) {
        packet(out, |out| {
            out.put_u8(kind::STATUS);
            out.put_u32(id);
            out.put_u32(self.code.to_wire());
            put_string(out, &self.message);
            put_string(out, LANGUAGE);
        });
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        let code = StatusCode::from_wire(reader.u32("status code")?);
        if reader.is_empty() {
            return Ok(Self {
                code,
                message: Bytes::new(),
            });
        }
        let message = reader.bytes("status message")?;
        Ok(Self { code, message })
    }
}

impl From<StatusCode> for Status {
    fn from(code: StatusCode) -> Self {
        Self {
            code,
            message: Bytes::from_static(code.text().as_bytes()),
        }
    }
}

const LANGUAGE: &[u8] = b"en";

/// Length 23, type 101, id 0, code 0, "ok", "en".
const OK: [u8; 25] = *b"\0\0\0\x15\x65\0\0\0\0\0\0\0\0\0\0\0\x02ok\0\0\0\x02en";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constant_ok_is_what_the_encoder_writes() {
        for id in [0, 1, 0xdead_beef, u32::MAX] {
            let (mut constant, mut encoded) = (BytesMut::new(), BytesMut::new());
            Status::encode_ok_into(id, &mut constant);
            Status::from(StatusCode::Ok).encode_into(id, &mut encoded);
            assert_eq!(constant, encoded);
        }
    }

    #[test]
    fn codes_survive_the_wire() {
        for code in (0..20).chain([u32::MAX]) {
            assert_eq!(StatusCode::from_wire(code).to_wire(), code);
        }
    }
}
