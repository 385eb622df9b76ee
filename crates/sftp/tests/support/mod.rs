//! What the tests of this crate share: a decoder fed slice by slice, and values for proptest.
#![allow(dead_code, reason = "each test file uses its part")]

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use sftp::{
    Attributes, CheckFile, DecodeError, Decoder, Extended, Extension, Init, Item, Md5Hash, Name,
    OpenFlags, Owner, Refusal, Reply, Request, RequestId, Status, StatusCode, Times, Write, limits,
};

/// An item of a decoder with its borrows resolved and the pieces of a WRITE joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Init(Init),
    Request(RequestId, Request),
    Write(RequestId, Write),
    Refused(RequestId, Refusal),
}

/// A decoder with what it has seen. Checks the order of a WRITE's items on the way.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    pub(crate) decoder: Decoder,
    pub(crate) seen: Vec<Seen>,
    open: Option<(RequestId, Bytes, u64, u32, BytesMut)>,
}

impl Feed {
    pub(crate) fn slice(&mut self, mut slice: &[u8]) -> Result<(), DecodeError> {
        while let Some(item) = self.decoder.next(&mut slice)? {
            match item {
                Item::WriteBegin(head) => {
                    assert!(self.open.is_none(), "a write inside a write");
                    let handle = Bytes::copy_from_slice(head.handle);
                    self.open = Some((head.id, handle, head.offset, head.length, BytesMut::new()));
                }
                Item::WriteData(piece) => {
                    assert!(!piece.is_empty());
                    self.open
                        .as_mut()
                        .expect("a write is open")
                        .4
                        .extend_from_slice(piece);
                }
                Item::WriteEnd => {
                    let (id, handle, offset, length, data) = self.open.take().expect("open");
                    assert_eq!(data.len(), length as usize);
                    let data = data.freeze();
                    self.seen.push(Seen::Write(
                        id,
                        Write {
                            handle,
                            offset,
                            data,
                        },
                    ));
                }
                other => {
                    assert!(self.open.is_none(), "{other:?} inside a write");
                    self.seen.push(match other {
                        Item::Init(init) => Seen::Init(init),
                        Item::Request { id, request } => Seen::Request(id, request),
                        Item::Refused { id, refusal } => Seen::Refused(id, refusal),
                        _ => unreachable!("matched above"),
                    });
                }
            }
        }
        assert!(
            slice.is_empty(),
            "what is left over must wait in the decoder"
        );
        assert!(self.decoder.buffered() <= limits::MAX_REQUEST + 4);
        Ok(())
    }
}

/// Decodes `bytes` given in slices of these sizes, over and over.
pub(crate) fn decode(bytes: &[u8], sizes: &[usize]) -> (Vec<Seen>, Option<DecodeError>) {
    let mut feed = Feed::default();
    let mut rest = bytes;
    let mut sizes = sizes.iter().copied().cycle();
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(rest.len()).clamp(1, rest.len());
        let (slice, behind) = rest.split_at(size);
        rest = behind;
        if let Err(error) = feed.slice(slice) {
            let again = feed.decoder.next(&mut &b"\0\0\0\x05\x01\0\0\0\x03"[..]);
            assert_eq!(again, Err(error), "a failed decoder stays failed");
            return (feed.seen, Some(error));
        }
    }
    (feed.seen, None)
}

pub(crate) fn encode(seen: &[Seen]) -> BytesMut {
    let mut out = BytesMut::new();
    for seen in seen {
        match seen {
            Seen::Init(init) => init.encode_into(&mut out),
            Seen::Request(id, request) => request.encode_into(*id, &mut out),
            Seen::Write(id, write) => write.encode_into(*id, &mut out),
            Seen::Refused(..) => unreachable!("nobody sends refusals"),
        }
    }
    out
}

pub(crate) fn init() -> impl Strategy<Value = Init> {
    (any::<u32>(), extensions()).prop_map(|(version, extensions)| Init {
        version,
        extensions,
    })
}

/// An INIT and some requests behind it.
pub(crate) fn session() -> impl Strategy<Value = Vec<Seen>> {
    let one = prop_oneof![
        3 => (any::<u32>(), request()).prop_map(|(id, request)| Seen::Request(id, request)),
        1 => (any::<u32>(), write()).prop_map(|(id, write)| Seen::Write(id, write)),
    ];
    (init(), vec(one, 0..12)).prop_map(|(init, mut rest)| {
        rest.insert(0, Seen::Init(init));
        rest
    })
}

pub(crate) fn write() -> impl Strategy<Value = Write> {
    (handle(), any::<u64>(), blob(3000)).prop_map(|(handle, offset, data)| Write {
        handle,
        offset,
        data,
    })
}

