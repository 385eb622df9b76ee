//! Where a packet ends, and how much of it has to be at hand before it can be read.

use crate::wire::Reader;
use crate::{DecodeError, Flaw, Refusal, RequestId, limits, packet as kind};

/// Bytes of the length field.
pub(crate) const LENGTH: usize = 4;
/// Length, type and id, or for INIT the version.
const HEAD: usize = LENGTH + 5;

/// Whether the first bytes of a packet show its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Not yet: at least so many bytes are needed, counted from the packet's start.
    Wanted(usize),
    /// They do.
    Found(Frame),
}

/// What is to be done with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A packet to be read whole, of so many bytes with its length field.
    Whole(usize),
    /// A WRITE whose head is there.
    Write(WriteFrame),
    /// Too much of something. `head` bytes are read, `skip` are to be passed over.
    Refused {
        id: RequestId,
        refusal: Refusal,
        head: usize,
        skip: usize,
    },
}

/// The head of a WRITE. Offsets into the packet, and lengths, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WriteFrame {
    pub(crate) id: RequestId,
    /// Bytes before the payload.
    pub(crate) head: usize,
    pub(crate) handle: usize,
    pub(crate) offset: u64,
    pub(crate) payload: u32,
    /// Bytes behind the payload that belong to the packet.
    pub(crate) trailing: usize,
}

/// Where the handle of a WRITE begins.
pub(crate) const WRITE_HANDLE: usize = HEAD + 4;

/// Looks at the bytes from a packet's start.
pub(crate) fn look(bytes: &[u8]) -> Result<Look, DecodeError> {
    let mut fields = Reader::new(bytes);
    let Ok(stated) = fields.u32("length") else {
        return Ok(Look::Wanted(LENGTH));
    };
    let length = stated as usize;
    if length > limits::MAX_PACKET {
        return Err(DecodeError::new(Flaw::TooLong { length: stated }, None));
    }
    let whole = LENGTH + length;
    if whole < HEAD {
        return Err(DecodeError::new(Flaw::TooShort { length: stated }, None));
    }
    let (Ok(packet_kind), Ok(id)) = (fields.u8("type"), fields.u32("id")) else {
        return Ok(Look::Wanted(HEAD));
    };
    match packet_kind {
        kind::WRITE => look_at_write(bytes, whole, id),
        // It has no id under which it could be refused.
        kind::INIT if length > limits::MAX_REQUEST => {
            Err(DecodeError::new(Flaw::TooLong { length: stated }, None))
        }
        _ if length > limits::MAX_REQUEST => {
            Ok(refused(id, Refusal::RequestTooLong { length }, HEAD, whole))
        }
        _ if bytes.len() < whole => Ok(Look::Wanted(whole)),
        _ => Ok(Look::Found(Frame::Whole(whole))),
    }
}

fn look_at_write(bytes: &[u8], whole: usize, id: RequestId) -> Result<Look, DecodeError> {
    let truncated = |field| DecodeError::new(Flaw::Truncated { field }, Some(id));
    if whole < WRITE_HANDLE {
        return Err(truncated("handle"));
    }
    let Some(handle) = word_at(bytes, HEAD) else {
        return Ok(Look::Wanted(WRITE_HANDLE));
    };
    let handle = handle as usize;
    if handle > whole - WRITE_HANDLE {
        return Err(truncated("handle"));
    }
    if handle > limits::MAX_HANDLE {
        return Ok(refused(id, Refusal::HandleTooLong, WRITE_HANDLE, whole));
    }
    let head = WRITE_HANDLE + handle + 12;
    if whole < head {
        return Err(truncated("offset"));
    }
    let Some(mut fields) = bytes.get(WRITE_HANDLE + handle..head).map(Reader::new) else {
        return Ok(Look::Wanted(head));
    };
    let (Ok(offset), Ok(payload)) = (fields.u64("offset"), fields.u32("payload")) else {
        return Err(truncated("offset"));
    };
    let length = payload as usize;
    let trailing = (whole - head)
        .checked_sub(length)
        .ok_or_else(|| truncated("payload"))?;
    if length > limits::MAX_DATA {
        return Ok(refused(id, Refusal::WriteTooLong { length }, head, whole));
    }
    let write = WriteFrame {
        id,
        head,
        handle,
        offset,
        payload,
        trailing,
    };
    Ok(Look::Found(Frame::Write(write)))
}

fn refused(id: RequestId, refusal: Refusal, head: usize, whole: usize) -> Look {
    Look::Found(Frame::Refused {
        id,
        refusal,
        head,
        skip: whole - head,
    })
}

fn word_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|word| u32::from_be_bytes(*word))
}
