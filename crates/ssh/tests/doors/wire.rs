//! Packets that no single client sends, but all of them together do.

use std::time::Duration;

use bytes::Bytes;
use sftp::{Attributes, Extended, OpenFlags, Reply, Request, StatusCode, Write};
use testkit::client::Sftp;

use crate::world::{World, noise};

fn name(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

async fn open(sftp: &mut Sftp, path: &'static str, flags: OpenFlags) -> Bytes {
    let attributes = Attributes::default();
    let request = Request::Open {
        path: name(path),
        flags,
        attributes,
    };
    match sftp.call(&request).await.expect("answered") {
        Reply::Handle(handle) => handle,
        other => panic!("{other:?}"),
    }
}

fn read(handle: &Bytes, offset: u64, length: u32) -> Request {
    Request::Read {
        handle: handle.clone(),
        offset,
        length,
    }
}

fn code(reply: Reply) -> StatusCode {
    match reply {
        Reply::Status(status) => status.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_reads_is_answered_in_order_with_full_data_and_eof_behind_the_end() {
    let world = World::new().await;
    let bytes = noise(8 << 20);
    world.seed("f", bytes.clone()).await;
    let (_client, mut sftp) = world.sftp().await;
    let handle = open(&mut sftp, "f", OpenFlags::READ).await;
    assert_eq!(handle.len(), 4);
    let count = 2048_u32;
    for n in 0..count {
        let offset = u64::from(n) * 32_755;
        sftp.send(n, &read(&handle, offset, 32_755))
            .await
            .expect("sent");
    }
    let close = Request::Close {
        handle: handle.clone(),
    };
    sftp.send(count, &close).await.expect("sent");
    let mut got = Vec::new();
    for n in 0..count {
        let (id, reply) = sftp.reply().await.expect("answered");
        assert_eq!(id, n);
        match reply {
            Reply::Data(data) => got.extend_from_slice(&data),
            other => {
                assert_eq!(code(other), StatusCode::Eof);
                assert_eq!(got.len(), bytes.len());
            }
        }
    }
    assert!(got == bytes);
    let (id, reply) = sftp.reply().await.expect("answered");
    assert_eq!((id, code(reply)), (count, StatusCode::Ok));
    drop((sftp, _client));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn winscp_sends_writes_close_and_setstat_in_one_burst() {
    let world = World::new().await;
    let (_client, mut sftp) = world.sftp().await;
    let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
    let handle = open(&mut sftp, "a", flags).await;
    let bytes = noise(100_000);
    for (id, piece) in (10..).zip(bytes.chunks(32_736)) {
        let write = Write {
            handle: handle.clone(),
            offset: (id - 10) * 32_736,
            data: Bytes::copy_from_slice(piece),
        };
        let id = u32::try_from(id).expect("small");
        sftp.send_write(id, &write).await.expect("sent");
    }
    let times = sftp::Times {
        accessed: 1_600_000_000,
        modified: 1_600_000_000,
    };
    let set = Request::Setstat {
        path: name("a"),
        attributes: Attributes {
            times: Some(times),
            ..Attributes::default()
        },
    };
    sftp.send(20, &Request::Close { handle })
        .await
        .expect("sent");
    sftp.send(21, &set).await.expect("sent");
    for _ in 0..6 {
        let (id, reply) = sftp.reply().await.expect("answered");
        assert_eq!(code(reply), StatusCode::Ok, "{id}");
    }
    let stat = sftp.call(&Request::Stat { path: name("/a") }).await;
    let Reply::Attributes(found) = stat.expect("answered") else {
        panic!("no attributes");
    };
    assert_eq!((found.size, found.times), (Some(100_000), Some(times)));
    assert_eq!(world.object("a").await.expect("stored"), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn status_codes_are_those_that_clients_depend_on() {
    let world = World::new().await;
    world.seed("f", "x").await;
    world.seed("d/f", "x").await;
    let (_client, mut sftp) = world.sftp().await;
    let open_for = |path: &'static str, flags| Request::Open {
        path: name(path),
        flags,
        attributes: Attributes::default(),
    };
    let exclusive = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
    let attributes = Attributes::default;
    for (request, wanted) in [
        (Request::Stat { path: name("no") }, StatusCode::NoSuchFile),
        (Request::Remove { path: name("no") }, StatusCode::NoSuchFile),
        (open_for("no", OpenFlags::READ), StatusCode::NoSuchFile),
        (open_for("no", OpenFlags::WRITE), StatusCode::NoSuchFile),
        (open_for("f", exclusive), StatusCode::Failure),
        (
            Request::Mkdir {
                path: name("d"),
                attributes: attributes(),
            },
            StatusCode::Failure,
        ),
        (Request::Rmdir { path: name("d") }, StatusCode::Failure),
        (
            Request::Rename {
                from: name("f"),
                to: name("d/f"),
            },
            StatusCode::Failure,
        ),
        (
            Request::Readlink { path: name("f") },
            StatusCode::OpUnsupported,
        ),
        (
            Request::Close {
                handle: name("none"),
            },
            StatusCode::Failure,
        ),
        (read(&name("none"), 0, 10), StatusCode::Failure),
        (
            Request::Stat {
                path: Bytes::from_static(b"a\xff"),
            },
            StatusCode::Failure,
        ),
        (
            Request::Unknown {
                kind: 99,
                body: Bytes::new(),
            },
            StatusCode::OpUnsupported,
        ),
    ] {
        let status = sftp.status(&request).await.expect("a status");
        assert_eq!(status.code, wanted, "{request:?}");
        assert!(!status.message.is_empty());
    }
    let limits = Request::Extended(Extended::Limits);
    let Reply::Extended(limits) = sftp.call(&limits).await.expect("answered") else {
        panic!("limits must not be answered by a status");
    };
    let limits = sftp::Limits::decode(&limits).expect("limits");
    assert_eq!(
        (limits.packet, limits.read, limits.write),
        (262_144, 261_120, 261_120)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn readdir_is_answered_in_order_and_at_its_end_as_often_as_asked() {
    let world = World::new().await;
    for n in 0..1200 {
        world.seed(&format!("d/{n:04}"), "x").await;
    }
    let (_client, mut sftp) = world.sftp().await;
    let opened = sftp.call(&Request::Opendir { path: name("d") }).await;
    let Reply::Handle(handle) = opened.expect("answered") else {
        panic!("no handle");
    };
    let mut names = Vec::new();
    let mut ends = 0;
    for id in 0..60 {
        let handle = handle.clone();
        sftp.send(id, &Request::Readdir { handle })
            .await
            .expect("sent");
    }
    for wanted in 0..60 {
        let (id, reply) = sftp.reply().await.expect("answered");
        assert_eq!(id, wanted);
        match reply {
            Reply::Name(entries) => {
                assert_eq!(ends, 0);
                let bytes: usize = entries.iter().map(sftp::Name::encoded_len).sum();
                assert!(bytes <= 32 << 10);
                names.extend(entries.into_iter().map(|entry| entry.name));
            }
            other => {
                assert_eq!(code(other), StatusCode::Eof);
                ends += 1;
            }
        }
    }
    assert!(ends > 3);
    names.retain(|name| name != "." && name != "..");
    assert_eq!(names.len(), 1200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_packet_ends_its_channel_and_no_other() {
    let world = World::new().await;
    let (client, mut good) = world.sftp().await;
    let mut bad = client.sftp().await.expect("a second channel");
    // A STAT whose path is longer than its packet.
    let packet: &[u8] = &[0, 0, 0, 9, 17, 0, 0, 0, 7, 0, 0, 0, 99];
    bad.send_bytes(packet).await.expect("sent");
    let (id, reply) = bad.reply().await.expect("answered");
    assert_eq!((id, code(reply)), (7, StatusCode::BadMessage));
    bad.reply().await.expect_err("the channel has ended");
    let stat = good.call(&Request::Stat { path: name("/") }).await;
    assert!(matches!(stat, Ok(Reply::Attributes(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_cut_leaves_no_memory_and_what_is_safe_to_its_owner() {
    let world = World::new().await;
    let (client, mut sftp) = world.sftp().await;
    let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE;
    let handle = open(&mut sftp, "part", flags).await;
    let data = Bytes::from(noise(200_000));
    for id in 0..100_u32 {
        let write = Write {
            handle: handle.clone(),
            offset: u64::from(id) * 200_000,
            data: data.clone(),
        };
        sftp.send_write(id, &write).await.expect("sent");
    }
    for _ in 0..100 {
        sftp.reply().await.expect("answered");
    }
    client.valve().cut();
    drop((sftp, client));
    let gateway = world.gateway.clone();
    let store = world.store.clone();
    let in_flight = world.buffers.in_flight.clone();
    let object = world.object("part").await;
    world.stop().await;
    assert!(object.is_none());
    assert_eq!(gateway.sessions(), 0);
    assert_eq!(in_flight.in_flight(), 0);
    use storage::ObjectStore;
    let left = store.list_uploads("").await;
    assert_eq!(left.expect("listed").len(), 1, "to be continued");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_costs_bounded_memory_and_hurts_nobody() {
    let world = World::new().await;
    world.seed("f", noise(32 << 20)).await;
    let (lazy, mut reader) = world.sftp().await;
    let handle = open(&mut reader, "f", OpenFlags::READ).await;
    lazy.valve().stop_reading();
    for id in 0..2048_u32 {
        let offset = u64::from(id) * 16_384;
        reader
            .send(id, &read(&handle, offset, 16_384))
            .await
            .expect("sent");
    }
    let (_other, mut sftp) = world.sftp().await;
    sftp.set_deadline(Duration::from_secs(10));
    for _ in 0..10 {
        let stat = sftp.call(&Request::Stat { path: name("f") }).await;
        assert!(matches!(stat, Ok(Reply::Attributes(_))));
    }
    lazy.valve().read_again();
    for wanted in 0..2048 {
        let (id, reply) = reader.reply().await.expect("answered");
        assert_eq!(id, wanted);
        assert!(matches!(reply, Reply::Data(data) if data.len() == 16_384));
    }
}