pub(crate) fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        (path(), any::<u32>(), attributes()).prop_map(|(path, bits, attributes)| {
            Request::Open {
                path,
                flags: OpenFlags::from_bits(bits),
                attributes,
            }
        }),
        handle().prop_map(|handle| Request::Close { handle }),
        (handle(), any::<u64>(), any::<u32>()).prop_map(|(handle, offset, length)| Request::Read {
            handle,
            offset,
            length
        }),
        path().prop_map(|path| Request::Lstat { path }),
        handle().prop_map(|handle| Request::Fstat { handle }),
        (path(), attributes()).prop_map(|(path, attributes)| Request::Setstat { path, attributes }),
        (handle(), attributes())
            .prop_map(|(handle, attributes)| Request::Fsetstat { handle, attributes }),
        path().prop_map(|path| Request::Opendir { path }),
        handle().prop_map(|handle| Request::Readdir { handle }),
        path().prop_map(|path| Request::Remove { path }),
        (path(), attributes()).prop_map(|(path, attributes)| Request::Mkdir { path, attributes }),
        path().prop_map(|path| Request::Rmdir { path }),
        path().prop_map(|path| Request::Realpath { path }),
        path().prop_map(|path| Request::Stat { path }),
        (path(), path()).prop_map(|(from, to)| Request::Rename { from, to }),
        path().prop_map(|path| Request::Readlink { path }),
        (path(), path()).prop_map(|(target, link)| Request::Symlink { target, link }),
        extended().prop_map(Request::Extended),
        (prop_oneof![Just(2_u8), 21_u8..200, 201_u8..], blob(40))
            .prop_map(|(kind, body)| Request::Unknown { kind, body }),
    ]
}

fn extended() -> impl Strategy<Value = Extended> {
    prop_oneof![
        Just(Extended::Limits),
        (path(), path()).prop_map(|(from, to)| Extended::PosixRename { from, to }),
        handle().prop_map(|handle| Extended::Fsync { handle }),
        path().prop_map(|path| Extended::Statvfs { path }),
        handle().prop_map(|handle| Extended::Fstatvfs { handle }),
        (path(), path()).prop_map(|(from, to)| Extended::Hardlink { from, to }),
        (path(), attributes())
            .prop_map(|(path, attributes)| Extended::Lsetstat { path, attributes }),
        (handle(), any::<u64>(), any::<u64>(), handle(), any::<u64>()).prop_map(
            |(from, from_offset, length, to, to_offset)| Extended::CopyData {
                from,
                from_offset,
                length,
                to,
                to_offset
            }
        ),
        path().prop_map(|path| Extended::ExpandPath { path }),
        (vec(any::<u32>(), 0..9), vec(any::<u32>(), 0..9))
            .prop_map(|(users, groups)| Extended::UsersGroupsById { users, groups }),
        (path(), check()).prop_map(|(path, check)| Extended::CheckFileName { path, check }),
        (handle(), check()).prop_map(|(handle, check)| Extended::CheckFileHandle { handle, check }),
        (path(), md5()).prop_map(|(path, hash)| Extended::Md5HashName { path, hash }),
        (handle(), md5()).prop_map(|(handle, hash)| Extended::Md5HashHandle { handle, hash }),
        ("[a-z]{1,9}@example\\.com", blob(60)).prop_map(|(name, payload)| Extended::Unknown {
            name: Bytes::from(name),
            payload
        }),
    ]
}

fn check() -> impl Strategy<Value = CheckFile> {
    (blob(20), any::<u64>(), any::<u64>(), any::<u32>()).prop_map(
        |(algorithms, offset, length, block_size)| CheckFile {
            algorithms,
            offset,
            length,
            block_size,
        },
    )
}

fn md5() -> impl Strategy<Value = Md5Hash> {
    (any::<u64>(), any::<u64>(), blob(16)).prop_map(|(offset, length, quick_check)| Md5Hash {
        offset,
        length,
        quick_check,
    })
}

pub(crate) fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        (any::<u32>(), blob(80)).prop_map(|(code, message)| {
            Reply::Status(Status {
                code: StatusCode::from_wire(code),
                message,
            })
        }),
        handle().prop_map(Reply::Handle),
        blob(3000).prop_map(Reply::Data),
        vec(name(), 0..9).prop_map(Reply::Name),
        attributes().prop_map(Reply::Attributes),
        blob(90).prop_map(Reply::Extended),
    ]
}

pub(crate) fn name() -> impl Strategy<Value = Name> {
    (blob(40), blob(90), attributes()).prop_map(|(name, longname, attributes)| Name {
        name,
        longname,
        attributes,
    })
}

pub(crate) fn attributes() -> impl Strategy<Value = Attributes> {
    let owner = any::<(u32, u32)>().prop_map(|(uid, gid)| Owner { uid, gid });
    let times = any::<(u32, u32)>().prop_map(|(accessed, modified)| Times { accessed, modified });
    let words = (
        option::of(any::<u64>()),
        option::of(owner),
        option::of(any::<u32>()),
        option::of(times),
    );
    (words, extensions()).prop_map(|((size, owner, permissions, times), extended)| Attributes {
        size,
        owner,
        permissions,
        times,
        extended,
    })
}

pub(crate) fn extensions() -> impl Strategy<Value = Vec<Extension>> {
    let pair = (blob(20), blob(20)).prop_map(|(name, value)| Extension { name, value });
    prop_oneof![3 => Just(Vec::new()), 1 => vec(pair, 0..5)]
}

fn handle() -> impl Strategy<Value = Bytes> {
    prop_oneof![8 => blob(8), 1 => blob(limits::MAX_HANDLE)]
}

fn path() -> impl Strategy<Value = Bytes> {
    prop_oneof![8 => blob(30), 1 => blob(limits::MAX_PATH)]
}

pub(crate) fn blob(most: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..=most).prop_map(Bytes::from)
}
