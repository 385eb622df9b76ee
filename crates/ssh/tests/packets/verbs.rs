//! What clients depend on, verb by verb: statuses, sizes, names, order.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use sftp::{
    Attributes, Extended, Extension, FileKind, FileSystem, Init, Limits, Owner, Reply, Request,
    StatusCode,
};
use storage::memory::{Fault, Operation};
use tokio::sync::Semaphore;

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
async fn a_burst_on_one_path_is_served_in_its_order() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.put("a", b"old").await;
    // lftp's `mv -f`: REMOVE, then RENAME, none awaited; then what others ask at once.
    partner.put("b", b"other").await;
    let burst = Burst::of([
        remove("a"),
        rename("b", "a"),
        stat("a"),
        stat("b"),
        setstat("a", times(9)),
        stat("a"),
        mkdir("d"),
        rename("a", "d/a"),
        stat("d/a"),
        rmdir("d"),
        remove("d/a"),
        rmdir("d"),
        stat("d"),
    ]);
    let replies = partner.exchange(burst).await;
    let seen: Vec<_> = replies
        .iter()
        .map(|reply| match reply {
            Reply::Attributes(found) => format!("{:?}", found.size.expect("a size")),
            reply => format!("{:?}", code(reply).expect("a status")),
        })
        .collect();
    let expected = "Ok Ok 5 NoSuchFile Ok 5 Ok Ok 5 Failure Ok Ok NoSuchFile";
    assert_eq!(seen.join(" "), expected);
}

#[tokio::test]
async fn what_follows_close_waits_for_its_commit() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    house
        .store
        .on_request(move |request| match request.operation {
            Operation::Put if request.key.ends_with('a') => Fault::Hold(Arc::clone(&held)),
            _ => Fault::None,
        });
    let handle = partner.open("a", W | C | T).await;
    let mut burst = Burst::new();
    burst.write(&handle, 0, b"12345");
    burst.add(&close(&handle));
    burst.add(&stat("a"));
    burst.add(&setstat("a", times(4)));
    burst.add(&rename("a", "b"));
    burst.add(&stat("b"));
    // On another path: not held up.
    burst.add(&mkdir("d"));
    let ids = partner.send(burst).await;
    let early: Vec<_> = partner.replies(2).await;
    let mut answered: Vec<_> = early.iter().map(|(id, _)| *id).collect();
    answered.sort();
    assert_eq!(answered, [ids[0], ids[6]], "the WRITE and the MKDIR");
    gate.add_permits(1);
    let late = partner.replies(5).await;
    assert!(
        late.iter()
            .all(|(_, reply)| code(reply).is_none() || is_ok(reply)),
        "{late:?}"
    );
    let found = partner.attributes(stat("b")).await;
    assert_eq!(
        (found.size, found.times.map(|times| times.modified)),
        (Some(5), Some(4))
    );
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

#[tokio::test]
async fn longnames_are_what_ls_prints() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.ok(mkdir("a directory")).await;
    partner.put("a file", &pattern(1234)).await;
    partner.ok(setstat("a file", times(981_173_106))).await;
    let entries = partner.list("/").await;
    for (name, kind, size) in [("a directory", 'd', None), ("a file", '-', Some("1234"))] {
        let entry = entries
            .iter()
            .find(|entry| entry.name == name)
            .expect("listed");
        let line = std::str::from_utf8(&entry.longname).expect("UTF-8");
        assert!(line.ends_with(&format!(" {name}")), "{line}");
        let words: Vec<_> = line.split_whitespace().collect();
        let permissions: Vec<char> = words[0].chars().collect();
        assert_eq!(permissions.len(), 10, "{line}");
        assert_eq!(permissions[0], kind);
        assert!(
            permissions[1..]
                .iter()
                .all(|letter| "rwx-".contains(*letter)),
            "{line}"
        );
        assert!(words[1].parse::<u32>().is_ok(), "links: {line}");
        assert!(words[4].parse::<u64>().is_ok(), "size: {line}");
        assert!(size.is_none_or(|size| words[4] == size), "{line}");
        let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
        assert_eq!(months.find(words[5]).map(|at| at % 3), Some(0), "{line}");
        if kind == '-' {
            assert_eq!(words[5..8], ["Feb", "3", "2001"], "{line}");
        }
    }
}

#[tokio::test]
async fn listings_come_in_packets_that_every_client_takes() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let name = |number: usize| format!("{number:04}-{}", "n".repeat(200));
    let mut expected = Vec::new();
    for number in 0..300 {
        house.plant(&name(number), b"x").await;
        expected.push(name(number));
    }
    let handle = partner.handle(opendir("/")).await;
    let mut listed = Vec::new();
    loop {
        match partner.call(readdir(&handle)).await {
            Reply::Name(entries) => {
                assert!(
                    !entries.is_empty(),
                    "a count of nought ends the listing for some"
                );
                let length: usize = entries.iter().map(sftp::Name::encoded_len).sum();
                assert!(length <= 64 << 10, "{length} bytes in one NAME");
                listed.extend(entries.into_iter().map(|entry| entry.name));
            }
            reply => {
                assert_eq!(code(&reply), Some(StatusCode::Eof), "{reply:?}");
                break;
            }
        }
    }
    assert_eq!(
        partner.code(readdir(&handle)).await,
        StatusCode::Eof,
        "as often as asked"
    );
    listed.retain(|name| name != "." && name != "..");
    assert_eq!(listed, expected);
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
