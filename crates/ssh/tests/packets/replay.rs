//! Scripts of real clients, told by the client and what it was doing.

use bytes::{Bytes, BytesMut};
use sftp::{Attributes, Init, Reply, StatusCode, Write};
use storage::memory::{Fault, Operation};

use crate::support::*;

#[tokio::test]
async fn r1_winscp_small_file_sets_times_behind_an_unanswered_close() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let handle = partner.open("a", W | C | X).await;
    let content = pattern(40_000);
    let mut burst = Burst::new();
    burst.write(&handle, 0, &content[..32_736]);
    burst.write(&handle, 32_736, &content[32_736..]);
    burst.add(&close(&handle));
    burst.add(&setstat("a", times(1_000_000_000)));
    let replies = partner.exchange(burst).await;
    assert!(replies.iter().all(is_ok), "{replies:?}");
    let found = partner.attributes(stat("a")).await;
    assert_eq!(found.size, Some(40_000));
    assert_eq!(found.times.map(|times| times.modified), Some(1_000_000_000));
    assert_eq!(house.object("a").await, Some(content));
}

#[tokio::test]
async fn r1_winscp_declares_the_size_at_open_and_empty_files_have_no_write() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let handle = partner.handle(open_with("a", W | C | T, size(3))).await;
    assert_eq!(
        partner.size("a").await,
        Some(0),
        "a declared size is a hint"
    );
    let mut burst = Burst::new();
    burst.write(&handle, 0, b"abc");
    burst.add(&close(&handle));
    assert!(partner.exchange(burst).await.iter().all(is_ok));
    let handle = partner.handle(open_with("empty", W | C | T, size(0))).await;
    let burst = Burst::of([close(&handle), setstat("empty", times(5))]);
    assert!(partner.exchange(burst).await.iter().all(is_ok));
    assert_eq!(house.object("a").await, Some(b"abc".to_vec()));
    assert_eq!(house.object("empty").await, Some(Vec::new()));
}

#[tokio::test]
async fn r4_scp_over_a_longer_file_cuts_it_to_what_was_sent() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.put("a", &pattern(100_000)).await;
    let fresh: Vec<u8> = pattern(70_000).into_iter().rev().collect();
    assert_eq!(partner.size("a").await, Some(100_000));
    let handle = partner.handle(open_with("a", W | C, mode(0o644))).await;
    let mut burst = Burst::new();
    for (index, block) in fresh.chunks(32_768).enumerate() {
        burst.write(&handle, index as u64 * 32_768, block);
    }
    assert!(partner.exchange(burst).await.iter().all(is_ok));
    partner.ok(fsetstat(&handle, size(70_000))).await;
    partner.ok(close(&handle)).await;
    assert_eq!(partner.size("a").await, Some(70_000));
    assert_eq!(house.object("a").await, Some(fresh));
}

#[tokio::test]
async fn r4_scp_of_an_empty_file_over_another_empties_it() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.put("a", b"old content").await;
    let handle = partner.handle(open_with("a", W | C, mode(0o600))).await;
    partner.ok(fsetstat(&handle, size(0))).await;
    partner.ok(close(&handle)).await;
    assert_eq!(house.object("a").await, Some(Vec::new()));
}

#[tokio::test]
async fn r5_sftp_appends_to_a_complete_file() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.put("a", b"first,").await;
    assert_eq!(partner.size("a").await, Some(6));
    let handle = partner.handle(open_with("a", W | C | A, mode(0o644))).await;
    assert!(is_ok(&partner.write(&handle, 6, b"second").await));
    partner.ok(close(&handle)).await;
    assert_eq!(house.object("a").await, Some(b"first,second".to_vec()));
}

