//! What is encoded is decoded as it was, however the bytes are cut.

mod support;

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use sftp::{
    Extension, FileHash, FileSystem, FromServer, Limits, Reply, ReplyDecoder, Request, Status,
    UserGroupNames, Version,
};

use support::{Seen, blob, decode, encode, extensions, name, reply, request, session};

fn from_server(mut bytes: &[u8], size: usize) -> Vec<FromServer> {
    let (mut decoder, mut seen) = (ReplyDecoder::new(), Vec::new());
    while !bytes.is_empty() {
        let (mut slice, rest) = bytes.split_at(size.min(bytes.len()));
        while let Some(found) = decoder.next(&mut slice).expect("well formed") {
            seen.push(found);
        }
        bytes = rest;
    }
    seen
}

proptest! {
    #[test]
    fn requests_come_back_as_they_were(id: u32, request in request()) {
        let init = Seen::Init(sftp::Init { version: 3, extensions: Vec::new() });
        let sent = vec![init, Seen::Request(id, request)];
        prop_assert_eq!(decode(&encode(&sent), &[]), (sent, None));
    }

    #[test]
    fn sessions_are_the_same_in_any_slices(sent in session(), sizes in vec(1_usize..200, 1..9)) {
        let bytes = encode(&sent);
        for sizes in [&sizes[..], &[1], &[bytes.len()]] {
            let (seen, error) = decode(&bytes, sizes);
            prop_assert_eq!(&seen, &sent);
            prop_assert_eq!(error, None);
        }
    }

    #[test]
    fn replies_come_back_as_they_were(
        sent in vec((any::<u32>(), reply()), 0..9),
        version in extensions(),
        size in 1_usize..300,
    ) {
        let mut bytes = BytesMut::new();
        let version = Version::new(version);
        version.encode_into(&mut bytes);
        let mut expected = vec![FromServer::Version(version)];
        for (id, reply) in sent {
            reply.encode_into(id, &mut bytes);
            expected.push(FromServer::Reply { id, reply });
        }
        prop_assert_eq!(from_server(&bytes, size), expected);
    }

    #[test]
    fn a_data_head_and_its_payload_are_a_data_reply(id: u32, data in blob(3000)) {
        let (mut pieces, mut whole) = (BytesMut::new(), BytesMut::new());
        Reply::encode_data_head_into(id, data.len() as u32, &mut pieces);
        prop_assert_eq!(pieces.len(), Reply::DATA_HEAD_LEN);
        pieces.extend_from_slice(&data);
        Reply::Data(data).encode_into(id, &mut whole);
        prop_assert_eq!(pieces, whole);
    }

    #[test]
    fn a_name_says_how_long_it_is(name in name()) {
        let (mut one, mut none) = (BytesMut::new(), BytesMut::new());
        let length = name.encoded_len();
        Reply::Name(Vec::new()).encode_into(1, &mut none);
        Reply::Name(vec![name]).encode_into(1, &mut one);
        prop_assert_eq!(one.len() - none.len(), length);
    }

    #[test]
    fn bytes_behind_the_last_field_are_passed_over(request in request(), more in blob(20)) {
        // What is unknown or has no fields of its own takes every byte for its own.
        let open_ended = matches!(
            &request,
            Request::Unknown { .. } | Request::Extended(sftp::Extended::Unknown { .. })
        );
        prop_assume!(!open_ended);
        let init = Seen::Init(sftp::Init { version: 3, extensions: Vec::new() });
        let sent = vec![init.clone(), Seen::Request(7, request)];
        let mut bytes = encode(&sent);
        let start = encode(&[init]).len();
        let length = (bytes.len() - start - 4 + more.len()) as u32;
        bytes[start..start + 4].copy_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&more);
        prop_assert_eq!(decode(&bytes, &[5, 90]), (sent, None));
    }

    #[test]
    fn extension_replies_come_back_as_they_were(
        words: [u64; 11],
        users in vec(blob(9), 0..5),
        groups in vec(blob(9), 0..5),
        algorithm in "[a-z0-9]{1,9}",
        hashes in blob(64),
    ) {
        let limits = Limits { packet: words[0], read: words[1], write: words[2], handles: words[3] };
        prop_assert_eq!(Limits::decode(&limits.encode()), Ok(limits));
        let space = FileSystem {
            block_size: words[0],
            fragment_size: words[1],
            blocks: words[2],
            blocks_free: words[3],
            blocks_available: words[4],
            files: words[5],
            files_free: words[6],
            files_available: words[7],
            id: words[8],
            flags: words[9],
            name_max: words[10],
        };
        prop_assert_eq!(FileSystem::decode(&space.encode()), Ok(space));
        prop_assert!(FileSystem::decode(&limits.encode()).is_err());
        let names = UserGroupNames { users, groups };
        prop_assert_eq!(UserGroupNames::decode(&names.encode()), Ok(names));
        let md5 = FileHash::Md5 { hash: hashes.clone() };
        prop_assert_eq!(FileHash::decode(&md5.encode()), Ok(md5));
        let check = FileHash::CheckFile { algorithm: Bytes::from(algorithm), hashes };
        prop_assert_eq!(FileHash::decode(&check.encode()), Ok(check));
    }
}

#[test]
fn a_status_without_texts_is_taken() {
    let bare = b"\0\0\0\x09\x65\0\0\0\x07\0\0\0\x02";
    let reply = Status {
        code: sftp::StatusCode::NoSuchFile,
        message: Bytes::new(),
    }
    .into();
    assert_eq!(from_server(bare, 3), [FromServer::Reply { id: 7, reply }]);
}

#[test]
fn limits_are_those_of_the_decoder() {
    let limits = Limits::of_this_decoder(100);
    assert_eq!(
        (limits.packet, limits.read, limits.write),
        (262_144, 261_120, 261_120)
    );
    assert_eq!(Extension::STATVFS.value, "2");
}
