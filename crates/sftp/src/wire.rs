//! The primitive fields of the wire: integers, strings, and a cursor that never reads past its end.

use bytes::{BufMut, Bytes, BytesMut};

use crate::{DecodeError, Flaw, Refusal, RequestId, limits};

/// What stops the reading of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The bytes make no sense.
    Flawed(Flaw),
    /// They do, but are too much.
    Refused(Refusal),
}

impl Stop {
    /// For packets where a refusal cannot be answered.
    pub(crate) fn fatal(self, request: Option<RequestId>) -> DecodeError {
        let flaw = match self {
            Self::Flawed(flaw) => flaw,
            Self::Refused(_) => Flaw::TooMany {
                what: "bytes in a field",
            },
        };
        DecodeError::new(flaw, request)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A cursor over the body of one packet. Every read names its field for the error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Stop> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(truncated(field))?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, Stop> {
        self.array(field).map(u8::from_be_bytes)
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, Stop> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, Stop> {
        self.array(field).map(u64::from_be_bytes)
    }

    /// A string, borrowed. Its stated length is compared with what is there, never trusted.
    pub(crate) fn string(&mut self, field: &'static str) -> Result<&'a [u8], Stop> {
        let length = self.u32(field)? as usize;
        let (head, rest) = self.rest.split_at_checked(length).ok_or(truncated(field))?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn bytes(&mut self, field: &'static str) -> Result<Bytes, Stop> {
        self.string(field).map(Bytes::copy_from_slice)
    }

    pub(crate) fn path(&mut self) -> Result<Bytes, Stop> {
        let path = self.string("path")?;
        if path.len() > limits::MAX_PATH {
            return Err(Refusal::PathTooLong { length: path.len() }.into());
        }
        Ok(Bytes::copy_from_slice(path))
    }

    pub(crate) fn handle(&mut self) -> Result<Bytes, Stop> {
        let handle = self.string("handle")?;
        if handle.len() > limits::MAX_HANDLE {
            return Err(Refusal::HandleTooLong.into());
        }
        Ok(Bytes::copy_from_slice(handle))
    }

    /// A name or value of an extension.
    pub(crate) fn text(&mut self, field: &'static str) -> Result<Bytes, Stop> {
        let text = self.string(field)?;
        if text.len() > limits::MAX_EXTENSION_TEXT {
            return Err(Refusal::ExtensionTooLong.into());
        }
        Ok(Bytes::copy_from_slice(text))
    }
}

fn truncated(field: &'static str) -> Stop {
    Stop::Flawed(Flaw::Truncated { field })
}

/// A length as the wire has it. What is longer than 4 GiB is not built in memory here.
pub(crate) fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

pub(crate) fn put_string(out: &mut BytesMut, text: &[u8]) {
    out.put_u32(length(text.len()));
    out.put_slice(text);
}

/// Appends one packet: its length, then what `body` writes, which begins with the type.
pub(crate) fn packet(out: &mut BytesMut, body: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_u32(0);
    body(out);
    let stated = length(out.len() - start - 4).to_be_bytes();
    if let Some(field) = out.get_mut(start..start + 4) {
        field.copy_from_slice(&stated);
    }
}
