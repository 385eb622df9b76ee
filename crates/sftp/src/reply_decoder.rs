//! The client's side of the wire: channel bytes in, the server's packets out.

use crate::wire::{Reader, Stop};
use crate::{DecodeError, Flaw, Reply, RequestId, Version, limits, packet as kind};

/// Turns what a server sends into values. Unlike [`Decoder`](crate::Decoder) it assembles every
/// packet, up to [`limits::MAX_REPLY`].
#[derive(Debug, Default)]
pub struct ReplyDecoder {
    buffer: Vec<u8>,
    failed: Option<DecodeError>,
}

/// What a server sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromServer {
    /// The answer to INIT.
    Version(Version),
    /// The answer to a request.
    Reply {
        /// The id of the request.
        id: RequestId,
        /// What it came to.
        reply: Reply,
    },
}

impl ReplyDecoder {
    /// A decoder at the start of a channel.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next packet, taking from the front of `input` what belongs to it. `None`: all of
    /// `input` is taken, and more is needed.
    ///
    /// # Errors
    /// The bytes are not SFTP. The decoder stays failed and gives the same error for ever.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<FromServer>, DecodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let found = self.packet(input);
        self.failed = found.as_ref().err().copied();
        found
    }

    fn packet(&mut self, input: &mut &[u8]) -> Result<Option<FromServer>, DecodeError> {
        loop {
            let wanted = match self.buffer.first_chunk() {
                None => 4,
                Some(length) => 4 + body_length(*length)?,
            };
            if self.buffer.len() == wanted && wanted > 4 {
                let packet = read(self.buffer.get(4..).unwrap_or_default());
                self.buffer.clear();
                return packet.map(Some);
            }
            if input.is_empty() {
                return Ok(None);
            }
            let missing = (wanted - self.buffer.len()).min(input.len());
            let (piece, rest) = input.split_at(missing);
            self.buffer.extend_from_slice(piece);
            *input = rest;
        }
    }
}

fn body_length(length: [u8; 4]) -> Result<usize, DecodeError> {
    let length = u32::from_be_bytes(length);
    match length as usize {
        0..5 => Err(DecodeError::new(Flaw::TooShort { length }, None)),
        taken @ 5..=limits::MAX_REPLY => Ok(taken),
        _ => Err(DecodeError::new(Flaw::TooLong { length }, None)),
    }
}

fn read(body: &[u8]) -> Result<FromServer, DecodeError> {
    let mut reader = Reader::new(body);
    let fatal = |stop: Stop| stop.fatal(None);
    let kind = reader.u8("type").map_err(fatal)?;
    if kind == kind::VERSION {
        return Version::read(&mut reader)
            .map(FromServer::Version)
            .map_err(fatal);
    }
    let id = reader.u32("id").map_err(fatal)?;
    let reply = Reply::read(kind, &mut reader).map_err(|stop| stop.fatal(Some(id)))?;
    Ok(FromServer::Reply { id, reply })
}
