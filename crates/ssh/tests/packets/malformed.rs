//! Packets that are none: what they end, and what they leave alone.

use bytes::{BufMut, Bytes, BytesMut};
use sftp::{Reply, StatusCode, Write};
use testkit::client::Error;

use crate::support::*;

/// A packet with this body.
fn packet(body: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    out.put_u32(body.len() as u32);
    out.put_slice(body);
    out.freeze()
}

/// Reads until the channel ends; what came before that.
async fn until_closed(partner: &mut Partner) -> Vec<(u32, Reply)> {
    let mut replies = Vec::new();
    loop {
        match partner.sftp.reply().await {
            Ok(reply) => replies.push(reply),
            Err(Error::Closed) => return replies,
            Err(error) => panic!("the channel was not closed: {error}"),
        }
    }
}

#[tokio::test]
async fn a_malformed_packet_is_answered_under_its_id_and_ends_its_channel() {
    let house = House::new().await;
    for body in [
        // STAT with half a path; READ without an offset; a WRITE that claims more than it has.
        &b"\x11\0\0\0\x07\0\0\0\x09abc"[..],
        b"\x05\0\0\0\x07\0\0\0\x01a",
        b"\x06\0\0\0\x07\0\0\0\x01a\0\0\0\0\0\0\0\0\0\0\0\x09abc",
    ] {
        let mut partner = house.partner().await;
        partner.sftp.send_bytes(packet(body)).await.expect("open");
        let replies = until_closed(&mut partner).await;
        assert_eq!(replies.len(), 1, "{replies:?}");
        assert_eq!(replies[0].0, 7);
        assert_eq!(code(&replies[0].1), Some(StatusCode::BadMessage));
    }
}

#[tokio::test]
async fn what_has_no_id_ends_its_channel_without_an_answer() {
    let house = House::new().await;
    for bytes in [
        // Empty, too short, far too long, INIT again, and no SFTP at all.
        &b"\0\0\0\0"[..],
        b"\0\0\0\x03\x11\0\0",
        b"\x7f\xff\xff\xff\x11\0\0\0\x07",
        b"\0\x04\0\x01\x06\0\0\0\x07",
        b"\0\0\0\x05\x01\0\0\0\x03",
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        let mut partner = house.partner().await;
        partner.sftp.send_bytes(bytes).await.expect("open");
        let replies = until_closed(&mut partner).await;
        assert!(replies.is_empty(), "{bytes:?}: {replies:?}");
    }
}

#[tokio::test]
async fn a_request_before_init_ends_its_channel() {
    let house = House::new().await;
    let client = house.client().await;
    let sftp = client.subsystem().await.expect("the subsystem starts");
    let mut partner = Partner { client, sftp };
    partner.send(Burst::of([stat("/")])).await;
    let replies = until_closed(&mut partner).await;
    assert!(replies.is_empty(), "{replies:?}");
}

#[tokio::test]
async fn another_channel_of_the_same_connection_goes_on() {
    let house = House::new().await;
    let client = house.client().await;
    let healthy = client.sftp().await.expect("a first channel");
    let broken = client.sftp().await.expect("a second channel");
    let mut broken = Partner {
        client,
        sftp: broken,
    };
    broken
        .sftp
        .send_bytes(&b"\0\0\0\0"[..])
        .await
        .expect("open");
    until_closed(&mut broken).await;
    let mut partner = Partner {
        client: broken.client,
        sftp: healthy,
    };
    partner.put("a", b"still here").await;
    assert_eq!(partner.get("a").await, b"still here");
    let mut third = Partner::new(partner.client).await;
    assert_eq!(third.size("a").await, Some(10));
}

#[tokio::test]
async fn nothing_is_published_by_a_channel_that_ends_malformed() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.put("a", b"before").await;
    for path in ["a", "b"] {
        let mut partner = house.partner().await;
        let handle = partner.open(path, W | C | T).await;
        assert!(is_ok(&partner.write(&handle, 0, b"half of it").await));
        partner
            .sftp
            .send_bytes(&b"\0\0\0\0"[..])
            .await
            .expect("open");
        until_closed(&mut partner).await;
    }
    house.until_sessions(1).await;
    assert_eq!(house.object("a").await, Some(b"before".to_vec()));
    assert_eq!(house.object("b").await, None);
    // What was taken before is its owner's to continue.
    assert_eq!(partner.size("a").await, Some(10));
}

#[tokio::test]
async fn what_is_too_long_but_well_framed_is_refused_and_the_channel_goes_on() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let handle = partner.open("a", W | C | T).await;
    // A WRITE above the limit of 261,120 bytes, and a STAT of 100,000 bytes of path.
    let data = Bytes::from(pattern(261_121));
    let write = Write {
        handle: handle.clone(),
        offset: 0,
        data,
    };
    partner.sftp.send_write(5, &write).await.expect("open");
    partner
        .sftp
        .send(6, &stat("x".repeat(100_000)))
        .await
        .expect("open");
    for (expected, (id, reply)) in [5, 6].into_iter().zip(partner.replies(2).await) {
        assert_eq!(id, expected);
        let Reply::Status(status) = reply else {
            panic!("{reply:?}")
        };
        assert!(!matches!(status.code, StatusCode::Ok), "{status:?}");
        assert!(!status.message.is_empty());
    }
    assert!(is_ok(&partner.write(&handle, 0, b"short").await));
    partner.ok(close(&handle)).await;
    assert_eq!(house.object("a").await, Some(b"short".to_vec()));
}

#[tokio::test]
async fn bytes_may_come_one_by_one() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let handle = partner.open("a", W | C | T).await;
    let mut out = BytesMut::new();
    let data = Bytes::from_static(b"drop by drop");
    Write {
        handle: handle.clone(),
        offset: 0,
        data,
    }
    .encode_into(1, &mut out);
    close(&handle).encode_into(2, &mut out);
    stat("a").encode_into(3, &mut out);
    for byte in out.freeze().chunks(1) {
        partner
            .sftp
            .send_bytes(Bytes::copy_from_slice(byte))
            .await
            .expect("open");
    }
    let replies = partner.replies(3).await;
    assert!(is_ok(&replies[0].1) && is_ok(&replies[1].1), "{replies:?}");
    assert_eq!(house.object("a").await, Some(b"drop by drop".to_vec()));
}
