//! The codes that clients depend on, and the handles that are none.

use bytes::Bytes;
use sftp::{Extended, Request, StatusCode};

use crate::support::*;

#[tokio::test]
async fn what_is_missing_is_no_such_file_whatever_is_asked() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    for request in [
        open("absent", R),
        open("absent", W),
        open("absent", W | T),
        open("absent", R | W),
        stat("absent"),
        lstat("absent"),
        stat("absent/deeper"),
        setstat("absent", times(1)),
        opendir("absent"),
        remove("absent"),
        rmdir("absent"),
        rename("absent", "b"),
        posix_rename("absent", "b"),
    ] {
        assert_eq!(
            partner.code(request.clone()).await,
            StatusCode::NoSuchFile,
            "{request:?}"
        );
    }
}

#[tokio::test]
async fn what_exists_already_is_a_failure() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.put("a", b"a").await;
    partner.put("b", b"b").await;
    partner.ok(mkdir("d")).await;
    partner.put("d/x", b"x").await;
    for request in [
        open("a", W | C | X),
        open("a", W | C | T | X),
        rename("a", "b"),
        rename("a", "d"),
        mkdir("d"),
        mkdir("a"),
        rmdir("d"),
        rmdir("a"),
        remove("d"),
        opendir("a"),
        open("d", R),
    ] {
        assert_eq!(
            partner.code(request.clone()).await,
            StatusCode::Failure,
            "{request:?}"
        );
    }
    for (path, content) in [("a", b"a"), ("b", b"b"), ("d/x", b"x")] {
        assert_eq!(house.object(path).await, Some(content.to_vec()), "{path}");
    }
}

#[tokio::test]
async fn what_is_not_served_is_unsupported() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.put("a", b"a").await;
    let unknown = Extended::Unknown {
        name: bytes("rm-rf@example.com"),
        payload: bytes("/"),
    };
    for request in [
        Request::Extended(unknown),
        Request::Extended(Extended::Hardlink {
            from: bytes("a"),
            to: bytes("b"),
        }),
        Request::Symlink {
            target: bytes("a"),
            link: bytes("b"),
        },
        // LINK of version 6, and a type that nobody has.
        Request::Unknown {
            kind: 21,
            body: bytes("\0\0\0\x01a\0\0\0\x01b\0"),
        },
        Request::Unknown {
            kind: 77,
            body: Bytes::new(),
        },
    ] {
        let code = partner.code(request.clone()).await;
        assert_eq!(code, StatusCode::OpUnsupported, "{request:?}");
    }
    assert_eq!(partner.names("").await, ["a"]);
}

#[tokio::test]
async fn handles_that_nobody_gave_out_fail_and_end_nothing() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let closed = partner.open("a", W | C | T).await;
    partner.ok(close(&closed)).await;
    for handle in [
        closed,
        bytes(""),
        bytes("\0\0\0\x63"),
        bytes([255; 4]),
        bytes([7; 256]),
    ] {
        for request in [
            close(&handle),
            read(&handle, 0, 10),
            fstat(&handle),
            fsetstat(&handle, size(0)),
            readdir(&handle),
            Request::Extended(Extended::Fsync {
                handle: handle.clone(),
            }),
        ] {
            let code = partner.code(request.clone()).await;
            assert_eq!(code, StatusCode::Failure, "{request:?}");
        }
        assert_eq!(
            code(&partner.write(&handle, 0, b"x").await),
            Some(StatusCode::Failure)
        );
    }
    assert_eq!(partner.size("a").await, Some(0));
}

#[tokio::test]
async fn handles_are_short_and_of_one_length() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let mut lengths = Vec::new();
    for number in 0..20 {
        lengths.push(partner.open(&format!("f{number}"), W | C | T).await.len());
    }
    lengths.push(partner.handle(opendir("")).await.len());
    assert!(
        lengths.iter().all(|length| *length == lengths[0]),
        "{lengths:?}"
    );
    assert!((1..=16).contains(&lengths[0]));
}

#[tokio::test]
async fn a_handle_does_only_what_it_was_opened_for() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.put("a", b"abc").await;
    let reading = partner.open("a", R).await;
    assert!(!is_ok(&partner.write(&reading, 0, b"x").await));
    let directory = partner.handle(opendir("")).await;
    assert_eq!(
        partner.code(read(&directory, 0, 9)).await,
        StatusCode::Failure
    );
    assert_eq!(partner.code(readdir(&reading)).await, StatusCode::Failure);
    let writing = partner.open("b", W | C | T).await;
    assert_ne!(
        code(&partner.call(read(&writing, 0, 1)).await),
        Some(StatusCode::Ok)
    );
    for handle in [reading, directory, writing] {
        partner.ok(close(&handle)).await;
    }
    assert_eq!(house.object("a").await, Some(b"abc".to_vec()));
}
