//! The client against OpenSSH's own server.

use std::os::unix::fs::MetadataExt as _;

use bytes::Bytes;
use client::{
    Connection, Credential, Endpoint, Fingerprint, HostKeyCheck, LogIn, Settings, Sftp, WriteMode,
};
use model::ErrorKind;
use sftp::{Attributes, Times};
use testkit::sshd::Sshd;

async fn server() -> Sshd {
    Sshd::start("Banner none").await.expect("sshd runs")
}

fn endpoint(server: &Sshd) -> Endpoint {
    Endpoint::parse(&format!("sftp://{}", server.address())).expect("an endpoint")
}

fn check(server: &Sshd) -> HostKeyCheck {
    HostKeyCheck::Known(vec![server.fingerprint().parse().expect("a fingerprint")])
}

fn credential(server: &Sshd) -> Credential {
    Credential::key_file(&server.key_file()).expect("a key")
}

async fn connect(server: &Sshd, settings: Settings) -> (Connection, Sftp) {
    let connected = Connection::connect(&endpoint(server), check(server), settings).await;
    let mut connection = connected.expect("connected");
    let taken = connection.log_in(server.user(), &credential(server)).await;
    assert_eq!(taken.expect("answered"), LogIn::Taken);
    let sftp = connection.sftp().await.expect("SFTP");
    (connection, sftp)
}

#[tokio::test]
async fn a_host_key_that_is_not_known_is_refused_with_its_fingerprint() {
    let server = server().await;
    let other: Fingerprint = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
        .parse()
        .expect("valid");
    let check = HostKeyCheck::Known(vec![other]);
    let refused = Connection::connect(&endpoint(&server), check, Settings::default()).await;
    let error = refused.expect_err("another key");
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains(server.fingerprint()), "{error}");
    let trusting = HostKeyCheck::TrustFirst;
    let connected = Connection::connect(&endpoint(&server), trusting, Settings::default()).await;
    let seen = connected.expect("connected").seen();
    let shown = seen.host_key.expect("a host key");
    assert_eq!(shown.fingerprint.to_string(), server.fingerprint());
    assert_eq!(shown.algorithm, "ssh-ed25519");
    assert!(
        seen.version
            .expect("a version")
            .starts_with("SSH-2.0-OpenSSH")
    );
    let agreed = seen.algorithms.expect("algorithms");
    assert!(agreed.strict && !agreed.cipher.is_empty() && !agreed.key_exchange.is_empty());
}

#[tokio::test]
async fn a_stranger_is_refused_and_the_banner_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let banner = folder.path().join("banner");
    std::fs::write(&banner, "Authorised partners only\n").expect("written");
    let server = Sshd::start(&format!("Banner {}", banner.display()))
        .await
        .expect("sshd runs");
    let connected =
        Connection::connect(&endpoint(&server), check(&server), Settings::default()).await;
    let mut connection = connected.expect("connected");
    let password = Credential::Password("wrong".to_owned().into());
    let refused = connection.log_in(server.user(), &password).await;
    assert_eq!(refused.expect("answered"), LogIn::Refused);
    let taken = connection.log_in(server.user(), &credential(&server)).await;
    assert_eq!(taken.expect("answered"), LogIn::Taken);
    let shown = connection.seen().banner.expect("a banner");
    assert_eq!(shown.trim_end(), "Authorised partners only");
}

#[tokio::test]
async fn a_large_file_survives_both_ways_whatever_the_window() {
    let server = server().await;
    let folder = tempfile::tempdir().expect("a folder");
    let content: Vec<u8> = (0..9_000_001_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let content = Bytes::from(content);
    for window in [1, 100 << 10, 8 << 20] {
        let settings = Settings {
            window,
            ..Settings::default()
        };
        let (_connection, sftp) = connect(&server, settings).await;
        let path = folder.path().join(format!("file-{window}"));
        let name = path.to_str().expect("UTF-8").as_bytes();
        // One request at a time is slow: a part of it will do.
        let wanted = if window == 1 {
            content.slice(..700_001)
        } else {
            content.clone()
        };
        let mut writer = sftp.write(name, WriteMode::New).await.expect("opened");
        for piece in wanted.chunks(1 << 20) {
            writer
                .write(wanted.slice_ref(piece))
                .await
                .expect("written");
        }
        assert_eq!(writer.len(), wanted.len() as u64);
        let times = Attributes {
            times: Some(Times {
                accessed: 1_000_000_000,
                modified: 1_234_567_890,
            }),
            ..Attributes::default()
        };
        writer.finish(times).await.expect("closed");
        assert!(
            std::fs::read(&path).expect("read") == wanted,
            "what was written"
        );
        assert_eq!(
            std::fs::metadata(&path).expect("it stands").mtime(),
            1_234_567_890
        );
        for known in [None, Some(wanted.len() as u64), Some(1)] {
            let mut reader = sftp.read(name, 5, known).await.expect("opened");
            let mut read = Vec::new();
            while let Some(pieces) = reader.next().await.expect("read") {
                pieces
                    .iter()
                    .for_each(|piece| read.extend_from_slice(piece));
            }
            assert_eq!(
                reader.attributes().await.expect("stat").size,
                Some(wanted.len() as u64)
            );
            reader.close().await.expect("closed");
            assert!(read == wanted[5..], "what was read: {} bytes", read.len());
        }
    }
}

#[tokio::test]
async fn a_directory_is_listed_page_by_page_and_errors_name_what_failed() {
    let server = server().await;
    let folder = tempfile::tempdir().expect("a folder");
    for number in 0..1500 {
        std::fs::write(folder.path().join(format!("f{number:04}")), "").expect("written");
    }
    let (connection, sftp) = connect(&server, Settings::default()).await;
    let path = folder.path().to_str().expect("UTF-8");
    let mut listing = sftp.list(path.as_bytes()).await.expect("opened");
    let (mut names, mut pages) = (Vec::new(), 0);
    while let Some(page) = listing.next_page().await.expect("listed") {
        names.extend(page.into_iter().map(|entry| entry.name));
        pages += 1;
    }
    names.sort();
    assert_eq!((names.len(), &names[1499][..]), (1500, &b"f1499"[..]));
    assert!(pages > 1, "{pages} pages");
    let missing = format!("{path}/missing");
    let error = sftp
        .stat(missing.as_bytes())
        .await
        .expect_err("nothing there");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("/missing"), "{error}");
    connection.close().await;
    let error = sftp
        .stat(path.as_bytes())
        .await
        .expect_err("the connection ended");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}
