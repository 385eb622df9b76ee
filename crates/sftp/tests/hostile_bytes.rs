//! Bytes that are wrong, too long or too many: what is fatal, what is refused, what it costs.

mod support;

use bytes::{BufMut, Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use sftp::{
    Attributes, DecodeError, Extended, Extension, Flaw, FromServer, Init, OpenFlags, Refusal,
    ReplyDecoder, Request, StatusCode, Write, limits,
};

use support::{Feed, Seen, decode, encode, session};

const INIT: Seen = Seen::Init(Init {
    version: 3,
    extensions: Vec::new(),
});
const NEXT: Seen = Seen::Request(9, Request::Extended(Extended::Limits));

/// The bytes of INIT and of a packet with this body.
fn after_init(body: &[u8]) -> BytesMut {
    let mut bytes = encode(&[INIT]);
    bytes.put_u32(body.len() as u32);
    bytes.put_slice(body);
    bytes
}

fn long(length: usize) -> Bytes {
    Bytes::from(vec![b'x'; length])
}

#[test]
fn what_is_too_much_is_refused_under_its_id_and_the_channel_goes_on() {
    let path_too_long = Refusal::PathTooLong {
        length: limits::MAX_PATH + 1,
    };
    let path = long(limits::MAX_PATH + 1);
    let handle = long(limits::MAX_HANDLE + 1);
    let pair = Extension {
        name: long(1),
        value: long(1),
    };
    let wide = Extension {
        name: long(limits::MAX_EXTENSION_TEXT + 1),
        value: long(0),
    };
    let attributes = |extended| Attributes {
        extended,
        ..Attributes::default()
    };
    let many = attributes(vec![pair; limits::MAX_EXTENSIONS + 1]);
    let users = vec![1; limits::MAX_IDS + 1];
    let huge = Extended::Unknown {
        name: long(4),
        payload: long(limits::MAX_REQUEST),
    };
    let huge_length = limits::MAX_REQUEST + 5 + 8;
    let request = |request| Seen::Request(5, request);
    let write = |handle, length| {
        Seen::Write(
            5,
            Write {
                handle,
                offset: 0,
                data: long(length),
            },
        )
    };
    for (sent, refusal) in [
        (request(Request::Stat { path: path.clone() }), path_too_long),
        (
            request(Request::Rename {
                from: long(1),
                to: path,
            }),
            path_too_long,
        ),
        (
            request(Request::Close {
                handle: handle.clone(),
            }),
            Refusal::HandleTooLong,
        ),
        (
            request(Request::Mkdir {
                path: long(1),
                attributes: many,
            }),
            Refusal::TooManyExtensions,
        ),
        (
            request(Request::Open {
                path: long(1),
                flags: OpenFlags::READ,
                attributes: attributes(vec![wide]),
            }),
            Refusal::ExtensionTooLong,
        ),
        (
            request(Request::Extended(Extended::UsersGroupsById {
                users,
                groups: vec![],
            })),
            Refusal::TooManyIds,
        ),
        (
            request(Request::Extended(huge)),
            Refusal::RequestTooLong {
                length: huge_length,
            },
        ),
        (write(handle, 400), Refusal::HandleTooLong),
        (
            write(long(4), limits::MAX_DATA + 1),
            Refusal::WriteTooLong {
                length: limits::MAX_DATA + 1,
            },
        ),
    ] {
        let bytes = encode(&[INIT, sent, NEXT]);
        for sizes in [&[bytes.len()][..], &[1], &[1000, 3]] {
            let (seen, error) = decode(&bytes, sizes);
            assert_eq!(error, None, "{refusal:?}");
            assert_eq!(seen, [INIT, Seen::Refused(5, refusal), NEXT]);
        }
        assert_ne!(refusal.status(), StatusCode::Ok);
        assert!(!refusal.to_string().is_empty());
    }
}

#[test]
fn the_longest_things_allowed_are_taken() {
    let sent = [
        INIT,
        Seen::Request(
            1,
            Request::Rename {
                from: long(limits::MAX_PATH),
                to: long(8192),
            },
        ),
        Seen::Request(
            2,
            Request::Close {
                handle: long(limits::MAX_HANDLE),
            },
        ),
        Seen::Write(
            3,
            Write {
                handle: long(256),
                offset: u64::MAX,
                data: long(limits::MAX_DATA),
            },
        ),
        Seen::Write(
            4,
            Write {
                handle: long(0),
                offset: 0,
                data: long(0),
            },
        ),
        NEXT,
    ];
    let bytes = encode(&sent);
    for sizes in [&[bytes.len()][..], &[32_768], &[7]] {
        assert_eq!(decode(&bytes, sizes), (sent.to_vec(), None));
    }
}

#[test]
fn malformed_packets_are_fatal_and_say_the_id_they_showed() {
    let truncated = |field| Flaw::Truncated { field };
    for (body, flaw, id) in [
        (&b""[..], Flaw::TooShort { length: 0 }, None),
        (b"\x03\0\0\0", Flaw::TooShort { length: 4 }, None),
        // OPEN without a path, with half a path, without flags, without attributes.
        (b"\x03\0\0\0\x07", truncated("path"), Some(7)),
        (b"\x03\0\0\0\x07\0\0\0\x04ab", truncated("path"), Some(7)),
        (
            b"\x03\0\0\0\x07\0\0\0\x01a",
            truncated("open flags"),
            Some(7),
        ),
        (
            b"\x03\0\0\0\x07\0\0\0\x01a\0\0\0\x01",
            truncated("attribute flags"),
            Some(7),
        ),
        // CLOSE with a handle of four gigabytes.
        (
            b"\x04\0\0\0\x07\xff\xff\xff\xffab",
            truncated("handle"),
            Some(7),
        ),
        // READ without a length.
        (
            b"\x05\0\0\0\x07\0\0\0\x01a\0\0\0\0\0\0\0\0",
            truncated("length"),
            Some(7),
        ),
        // WRITE that ends in its handle, before its offset, and one that claims too much.
        (b"\x06\0\0\0\x07", truncated("handle"), Some(7)),
        (b"\x06\0\0\0\x07\0\0\x7f\xffa", truncated("handle"), Some(7)),
        (
            b"\x06\0\0\0\x07\0\0\0\x01a\0\0\0\0",
            truncated("offset"),
            Some(7),
        ),
        (
            b"\x06\0\0\0\x07\0\0\0\x01a\0\0\0\0\0\0\0\0\0\0\0\x03ab",
            truncated("payload"),
            Some(7),
        ),
        // SETSTAT with a flag and no field; ids that are no multiple of four.
        (
            b"\x09\0\0\0\x07\0\0\0\x01a\0\0\0\x01\0\0",
            truncated("size"),
            Some(7),
        ),
        (
            b"\xc8\0\0\0\x07\0\0\0\x1eusers-groups-by-id@openssh.com\0\0\0\x03abc",
            truncated("id"),
            Some(7),
        ),
        (b"\x01\0\0\0\x03", Flaw::InitialisedTwice, None),
    ] {
        let bytes = after_init(body);
        for sizes in [&[bytes.len()][..], &[1], &[11, 2]] {
            let (seen, error) = decode(&bytes, sizes);
            let error = error.unwrap_or_else(|| panic!("{body:?} passed as {seen:?}"));
            assert_eq!((error.flaw(), error.request()), (flaw, id), "{body:?}");
            assert_eq!(seen, [INIT]);
        }
    }
}

#[test]
fn what_is_not_sftp_at_all_is_told_at_once() {
    let too_long = (limits::MAX_PACKET + 1) as u32;
    for (bytes, flaw) in [
        (
            &b"SSH-2.0-lost\r\n"[..],
            Flaw::TooLong {
                length: 0x5353_482d,
            },
        ),
        (&too_long.to_be_bytes(), Flaw::TooLong { length: too_long }),
        (
            b"\0\0\0\x05\x04\0\0\0\x07",
            Flaw::NotInitialised { kind: 4 },
        ),
        (
            b"\0\0\0\x16\x06\0\0\0\x07\0\0\0\x01a\0\0\0\0\0\0\0\0\0\0\0\0",
            Flaw::NotInitialised { kind: 6 },
        ),
        (
            b"\0\x00\x90\0\x01\0\0\0\x03",
            Flaw::TooLong { length: 0x9000 },
        ),
    ] {
        let (seen, error) = decode(bytes, &[3]);
        assert_eq!(error.map(|error| error.flaw()), Some(flaw));
        assert_eq!(seen, []);
    }
}

#[test]
fn too_many_extensions_in_init_are_fatal() {
    let pair = Extension {
        name: long(1),
        value: long(1),
    };
    let extensions = vec![pair; limits::MAX_EXTENSIONS + 1];
    let bytes = encode(&[Seen::Init(Init {
        version: 3,
        extensions,
    })]);
    let (_, error) = decode(&bytes, &[]);
    assert_eq!(
        error.map(|error| error.flaw()),
        Some(Flaw::TooMany { what: "extensions" })
    );
}

#[test]
fn what_is_announced_but_does_not_come_takes_no_memory() {
    let mut feed = Feed::default();
    feed.slice(&encode(&[INIT])).expect("well formed");
    // A STAT of 32 KiB announced, six bytes there.
    feed.slice(b"\0\0\x80\0\x11\0\0\0\x07\0")
        .expect("well formed");
    assert_eq!(feed.decoder.buffered(), 10);
}

#[test]
fn pieces_of_a_write_are_borrowed_from_the_slice() {
    let mut decoder = sftp::Decoder::new();
    let data = Bytes::from_static(b"payload");
    let write = Seen::Write(
        1,
        Write {
            handle: long(4),
            offset: 3,
            data,
        },
    );
    let bytes = encode(&[INIT, write]);
    let mut slice = &bytes[..];
    let mut borrowed = None;
    while let Some(item) = decoder.next(&mut slice).expect("well formed") {
        if let sftp::Item::WriteData(piece) = item {
            borrowed = Some(piece.as_ptr());
        }
    }
    assert_eq!(borrowed, Some(bytes[bytes.len() - 7..].as_ptr()));
}

proptest! {
    #[test]
    fn no_bytes_panic_and_slices_do_not_matter(
        bytes in vec(any::<u8>(), 0..600),
        sizes in vec(1_usize..40, 1..5),
    ) {
        prop_assert_eq!(decode(&bytes, &sizes), decode(&bytes, &[]));
    }

    #[test]
    fn a_damaged_session_is_the_same_in_any_slices(
        sent in session(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        sizes in vec(1_usize..300, 1..5),
    ) {
        let mut bytes = encode(&sent);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        prop_assert_eq!(decode(&bytes, &sizes), decode(&bytes, &[]));
    }

    #[test]
    fn no_reply_bytes_panic_and_slices_do_not_matter(bytes in vec(any::<u8>(), 0..600)) {
        let framed = [&(bytes.len() as u32).to_be_bytes()[..], &bytes].concat();
        for bytes in [&bytes, &framed] {
            prop_assert_eq!(replies(bytes, 1), replies(bytes, 700));
        }
    }
}

fn replies(bytes: &[u8], size: usize) -> (Vec<FromServer>, Option<DecodeError>) {
    let (mut decoder, mut seen) = (ReplyDecoder::new(), Vec::new());
    for mut slice in bytes.chunks(size) {
        loop {
            match decoder.next(&mut slice) {
                Ok(Some(found)) => seen.push(found),
                Ok(None) => break,
                Err(error) => return (seen, Some(error)),
            }
        }
    }
    (seen, None)
}
