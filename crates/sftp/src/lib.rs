//! SFTP version 3 (draft-ietf-secsh-filexfer-02) as pure values: bytes in, values out, no I/O.
//!
//! A server feeds channel bytes to a [`Decoder`] and answers with [`Reply`]; a client encodes
//! [`Request`]s and feeds a [`ReplyDecoder`]. Names stay [`Bytes`](bytes::Bytes): what is a path
//! is decided above this crate. Every length that a peer states is bounded by [`limits`] before
//! anything is allocated for it.
//!
//! Two things differ from the draft because every client in use differs from it: SYMLINK carries
//! its target first (see [`Request::Symlink`]), and a STATUS may come without its texts.
#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

mod attributes;
mod decoder;
mod error;
mod extended;
mod extended_reply;
mod extension;
mod frame;
pub mod limits;
mod open_flags;
mod packet;
mod reply;
mod reply_decoder;
mod request;
mod status;
mod version;
mod wire;
mod write;

pub use attributes::{Attributes, FileKind, Owner, Times};
pub use decoder::{Decoder, Item, WriteHead};
pub use error::{DecodeError, Flaw, Refusal};
pub use extended::{CheckFile, Extended, Md5Hash};
pub use extended_reply::{FileHash, FileSystem, Limits, UserGroupNames};
pub use extension::Extension;
pub use open_flags::OpenFlags;
pub use reply::{Name, Reply};
pub use reply_decoder::{FromServer, ReplyDecoder};
pub use request::Request;
pub use status::{Status, StatusCode};
pub use version::{Init, VERSION, Version};
pub use write::Write;

/// The number a client gives a request; its reply carries the same. Clients repeat ids at will.
pub type RequestId = u32;
