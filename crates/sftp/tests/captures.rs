//! Sessions of real clients with OpenSSH's server, one packet a line, recorded once.
//!
//! OpenSSH 9.2 sftp and scp, lftp 4.9, curl 7.88, rclone 1.60, psftp 0.78, paramiko 5, asyncssh
//! 2.24 and sshfs 3.7 worked with small files; `tests/captures/NAME.txt` says what each session holds.

mod support;

use std::fmt::Write as _;
use std::path::PathBuf;

use bytes::BytesMut;
use sftp::{Attributes, FromServer, Name, Reply, ReplyDecoder, StatusCode};

use support::{Seen, decode, encode};

const CLIENTS: [&str; 16] = [
    "asyncssh",
    "curl-append",
    "curl-get",
    "curl-list",
    "curl-put",
    "curl-resume",
    "lftp",
    "openssh-scp-preserve",
    "openssh-scp-put",
    "openssh-scp-tree",
    "openssh-sftp",
    "paramiko",
    "psftp",
    "rclone-get",
    "rclone-put",
    "sshfs",
];

#[test]
fn requests_of_real_clients_are_read_as_they_were_meant() {
    for client in CLIENTS {
        let bytes = packets(client, "requests").concat();
        let (seen, error) = decode(&bytes, &[]);
        assert_eq!(error, None, "{client}");
        for sizes in [&[1][..], &[7, 64]] {
            assert_eq!(decode(&bytes, sizes), (seen.clone(), None), "{client}");
        }
        let lines = seen.iter().fold(String::new(), |mut lines, seen| {
            writeln!(lines, "{}", line(seen)).expect("a string takes all");
            lines
        });
        assert_eq!(lines, text(client, "txt"), "{client}");
    }
}

#[test]
fn requests_of_real_clients_are_what_the_encoder_writes() {
    for client in CLIENTS {
        let bytes = packets(client, "requests").concat();
        let (seen, _) = decode(&bytes, &[]);
        assert_eq!(encode(&seen), bytes, "{client}");
    }
}

#[test]
fn replies_of_openssh_are_read_and_written_alike() {
    for client in CLIENTS {
        for packet in packets(client, "replies") {
            let mut decoder = ReplyDecoder::new();
            let found = decoder
                .next(&mut &packet[..])
                .expect("well formed")
                .expect("whole");
            let mut again = BytesMut::new();
            match found {
                FromServer::Version(version) => version.encode_into(&mut again),
                // OpenSSH leaves the language out.
                FromServer::Reply {
                    reply: Reply::Status(status),
                    ..
                } => {
                    assert!(!matches!(status.code, StatusCode::Other(_)));
                    assert!(!status.message.is_empty());
                    continue;
                }
                FromServer::Reply { id, reply } => reply.encode_into(id, &mut again),
            }
            assert_eq!(again, packet, "{client}");
        }
    }
}

#[test]
fn entries_of_openssh_have_a_type_and_a_longname() {
    let replies = packets("openssh-sftp", "replies").concat();
    let (mut decoder, mut slice, mut entries) = (ReplyDecoder::new(), &replies[..], Vec::new());
    while let Some(found) = decoder.next(&mut slice).expect("well formed") {
        if let FromServer::Reply {
            reply: Reply::Name(names),
            ..
        } = found
        {
            entries.extend(names);
        }
    }
    let of = |wanted: &str| -> &Name {
        entries
            .iter()
            .find(|entry| entry.name == wanted)
            .expect("listed")
    };
    let file = of("orders.csv");
    assert_eq!(file.attributes.kind(), Some(sftp::FileKind::File));
    assert_eq!(file.attributes.size, Some(15));
    assert!(file.longname.starts_with(b"-rw-r--r--"));
    assert_eq!(of(".").attributes.kind(), Some(sftp::FileKind::Directory));
    assert_eq!(of("/srv/partner").attributes, Attributes::default());
}

/// What a person would say of it.
fn line(seen: &Seen) -> String {
    match seen {
        Seen::Init(init) => format!("{init:?}"),
        Seen::Request(id, request) => format!("{id} {request:?}"),
        Seen::Write(id, write) => format!("{id} {write:?}"),
        Seen::Refused(id, refusal) => format!("{id} refused: {refusal}"),
    }
}

fn packets(client: &str, direction: &str) -> Vec<Vec<u8>> {
    let byte = |pair: &[u8]| {
        let digits = std::str::from_utf8(pair).expect("ASCII");
        u8::from_str_radix(digits, 16).expect("hexadecimal")
    };
    let hex = text(client, &format!("{direction}.hex"));
    hex.lines()
        .map(|line| line.as_bytes().chunks(2).map(byte).collect())
        .collect()
}

fn text(client: &str, kind: &str) -> String {
    let file =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/captures/{client}.{kind}"));
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
