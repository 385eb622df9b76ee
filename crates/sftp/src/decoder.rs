//! The server's side of the wire: channel bytes in whatever slices they come, requests out.

use crate::frame::{Frame, LENGTH, Look, WRITE_HANDLE, WriteFrame, look};
use crate::wire::{Reader, Stop};
use crate::{DecodeError, Flaw, Init, Refusal, Request, RequestId, packet as kind};

/// Turns channel bytes into requests without I/O and without waiting.
///
/// Feed it every slice until it answers `None`:
/// ```
/// use sftp::{Decoder, Item};
///
/// fn feed(decoder: &mut Decoder, mut slice: &[u8]) -> Result<usize, sftp::DecodeError> {
///     let mut written = 0;
///     while let Some(item) = decoder.next(&mut slice)? {
///         if let Item::WriteData(piece) = item {
///             written += piece.len();
///         }
///     }
///     Ok(written)
/// }
/// # assert_eq!(feed(&mut Decoder::new(), &[0, 0, 0, 5, 1]), Ok(0));
/// ```
/// The payload of a WRITE is borrowed from the slice as it passes; nothing is assembled or copied.
/// Other packets are read in place where a slice holds them whole, else assembled in a buffer of
/// at most [`MAX_REQUEST`](crate::limits::MAX_REQUEST) bytes, which grows with what has come and
/// not with what was announced.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    initialised: bool,
    /// The start of a packet whose rest has not come.
    buffer: Vec<u8>,
    /// The buffer's packet was handed out and may still be borrowed; the next call empties it.
    spent: bool,
}

/// What a [`Decoder`] finds.
#[derive(Debug, PartialEq, Eq)]
pub enum Item<'d> {
    /// The first packet; answer with [`Version`](crate::Version).
    Init(Init),
    /// A whole request.
    Request {
        /// To be repeated in the reply.
        id: RequestId,
        /// What is asked.
        request: Request,
    },
    /// A WRITE begins: its [`WriteHead::length`] bytes follow as [`Item::WriteData`], then comes
    /// [`Item::WriteEnd`], and nothing in between.
    WriteBegin(WriteHead<'d>),
    /// The next bytes of the WRITE, as they lie in the slice; never empty.
    WriteData(&'d [u8]),
    /// The WRITE is complete and wants its reply.
    WriteEnd,
    /// A request that is too much of something. It wants a reply of [`Refusal::status`].
    Refused {
        /// To be repeated in the reply.
        id: RequestId,
        /// What is too much.
        refusal: Refusal,
    },
}

/// What a WRITE says before its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteHead<'d> {
    /// To be repeated in the reply.
    pub id: RequestId,
    /// The open file.
    pub handle: &'d [u8],
    /// Where the first byte goes.
    pub offset: u64,
    /// Bytes that follow, at most [`MAX_DATA`](crate::limits::MAX_DATA).
    pub length: u32,
}

/// What the next byte belongs to. Lengths in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Packet,
    Payload {
        left: u32,
        trailing: usize,
    },
    Skip(usize),
    Failed(DecodeError),
}

/// A buffer that held more than this is given back to the allocator.
const KEPT_BUFFER: usize = 1024;

impl Decoder {
    /// A decoder that expects INIT.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next item, taking from the front of `input` what belongs to it. `None`: all of `input`
    /// is taken, and more is needed.
    ///
    /// # Errors
    /// The bytes are not SFTP. The decoder stays failed and gives the same error for ever.
    pub fn next<'d, 'i: 'd>(
        &'d mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Item<'d>>, DecodeError> {
        loop {
            match self.state {
                State::Packet => break,
                State::Payload { left: 0, trailing } => {
                    self.state = State::Skip(trailing);
                    return Ok(Some(Item::WriteEnd));
                }
                State::Payload { .. } | State::Skip(1..) if input.is_empty() => return Ok(None),
                State::Payload { left, trailing } => {
                    let piece = take(input, left as usize);
                    let left = left - piece.len() as u32;
                    self.state = State::Payload { left, trailing };
                    return Ok(Some(Item::WriteData(piece)));
                }
                State::Skip(0) => self.state = State::Packet,
                State::Skip(left) => self.state = State::Skip(left - take(input, left).len()),
                State::Failed(error) => return Err(error),
            }
        }
        self.packet(input)
    }

    /// Bytes held of an unfinished packet.
    pub fn buffered(&self) -> usize {
        if self.spent { 0 } else { self.buffer.len() }
    }