#[tokio::test]
async fn r6_filezilla_continues_from_the_size_that_fstat_says() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.put("a", b"first,").await;
    let handle = partner.open("a", W).await;
    assert_eq!(partner.attributes(fstat(&handle)).await.size, Some(6));
    assert!(is_ok(&partner.write(&handle, 6, b"second").await));
    partner.ok(close(&handle)).await;
    assert_eq!(house.object("a").await, Some(b"first,second".to_vec()));
    assert_eq!(
        partner.code(open("absent", W)).await,
        StatusCode::NoSuchFile
    );
}

#[tokio::test]
async fn r7_filezilla_lists_with_four_readdirs_at_once() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.ok(mkdir("d")).await;
    partner.put("d/x", b"1").await;
    let path = partner.name(realpath("d")).await.name;
    let handle = partner.handle(opendir(&path)).await;
    let mut entries = Vec::new();
    let mut ends = 0;
    let mut replies = partner
        .exchange_in_order(Burst::of(vec![readdir(&handle); 4]))
        .await;
    while ends < 4 {
        let mut more = Burst::new();
        for reply in replies.drain(..) {
            match reply {
                Reply::Name(names) => {
                    assert_eq!(ends, 0, "no entries after the end");
                    entries.extend(names);
                    more.add(&readdir(&handle));
                }
                reply => {
                    assert_eq!(code(&reply), Some(StatusCode::Eof), "{reply:?}");
                    ends += 1;
                }
            }
        }
        replies = partner.exchange_in_order(more).await;
    }
    partner.ok(close(&handle)).await;
    let file = entries
        .iter()
        .find(|entry| entry.name == "x")
        .expect("listed");
    assert_eq!(file.attributes.size, Some(1));
}

#[tokio::test]
async fn r8_filezilla_gets_one_byte_with_128_reads() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.put("a", b"x").await;
    let handle = partner.open("a", R).await;
    let reads = (0..128).map(|block| read(&handle, block * 32_768, 32_768));
    let replies = partner.exchange(Burst::of(reads)).await;
    assert_eq!(replies[0], Reply::Data(Bytes::from_static(b"x")));
    for reply in &replies[1..] {
        assert_eq!(code(reply), Some(StatusCode::Eof), "{reply:?}");
    }
    partner.ok(close(&handle)).await;
}

#[tokio::test]
async fn r9_paramiko_puts_without_reading_and_asks_for_the_size_behind_close() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let content = pattern(200 * 32_768 - 7);
    let handle = partner.open("a", W | C | T).await;
    let mut burst = Burst::new();
    for (index, block) in content.chunks(32_768).enumerate() {
        burst.write(&handle, index as u64 * 32_768, block);
    }
    burst.add(&close(&handle));
    burst.add(&stat("a"));
    let mut replies = partner.exchange(burst).await;
    let Some(Reply::Attributes(found)) = replies.pop() else {
        panic!("{replies:?}")
    };
    assert!(replies.iter().all(is_ok));
    assert_eq!(found.size, Some(content.len() as u64));
    assert_eq!(house.object("a").await, Some(content));
}

#[tokio::test]
async fn r11_sshfs_sees_what_it_creates_at_once() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let burst = Burst::of([open_with("a", W | C | X, mode(0o100_640)), lstat("a")]);
    let replies = partner.exchange_in_order(burst).await;
    let [Reply::Handle(handle), Reply::Attributes(found)] = &replies[..] else {
        panic!("{replies:?}")
    };
    assert_eq!(
        (found.size, found.kind()),
        (Some(0), Some(sftp::FileKind::File))
    );
    assert_eq!(
        house.object("a").await,
        None,
        "nothing in the bucket before CLOSE"
    );
    let handle = handle.clone();
    assert!(is_ok(&partner.write(&handle, 0, b"12345").await));
    assert_eq!(partner.size("a").await, Some(5), "the size so far");
    assert_eq!(partner.names("").await, ["a"]);
    partner.ok(close(&handle)).await;
    assert_eq!(house.object("a").await, Some(b"12345".to_vec()));
}

