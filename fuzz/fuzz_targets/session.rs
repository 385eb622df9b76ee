//! INIT and a sequence of requests from arbitrary values: each comes back as it was sent, or is
//! refused under its id; damage may end the session but changes nothing that came before it.
#![no_main]

use arbitrary::Arbitrary;
use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use sftp::{
    Attributes, Decoder, Extended, Init, Item, OpenFlags, Owner, Request, Times, Write, limits,
};

#[derive(Debug, Arbitrary)]
struct Session {
    version: u32,
    requests: Vec<(u32, Sent)>,
    slice: u16,
    damage: Option<(u16, u8)>,
}

#[derive(Debug, Arbitrary)]
enum Sent {
    Open(Vec<u8>, u32, Attrs),
    Close(Vec<u8>),
    Read(Vec<u8>, u64, u32),
    Write(Vec<u8>, u64, Vec<u8>, Repeat),
    Setstat(Vec<u8>, Attrs),
    Readdir(Vec<u8>),
    Realpath(Vec<u8>, Repeat),
    Rename(Vec<u8>, Vec<u8>),
    CopyData(Vec<u8>, u64, u64, Vec<u8>, u64),
    UsersGroups(Vec<u32>, Vec<u32>),
    Vendor(Vec<u8>, Vec<u8>),
    Unknown(u8, Vec<u8>),
}

/// Makes a few input bytes long.
#[derive(Debug, Arbitrary)]
struct Repeat(u16);

impl Repeat {
    /// At most what still makes a packet that is refused at worst, not a fatal one.
    fn apply(&self, bytes: &[u8]) -> Vec<u8> {
        let most = limits::MAX_PACKET - 1000;
        let length = (bytes.len() * (1 + usize::from(self.0) / 16)).min(most.max(bytes.len()));
        bytes.iter().copied().cycle().take(length).collect()
    }
}

#[derive(Debug, Arbitrary)]
struct Attrs {
    size: Option<u64>,
    owner: Option<(u32, u32)>,
    permissions: Option<u32>,
    times: Option<(u32, u32)>,
}

fuzz_target!(|session: Session| {
    let mut bytes = BytesMut::new();
    Init {
        version: session.version,
        extensions: Vec::new(),
    }
    .encode_into(&mut bytes);
    let mut expected = Vec::new();
    for (id, sent) in session.requests {
        if bytes.len() < 4 * limits::MAX_PACKET {
            expected.push(put(id, sent, &mut bytes));
        }
    }
    let intact = match session.damage {
        Some((at, byte)) if usize::from(at) < bytes.len() => {
            bytes[usize::from(at)] ^= byte;
            byte == 0
        }
        _ => true,
    };
    let seen = decode(&bytes, usize::from(session.slice).max(1));
    assert_eq!(seen, decode(&bytes, bytes.len()));
    if intact {
        let (seen, failed) = seen;
        assert!(!failed);
        assert_eq!(seen.len(), expected.len() + 1);
        for (seen, expected) in seen[1..].iter().zip(&expected) {
            assert!(
                seen == expected || seen.starts_with("Refused"),
                "{seen} for {expected}"
            );
        }
    }
});

/// Appends the packet and says how the decoder will name it.
fn put(id: u32, sent: Sent, out: &mut BytesMut) -> String {
    let request = match sent {
        Sent::Write(handle, offset, data, repeat) => {
            let data = repeat.apply(&data);
            let write = Write {
                handle: handle.into(),
                offset,
                data: data.into(),
            };
            write.encode_into(id, out);
            return format!("Write {id} {write:?}");
        }
        Sent::Open(path, bits, attributes) => Request::Open {
            path: path.into(),
            flags: OpenFlags::from_bits(bits),
            attributes: attributes.into(),
        },
        Sent::Close(handle) => Request::Close {
            handle: handle.into(),
        },
        Sent::Read(handle, offset, length) => Request::Read {
            handle: handle.into(),
            offset,
            length,
        },
        Sent::Setstat(path, attributes) => Request::Setstat {
            path: path.into(),
            attributes: attributes.into(),
        },
        Sent::Readdir(handle) => Request::Readdir {
            handle: handle.into(),
        },
        Sent::Realpath(path, repeat) => Request::Realpath {
            path: path.repeat(usize::from(repeat.0) / 256).into(),
        },
        Sent::Rename(from, to) => Request::Rename {
            from: from.into(),
            to: to.into(),
        },
        Sent::CopyData(from, from_offset, length, to, to_offset) => {
            let (from, to) = (from.into(), to.into());
            Request::Extended(Extended::CopyData {
                from,
                from_offset,
                length,
                to,
                to_offset,
            })
        }
        Sent::UsersGroups(users, groups) => {
            Request::Extended(Extended::UsersGroupsById { users, groups })
        }
        Sent::Vendor(name, payload) => {
            let name = Bytes::from([&b"x-"[..], &name].concat());
            Request::Extended(Extended::Unknown {
                name,
                payload: payload.into(),
            })
        }
        Sent::Unknown(kind, body) => Request::Unknown {
            kind: kind.clamp(21, 199),
            body: body.into(),
        },
    };
    request.encode_into(id, out);
    format!("{:?}", Item::Request { id, request })
}

/// The items as text, each WRITE joined, and whether it failed. What an unfinished WRITE had is
/// left out.
fn decode(bytes: &[u8], size: usize) -> (Vec<String>, bool) {
    let (mut decoder, mut seen, mut write) = (Decoder::new(), Vec::new(), None);
    for mut slice in bytes.chunks(size) {
        loop {
            let item = match decoder.next(&mut slice) {
                Ok(Some(item)) => item,
                Ok(None) => break,
                Err(_) => return (seen, true),
            };
            match item {
                Item::WriteBegin(head) => {
                    let handle = Bytes::copy_from_slice(head.handle);
                    write = Some((head.id, handle, head.offset, Vec::new()));
                }
                Item::WriteData(piece) => {
                    write.as_mut().expect("begun").3.extend_from_slice(piece);
                }
                Item::WriteEnd => {
                    let (id, handle, offset, data) = write.take().expect("begun");
                    let write = Write {
                        handle,
                        offset,
                        data: data.into(),
                    };
                    seen.push(format!("Write {id} {write:?}"));
                }
                item => seen.push(format!("{item:?}")),
            }
        }
        assert!(decoder.buffered() <= limits::MAX_REQUEST + 4);
    }
    (seen, false)
}

impl From<Attrs> for Attributes {
    fn from(attrs: Attrs) -> Self {
        Self {
            size: attrs.size,
            owner: attrs.owner.map(|(uid, gid)| Owner { uid, gid }),
            permissions: attrs.permissions,
            times: attrs
                .times
                .map(|(accessed, modified)| Times { accessed, modified }),
            extended: Vec::new(),
        }
    }
}
