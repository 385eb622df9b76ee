//! What clients depend on, verb by verb: sizes, names, attributes.

use sftp::{Attributes, Extended, FileKind, Owner, Reply, Request, StatusCode};

use crate::support::*;

#[tokio::test]
async fn read_is_never_short_inside_a_file() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    // Long enough for several pieces of whatever the store and its reader cut it into.
    let content = pattern(9 * (1 << 20) + 12_345);
    partner.put("a", &content).await;
    let handle = partner.open("a", R).await;
    for length in [1, 512, 4096, 30_000, 32_755, 65_537, 261_120_u32] {
        let mut burst = Burst::new();
        let mut expected = Vec::new();
        // Sequential at first, then from the end, so that read-ahead is in the way.
        for step in (0..6).chain([200, 3, 150, 80, 280]) {
            let offset = step as usize * (length as usize).min(32_768);
            burst.add(&read(&handle, offset as u64, length));
            expected.push(offset..(offset + length as usize).min(content.len()));
        }
        let tail = content.len() - length as usize / 2 - 1;
        burst.add(&read(&handle, tail as u64, length));
        expected.push(tail..(tail + length as usize).min(content.len()));
        for (reply, range) in partner.exchange(burst).await.iter().zip(expected) {
            let Reply::Data(data) = reply else {
                panic!("{length} at {}: {reply:?}", range.start)
            };
            assert_eq!(data.len(), range.len(), "{length} at {}", range.start);
            assert!(data[..] == content[range], "the bytes differ");
        }
    }
    for offset in [
        content.len() as u64,
        content.len() as u64 + 1,
        1 << 40,
        u64::MAX,
    ] {
        for _ in 0..3 {
            assert_eq!(
                partner.code(read(&handle, offset, 100)).await,
                StatusCode::Eof
            );
        }
    }
}

#[tokio::test]
async fn realpath_is_absolute_and_needs_no_file() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    for (path, expected) in [
        ("", "/"),
        (".", "/"),
        ("./", "/"),
        ("/", "/"),
        ("..", "/"),
        ("/..", "/"),
        ("not/yet/there", "/not/yet/there"),
        ("/a//b/", "/a/b"),
        ("/a/.", "/a"),
        ("/a/..", "/"),
        ("/a/../../../b", "/b"),
    ] {
        let name = partner.name(realpath(path)).await;
        assert_eq!(name.name, expected, "{path:?}");
    }
    let expand = Request::Extended(Extended::ExpandPath { path: bytes("~/x") });
    assert_eq!(partner.name(expand).await.name, "/x");
}

#[tokio::test]
async fn rename_refuses_and_posix_rename_replaces() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.put("a", b"new").await;
    partner.put("b", b"old").await;
    assert_eq!(partner.code(rename("a", "b")).await, StatusCode::Failure);
    partner.ok(posix_rename("a", "b")).await;
    assert_eq!(house.object("b").await, Some(b"new".to_vec()));
    assert_eq!(house.object("a").await, None);
    partner.ok(rename("b", "c")).await;
    assert_eq!(partner.names("").await, ["c"]);
    partner.ok(mkdir("d")).await;
    partner.put("d/x", b"x").await;
    partner.ok(rename("d", "e")).await;
    assert_eq!(partner.names("e").await, ["x"]);
    assert_eq!(partner.size("d").await, None);
}

#[tokio::test]
async fn set_sizes_cut_and_extend() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.put("a", b"1234567890").await;
    partner.ok(setstat("a", size(4))).await;
    assert_eq!(house.object("a").await, Some(b"1234".to_vec()));
    let handle = partner.open("a", W).await;
    partner.ok(fsetstat(&handle, size(6))).await;
    assert_eq!(partner.attributes(fstat(&handle)).await.size, Some(6));
    partner.ok(close(&handle)).await;
    assert_eq!(house.object("a").await, Some(b"1234\0\0".to_vec()));
    let handle = partner.open("a", W).await;
    assert!(is_ok(&partner.write(&handle, 2, b"xy").await));
    partner.ok(close(&handle)).await;
    assert_eq!(house.object("a").await, Some(b"12xy\0\0".to_vec()));
}

#[tokio::test]
async fn times_and_mode_are_kept_and_come_back_everywhere() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let declared = Attributes {
        permissions: Some(0o100_600),
        ..times(86_400)
    };
    let handle = partner.handle(open_with("a", W | C | T, declared)).await;
    assert!(is_ok(&partner.write(&handle, 0, b"x").await));
    partner.ok(close(&handle)).await;
    assert_eq!(
        partner.attributes(stat("a")).await.permissions,
        Some(0o100_600)
    );
    partner.ok(setstat("a", mode(0o640))).await;
    partner.ok(setstat("a", times(1_234_567_890))).await;
    let owner = partner
        .attributes(stat("a"))
        .await
        .owner
        .expect("chown of clients needs it");
    let unchanged = Attributes {
        owner: Some(owner),
        ..Attributes::default()
    };
    partner.ok(setstat("a", unchanged)).await;
    let handle = partner.open("a", R).await;
    let entries = partner.list("").await;
    let listed = entries
        .into_iter()
        .find(|entry| entry.name == "a")
        .expect("listed")
        .attributes;
    let mut seen = vec![listed];
    for request in [stat("a"), lstat("a"), fstat(&handle)] {
        seen.push(partner.attributes(request).await);
    }
    for found in seen {
        assert_eq!(found.size, Some(1));
        assert_eq!(found.permissions, Some(0o100_640));
        assert_eq!(found.times.map(|times| times.modified), Some(1_234_567_890));
        assert_eq!(
            found.owner,
            Some(Owner {
                uid: owner.uid,
                gid: owner.gid
            })
        );
    }
    assert_eq!(
        partner.attributes(stat("/")).await.kind(),
        Some(FileKind::Directory)
    );
}
