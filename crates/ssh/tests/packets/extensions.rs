//! VERSION and what it announces.

use bytes::{Bytes, BytesMut};
use sftp::{Extended, Extension, FileSystem, Init, Limits, Reply, Request};

use crate::support::*;

#[tokio::test]
async fn version_announces_what_is_served_and_nothing_that_clients_would_try_to_use() {
    let house = House::new().await;
    let client = house.client().await;
    let mut sftp = client.subsystem().await.expect("the subsystem starts");
    let version = sftp.initialise().await.expect("VERSION");
    assert_eq!(version.version, 3);
    for extension in [
        Extension::LIMITS,
        Extension::POSIX_RENAME,
        Extension::FSYNC,
        Extension::STATVFS,
        Extension::FSTATVFS,
        Extension::LSETSTAT,
        Extension::COPY_DATA,
        Extension::EXPAND_PATH,
        Extension::USERS_GROUPS_BY_ID,
    ] {
        assert!(version.extensions.contains(&extension), "{extension:?}");
    }
    for name in [
        "versions",
        "supported",
        "supported2",
        "vendor-id",
        "newline",
    ] {
        assert!(
            version
                .extensions
                .iter()
                .all(|extension| extension.name != name),
            "{name}"
        );
    }
}

#[tokio::test]
async fn every_version_asked_for_is_answered_with_3() {
    let house = House::new().await;
    let client = house.client().await;
    for asked in [3, 4, 6, u32::MAX] {
        let mut sftp = client.subsystem().await.expect("the subsystem starts");
        let mut out = BytesMut::new();
        Init {
            version: asked,
            extensions: Vec::new(),
        }
        .encode_into(&mut out);
        sftp.send_bytes(out.freeze()).await.expect("open");
        let (_requests, mut replies) = sftp.split();
        assert_eq!(
            replies.version().await.expect("VERSION").version,
            3,
            "asked for {asked}"
        );
    }
}

#[tokio::test]
async fn limits_are_stated_as_they_are_kept() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let reply = partner.call(Request::Extended(Extended::Limits)).await;
    let Reply::Extended(payload) = reply else {
        panic!("{reply:?}")
    };
    let limits = Limits::decode(&payload).expect("four numbers");
    assert_eq!(
        (limits.packet, limits.read, limits.write),
        (262_144, 261_120, 261_120)
    );

    let content = pattern(3 * 261_120);
    let handle = partner.open("a", W | C | T).await;
    let mut burst = Burst::new();
    for (index, block) in content.chunks(261_120).enumerate() {
        burst.write(&handle, index as u64 * 261_120, block);
    }
    burst.add(&close(&handle));
    assert!(partner.exchange(burst).await.iter().all(is_ok));
    let handle = partner.open("a", R).await;
    for (index, block) in content.chunks(261_120).enumerate() {
        let reply = partner
            .call(read(&handle, index as u64 * 261_120, 261_120))
            .await;
        assert!(
            reply == Reply::Data(Bytes::copy_from_slice(block)),
            "block {index}"
        );
    }
}

#[tokio::test]
async fn extensions_answer() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.put("a", b"0123456789").await;
    let from = partner.open("a", R).await;
    let to = partner.open("b", W | C | X).await;
    let copy = Extended::CopyData {
        from: from.clone(),
        from_offset: 2,
        length: 5,
        to: to.clone(),
        to_offset: 0,
    };
    partner.ok(Request::Extended(copy)).await;
    partner
        .ok(Request::Extended(Extended::Fsync { handle: to.clone() }))
        .await;
    let reply = partner
        .call(Request::Extended(Extended::Fstatvfs {
            handle: from.clone(),
        }))
        .await;
    let Reply::Extended(payload) = reply else {
        panic!("{reply:?}")
    };
    let of_handle = FileSystem::decode(&payload).expect("eleven numbers");
    partner.ok(close(&from)).await;
    partner.ok(close(&to)).await;
    assert_eq!(house.object("b").await, Some(b"23456".to_vec()));

    let reply = partner
        .call(Request::Extended(Extended::Statvfs { path: bytes("/") }))
        .await;
    let Reply::Extended(payload) = reply else {
        panic!("{reply:?}")
    };
    let space = FileSystem::decode(&payload).expect("eleven numbers");
    assert!(space.block_size > 0 && space.blocks_available > 0 && space.name_max > 0);
    assert_eq!(space.block_size, of_handle.block_size);

    let lsetstat = Extended::Lsetstat {
        path: bytes("a"),
        attributes: times(3),
    };
    partner.ok(Request::Extended(lsetstat)).await;
    let found = partner.attributes(stat("a")).await;
    assert_eq!(found.times.map(|times| times.modified), Some(3));
    let owner = found.owner.expect("numbers");
    let ask = Extended::UsersGroupsById {
        users: vec![owner.uid, 987],
        groups: vec![owner.gid],
    };
    let reply = partner.call(Request::Extended(ask)).await;
    let Reply::Extended(payload) = reply else {
        panic!("{reply:?}")
    };
    let names = sftp::UserGroupNames::decode(&payload).expect("two lists");
    assert_eq!((names.users.len(), names.groups.len()), (2, 1));
    assert!(!names.users[0].is_empty() && names.users[1].is_empty());
}
