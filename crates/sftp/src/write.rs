//! WRITE as a client sends it. Servers never see one whole: see [`Item`](crate::Item).

use bytes::{BufMut, Bytes, BytesMut};

use crate::wire::{packet, put_string};
use crate::{RequestId, packet as kind};

/// Bytes for an open file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The open file.
    pub handle: Bytes,
    /// Where the first byte goes.
    pub offset: u64,
    /// The bytes; servers take up to [`limits::MAX_DATA`](crate::limits::MAX_DATA).
    pub data: Bytes,
}

impl Write {
    /// Appends the whole packet.
    pub fn encode_into(&self, id: RequestId, out: &mut BytesMut) {
        packet(out, |out| {
            out.put_u8(kind::WRITE);
            out.put_u32(id);
            put_string(out, &self.handle);
            out.put_u64(self.offset);
            put_string(out, &self.data);
        });
    }
}