#[tokio::test]
async fn r11_sshfs_opens_with_mode_0_without_changing_the_mode() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.put("a", b"x").await;
    partner.ok(setstat("a", mode(0o640))).await;
    for flags in [R, W] {
        let handle = partner.handle(open_with("a", flags, mode(0))).await;
        partner.ok(close(&handle)).await;
        let found = partner.attributes(lstat("a")).await;
        assert_eq!(found.permissions, Some(0o100_640));
    }
}

#[tokio::test]
async fn r12_lftp_asks_for_version_6_and_speaks_3() {
    let house = House::new().await;
    let client = house.client().await;
    let mut sftp = client.subsystem().await.expect("the subsystem starts");
    let mut out = BytesMut::new();
    Init {
        version: 6,
        extensions: Vec::new(),
    }
    .encode_into(&mut out);
    sftp.send_bytes(out.freeze()).await.expect("open");
    let (_requests, mut replies) = sftp.split();
    let version = replies.version().await.expect("VERSION");
    assert_eq!(version.version, 3);
}

#[tokio::test]
async fn r12_lftp_looks_at_a_directory_twice_and_states_the_size_before_close() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.ok(mkdir("d")).await;
    for reply in partner.exchange(Burst::of([stat("d"), stat("d/.")])).await {
        let Reply::Attributes(found) = reply else {
            panic!("{reply:?}")
        };
        assert_eq!(found.kind(), Some(sftp::FileKind::Directory));
    }
    let handle = partner.open("d/a", W | C | T).await;
    let mut burst = Burst::new();
    burst.write(&handle, 0, b"one,");
    burst.write(&handle, 4, b"two");
    burst.add(&fsetstat(
        &handle,
        Attributes {
            size: Some(7),
            ..times(777)
        },
    ));
    burst.add(&close(&handle));
    let replies = partner.exchange(burst).await;
    assert!(replies.iter().all(is_ok), "{replies:?}");
    let found = partner.attributes(stat("d/a")).await;
    assert_eq!(
        (found.size, found.times.map(|times| times.modified)),
        (Some(7), Some(777))
    );
    assert_eq!(house.object("d/a").await, Some(b"one,two".to_vec()));
}

#[tokio::test]
async fn r13_curl_continues_and_appends() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.put("a", b"first,").await;
    let handle = partner.handle(open_with("a", W, mode(0o100_644))).await;
    assert!(is_ok(&partner.write(&handle, 6, b"second,").await));
    partner.ok(close(&handle)).await;
    // With --append the offsets begin at nought.
    let handle = partner
        .handle(open_with("a", W | C | A, mode(0o100_644)))
        .await;
    let mut burst = Burst::new();
    burst.write(&handle, 0, b"third,");
    burst.write(&handle, 6, b"fourth");
    burst.add(&close(&handle));
    assert!(partner.exchange(burst).await.iter().all(is_ok));
    assert_eq!(
        house.object("a").await,
        Some(b"first,second,third,fourth".to_vec())
    );
}

#[tokio::test]
async fn r15_jsch_asks_for_its_home_with_no_name_and_reads_in_odd_blocks() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let content = pattern(10 * 32_755 + 11);
    partner.put("a", &content).await;
    let home = partner.name(realpath("")).await;
    assert_eq!(home.name, partner.name(realpath(".")).await.name);
    let handle = partner.open("a", R).await;
    let reads = (0..12).map(|block| read(&handle, block * 32_755, 32_755));
    let replies = partner.exchange_in_order(Burst::of(reads)).await;
    let mut got = Vec::new();
    for reply in &replies[..11] {
        let Reply::Data(data) = reply else {
            panic!("{reply:?}")
        };
        got.extend_from_slice(data);
    }
    assert_eq!(code(&replies[11]), Some(StatusCode::Eof));
    assert!(got == content, "the bytes differ");
}

