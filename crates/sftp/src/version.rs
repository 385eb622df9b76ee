//! The first exchange: INIT by the client, VERSION by the server (draft section 4).

use bytes::{BufMut, BytesMut};

use crate::extension::Extension;
use crate::wire::{Reader, Stop, packet};
use crate::{Flaw, limits, packet as kind};

/// The version that is spoken here. Clients that ask for more are answered with it.
pub const VERSION: u32 = 3;

/// What a client opens with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Init {
    /// The highest version it speaks; 0 to 6 are seen.
    pub version: u32,
    /// What it says about itself; rarely anything.
    pub extensions: Vec<Extension>,
}

/// What a server answers INIT with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The version that will be spoken.
    pub version: u32,
    /// What it can do beyond that.
    pub extensions: Vec<Extension>,
}

impl Init {
    /// Appends the whole packet.
    pub fn encode_into(&self, out: &mut BytesMut) {
        encode(kind::INIT, self.version, &self.extensions, out);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        let (version, extensions) = read(reader)?;
        Ok(Self {
            version,
            extensions,
        })
    }
}

impl Version {
    /// Version 3 with these extensions.
    pub fn new(extensions: impl IntoIterator<Item = Extension>) -> Self {
        Self {
            version: VERSION,
            extensions: extensions.into_iter().collect(),
        }
    }

    /// Appends the whole packet.
    pub fn encode_into(&self, out: &mut BytesMut) {
        encode(kind::VERSION, self.version, &self.extensions, out);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        let (version, extensions) = read(reader)?;
        Ok(Self {
            version,
            extensions,
        })
    }
}

fn encode(kind: u8, version: u32, extensions: &[Extension], out: &mut BytesMut) {
    packet(out, |out| {
        out.put_u8(kind);
        out.put_u32(version);
        for pair in extensions {
            pair.put(out);
        }
    });
}

fn read(reader: &mut Reader<'_>) -> Result<(u32, Vec<Extension>), Stop> {
    let version = reader.u32("version")?;
    let mut extensions = Vec::new();
    while !reader.is_empty() {
        if extensions.len() == limits::MAX_EXTENSIONS {
            return Err(Stop::Flawed(Flaw::TooMany { what: "extensions" }));
        }
        extensions.push(Extension::read(reader)?);
    }
    Ok((version, extensions))
}