    fn packet<'d, 'i: 'd>(
        &'d mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Item<'d>>, DecodeError> {
        self.empty_spent_buffer();
        let found = if self.buffer.is_empty() {
            in_place(input)
        } else {
            Ok(None)
        };
        let found = found.and_then(|found| match found {
            Some(found) => Ok(Some(found)),
            None => self.assemble(input),
        });
        let (state, initialised) = (&mut self.state, &mut self.initialised);
        let item = match found {
            Ok(None) => return Ok(None),
            Ok(Some((frame, Source::Slice(bytes)))) => accept(frame, bytes, initialised, state),
            Ok(Some((frame, Source::Buffer))) => {
                self.spent = true;
                accept(frame, &self.buffer, initialised, state)
            }
            Err(error) => Err(error),
        };
        item.map(Some)
            .inspect_err(|error| *state = State::Failed(*error))
    }

    /// Takes just as much of `input` as shows the packet's frame.
    fn assemble<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Found<'i>>, DecodeError> {
        loop {
            match look(&self.buffer)? {
                Look::Wanted(_) if input.is_empty() => return Ok(None),
                Look::Wanted(wanted) => {
                    let piece = take(input, wanted - self.buffer.len());
                    self.buffer.extend_from_slice(piece);
                }
                Look::Found(frame) => return Ok(Some((frame, Source::Buffer))),
            }
        }
    }

    fn empty_spent_buffer(&mut self) {
        if std::mem::take(&mut self.spent) {
            self.buffer.clear();
            self.buffer.shrink_to(KEPT_BUFFER);
        }
    }
}

type Found<'i> = (Frame, Source<'i>);

/// Where the bytes of a frame lie.
enum Source<'i> {
    Slice(&'i [u8]),
    Buffer,
}

/// The frame at the front of a slice, if the slice shows all of it.
fn in_place<'i>(input: &mut &'i [u8]) -> Result<Option<Found<'i>>, DecodeError> {
    let Look::Found(frame) = look(input)? else {
        return Ok(None);
    };
    let head = match frame {
        Frame::Whole(bytes) => bytes,
        Frame::Write(WriteFrame { head, .. }) | Frame::Refused { head, .. } => head,
    };
    Ok(Some((frame, Source::Slice(take(input, head)))))
}

/// Reads a frame that is at hand and says what comes behind it.
fn accept<'b>(
    frame: Frame,
    bytes: &'b [u8],
    initialised: &mut bool,
    state: &mut State,
) -> Result<Item<'b>, DecodeError> {
    let mut reader = Reader::new(bytes.get(LENGTH..).unwrap_or_default());
    let fatal = |stop: Stop| stop.fatal(None);
    let kind = reader.u8("type").map_err(fatal)?;
    if !*initialised && kind != kind::INIT {
        return Err(DecodeError::new(Flaw::NotInitialised { kind }, None));
    }
    match frame {
        Frame::Write(WriteFrame {
            id,
            handle,
            offset,
            payload: length,
            trailing,
            ..
        }) => {
            *state = State::Payload {
                left: length,
                trailing,
            };
            let handle = bytes
                .get(WRITE_HANDLE..WRITE_HANDLE + handle)
                .unwrap_or_default();
            Ok(Item::WriteBegin(WriteHead {
                id,
                handle,
                offset,
                length,
            }))
        }
        Frame::Refused {
            id, refusal, skip, ..
        } => {
            *state = State::Skip(skip);
            Ok(Item::Refused { id, refusal })
        }
        Frame::Whole(_) if kind == kind::INIT => {
            if std::mem::replace(initialised, true) {
                return Err(DecodeError::new(Flaw::InitialisedTwice, None));
            }
            Init::read(&mut reader).map(Item::Init).map_err(fatal)
        }
        Frame::Whole(_) => {
            let id = reader.u32("id").map_err(fatal)?;
            match Request::read(kind, &mut reader) {
                Ok(request) => Ok(Item::Request { id, request }),
                Err(Stop::Refused(refusal)) => Ok(Item::Refused { id, refusal }),
                Err(Stop::Flawed(flaw)) => Err(DecodeError::new(flaw, Some(id))),
            }
        }
    }
}

/// Splits up to `most` bytes off the front.
fn take<'i>(input: &mut &'i [u8], most: usize) -> &'i [u8] {
    let (head, rest) = input.split_at_checked(most).unwrap_or((input, &[]));
    *input = rest;
    head
}