#[tokio::test]
async fn r16_fast_put_sends_its_window_in_any_order() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let content = pattern(64 * 32_768);
    let handle = partner.open("a", W | C | T).await;
    let mut burst = Burst::new();
    for index in 0..64_usize {
        // 29 has no divisor in common with 64: every block once, none where it belongs.
        let start = (index * 29 + 17) % 64 * 32_768;
        burst.write(&handle, start as u64, &content[start..start + 32_768]);
    }
    burst.add(&close(&handle));
    let replies = partner.exchange(burst).await;
    assert!(replies.iter().all(is_ok), "{replies:?}");
    assert!(house.object("a").await == Some(content), "the bytes differ");
}

#[tokio::test]
async fn r17_phpseclib_sends_1024_writes_before_it_reads_under_ids_that_repeat() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let content = pattern(1024 * 32_740);
    let handle = partner.open("a", W | C | T).await;
    for (index, block) in content.chunks(32_740).enumerate() {
        let data = Bytes::copy_from_slice(block);
        let write = Write {
            handle: handle.clone(),
            offset: index as u64 * 32_740,
            data,
        };
        partner
            .sftp
            .send_write(index as u32 % 8, &write)
            .await
            .expect("open");
    }
    let mut answered = [0; 8];
    for (id, reply) in partner.replies(1024).await {
        assert!(is_ok(&reply), "{reply:?}");
        answered[id as usize] += 1;
    }
    assert_eq!(answered, [128; 8]);
    partner.ok(close(&handle)).await;
    assert!(house.object("a").await == Some(content), "the bytes differ");
}

#[tokio::test]
async fn r18_a_commit_that_fails_at_close_is_not_seen_by_stat() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.put("old", b"as it was").await;
    house.store.on_request(|request| match request.operation {
        Operation::Put | Operation::CompleteUpload => Fault::Refuse(model::ErrorKind::Denied),
        _ => Fault::None,
    });
    for (path, before) in [("new", None), ("old", Some(9))] {
        let handle = partner.open(path, W | C | T).await;
        let mut burst = Burst::new();
        burst.write(&handle, 0, b"never stored, and longer");
        burst.add(&close(&handle));
        burst.add(&stat(path));
        let replies = partner.exchange(burst).await;
        let closed = code(&replies[1]).expect("a status");
        assert!(
            matches!(closed, StatusCode::Failure | StatusCode::PermissionDenied),
            "CLOSE of {path}: {:?}",
            replies[1]
        );
        let seen = match &replies[2] {
            Reply::Attributes(found) => found.size,
            reply => {
                assert_eq!(code(reply), Some(StatusCode::NoSuchFile), "{reply:?}");
                None
            }
        };
        assert_eq!(seen, before, "{path}");
    }
    house.store.clear_faults();
    assert_eq!(house.object("old").await, Some(b"as it was".to_vec()));
    assert_eq!(house.object("new").await, None);
}

#[tokio::test]
async fn r19_close_with_reads_outstanding_answers_them_all() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.put("a", &pattern(300_000)).await;
    let handle = partner.open("a", R).await;
    let mut burst = Burst::of((0..32).map(|block| read(&handle, block * 30_000, 30_000)));
    burst.add(&close(&handle));
    burst.add(&stat("a"));
    let replies = partner.exchange(burst).await;
    for (block, reply) in replies[..32].iter().enumerate() {
        match (block, reply) {
            (..10, Reply::Data(data)) => assert_eq!(data.len(), 30_000),
            (..10, reply) => panic!("READ {block}: {reply:?}"),
            (_, reply) => assert_eq!(code(reply), Some(StatusCode::Eof), "{reply:?}"),
        }
    }
    assert!(is_ok(&replies[32]), "{:?}", replies[32]);
    assert!(matches!(replies[33], Reply::Attributes(_)));
    assert_eq!(partner.code(read(&handle, 0, 1)).await, StatusCode::Failure);
}
