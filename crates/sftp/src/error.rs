//! What is wrong with a packet: fatal to its channel, or refused while the channel goes on.

use crate::{RequestId, StatusCode, limits};

/// Bytes that are not SFTP. The channel they came on cannot be trusted further: answer BAD_MESSAGE
/// where [`DecodeError::request`] is known, then close it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed sftp packet: {flaw}")]
pub struct DecodeError {
    flaw: Flaw,
    request: Option<RequestId>,
}

impl DecodeError {
    pub(crate) fn new(flaw: Flaw, request: Option<RequestId>) -> Self {
        Self { flaw, request }
    }

    /// What is wrong.
    pub fn flaw(&self) -> Flaw {
        self.flaw
    }

    /// The id of the request, where the packet went far enough to show it.
    pub fn request(&self) -> Option<RequestId> {
        self.request
    }
}

/// Why bytes are not SFTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The stated length is above [`limits::MAX_PACKET`] (for replies [`limits::MAX_REPLY`]).
    #[error("a packet of {length} bytes is longer than the limit")]
    TooLong {
        /// The length as stated.
        length: u32,
    },
    /// The stated length leaves no room for a type and an id.
    #[error("a packet of {length} bytes is too short to be a request")]
    TooShort {
        /// The length as stated.
        length: u32,
    },
    /// The packet ends inside a field, or a field claims more than the packet has.
    #[error("the packet ends before its {field}")]
    Truncated {
        /// The field, in words.
        field: &'static str,
    },
    /// A request came before INIT.
    #[error("a packet of type {kind} came before INIT")]
    NotInitialised {
        /// The packet type byte.
        kind: u8,
    },
    /// INIT came a second time; it has no id that could be answered.
    #[error("INIT came twice")]
    InitialisedTwice,
    /// A count in an INIT, a VERSION or a reply is above its limit.
    #[error("the packet has too many {what}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
    },
    /// A reply of a type that no server sends.
    #[error("a reply has the unknown type {kind}")]
    UnknownReply {
        /// The packet type byte.
        kind: u8,
    },
}

/// A whole, well-framed request that is not taken. The channel goes on after a STATUS of
/// [`Refusal::status`]; the texts are fit for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A path above [`limits::MAX_PATH`].
    #[error("the path has {length} bytes, {} are the most", limits::MAX_PATH)]
    PathTooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// A handle above [`limits::MAX_HANDLE`]: none that a server gave out.
    #[error("the handle is not one of this session")]
    HandleTooLong,
    /// More extended attributes than [`limits::MAX_EXTENSIONS`].
    #[error("more than {} extended attributes", limits::MAX_EXTENSIONS)]
    TooManyExtensions,
    /// A name or value above [`limits::MAX_EXTENSION_TEXT`] in extended attributes.
    #[error(
        "an extended attribute or name is longer than {} bytes",
        limits::MAX_EXTENSION_TEXT
    )]
    ExtensionTooLong,
    /// More users or groups asked for than [`limits::MAX_IDS`].
    #[error("more than {} users or groups asked for at once", limits::MAX_IDS)]
    TooManyIds,
    /// A request, not a WRITE, above [`limits::MAX_REQUEST`].
    #[error("the request has {length} bytes, {} are the most", limits::MAX_REQUEST)]
    RequestTooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// A WRITE of more than [`limits::MAX_DATA`] at once.
    #[error("a write of {length} bytes at once, {} are the most", limits::MAX_DATA)]
    WriteTooLong {
        /// Its length in bytes.
        length: usize,
    },
}

impl Refusal {
    /// The status that says so.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::PathTooLong { .. } | Self::HandleTooLong => StatusCode::Failure,
            Self::TooManyExtensions
            | Self::ExtensionTooLong
            | Self::TooManyIds
            | Self::RequestTooLong { .. }
            | Self::WriteTooLong { .. } => StatusCode::BadMessage,
        }
    }
}
