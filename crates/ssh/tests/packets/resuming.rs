//! Scripts of real clients that go on with an upload that was cut, or rename a temporary file.

use sftp::{Attributes, Reply, StatusCode};

use crate::support::*;

/// Enough for parts and a tail.
const LARGE: usize = (20 << 20) + 12_345;

/// Uploads the start of a file, and loses the connection before CLOSE.
async fn cut(house: &House, path: &str, content: &[u8]) {
    let mut partner = house.partner().await;
    let handle = partner.open(path, W | C | T).await;
    let mut burst = Burst::new();
    for (index, block) in content.chunks(32_736).enumerate() {
        burst.write(&handle, index as u64 * 32_736, block);
    }
    assert!(partner.exchange(burst).await.iter().all(is_ok));
    partner.client.valve().cut();
    house.until_sessions(0).await;
}

async fn write_from(partner: &mut Partner, handle: &bytes::Bytes, from: usize, content: &[u8]) {
    let mut burst = Burst::new();
    for (index, block) in content[from..].chunks(32_768).enumerate() {
        burst.write(handle, (from + index * 32_768) as u64, block);
    }
    burst.add(&close(handle));
    assert!(partner.exchange(burst).await.iter().all(is_ok));
}

#[tokio::test]
async fn r2_winscp_replaces_a_file_by_way_of_filepart() {
    let house = House::new().await;
    house.plant("a", b"old").await;
    let content = pattern(64 * 32_736);
    let mut partner = house.partner().await;
    assert_eq!(partner.attributes(lstat("a")).await.size, Some(3));
    assert_eq!(
        partner.code(lstat("a.filepart")).await,
        StatusCode::NoSuchFile
    );
    let declared = size(content.len() as u64);
    let handle = partner
        .handle(open_with("a.filepart", W | C | T, declared))
        .await;
    write_from(&mut partner, &handle, 0, &content).await;
    assert_eq!(house.keys().await, ["a"]);
    partner.ok(remove("a")).await;
    partner.ok(rename("a.filepart", "a")).await;
    partner.ok(setstat("a", times(1_000_000_000))).await;
    assert_eq!(house.keys().await, ["a"]);
    assert_eq!(house.object("a").await, Some(content));
    let found = partner.attributes(stat("a")).await;
    assert_eq!(found.times.map(|times| times.modified), Some(1_000_000_000));
}

#[tokio::test]
async fn r3_winscp_resumes_a_filepart() {
    let house = House::new().await;
    house.plant("a", b"old").await;
    let content = pattern(LARGE + 100_000);
    cut(&house, "a.filepart", &content[..LARGE]).await;
    let mut partner = house.partner().await;
    let found = partner.attributes(lstat("a.filepart")).await;
    assert_eq!(found.size, Some(LARGE as u64));
    let handle = partner.open("a.filepart", W | C).await;
    write_from(&mut partner, &handle, LARGE, &content).await;
    assert_eq!(house.object("a").await, Some(b"old".to_vec()));
    partner.ok(remove("a")).await;
    partner.ok(rename("a.filepart", "a")).await;
    assert_eq!(house.keys().await, ["a"]);
    assert_eq!(house.object("a").await, Some(content));
}

#[tokio::test]
async fn r5_openssh_reput_continues_what_was_cut() {
    let house = House::new().await;
    let content = pattern(LARGE + 100_000);
    cut(&house, "a", &content[..LARGE]).await;
    let mut partner = house.partner().await;
    assert_eq!(partner.size("a").await, Some(LARGE as u64));
    assert_eq!(partner.code(open("a", R)).await, StatusCode::Failure);
    let handle = partner.handle(open_with("a", W | C | A, mode(0o644))).await;
    write_from(&mut partner, &handle, LARGE, &content).await;
    assert_eq!(house.object("a").await, Some(content));
}

#[tokio::test]
async fn r5_openssh_put_that_was_interrupted_is_resumed_from_what_it_closed() {
    let house = House::new().await;
    let content = pattern(200_000);
    let mut partner = house.partner().await;
    let handle = partner.handle(open_with("a", W | C | T, mode(0o644))).await;
    assert!(is_ok(&partner.write(&handle, 0, &content[..32_768]).await));
    partner.ok(fsetstat(&handle, size(32_768))).await;
    partner.ok(close(&handle)).await;
    assert_eq!(partner.size("a").await, Some(32_768));
    let handle = partner.handle(open_with("a", W | C | A, mode(0o644))).await;
    write_from(&mut partner, &handle, 32_768, &content).await;
    assert_eq!(house.object("a").await, Some(content));
}

#[tokio::test]
async fn r6_filezilla_reput_writes_only_from_where_fstat_says() {
    let house = House::new().await;
    let content = pattern(LARGE + 100_000);
    cut(&house, "a", &content[..LARGE]).await;
    let mut partner = house.partner().await;
    let handle = partner.open("a", W).await;
    let found = partner.attributes(fstat(&handle)).await;
    assert_eq!(found.size, Some(LARGE as u64));
    write_from(&mut partner, &handle, LARGE, &content).await;
    assert_eq!(house.object("a").await, Some(content));
}

#[tokio::test]
async fn r13_curl_continues_and_appends_from_offset_zero() {
    let house = House::new().await;
    let content = pattern(100_000);
    cut(&house, "a", &content[..60_000]).await;
    let mut partner = house.partner().await;
    assert_eq!(partner.size("a").await, Some(60_000));
    let handle = partner.handle(open_with("a", W, mode(0o100_644))).await;
    write_from(&mut partner, &handle, 60_000, &content).await;
    assert_eq!(house.object("a").await, Some(content.clone()));
    partner.client.valve().cut();
    cut(&house, "b", &content[..60_000]).await;
    let mut partner = house.partner().await;
    let handle = partner
        .handle(open_with("b", W | C | A, mode(0o100_644)))
        .await;
    let mut burst = Burst::new();
    burst.write(&handle, 0, &content[60_000..90_000]);
    burst.write(&handle, 30_000, &content[90_000..]);
    burst.add(&close(&handle));
    assert!(partner.exchange(burst).await.iter().all(is_ok));
    assert_eq!(house.object("b").await, Some(content));
}

#[tokio::test]
async fn r14_rclone_renames_its_partial_over_an_existing_file() {
    let house = House::new().await;
    house.plant("d/a", b"old").await;
    let content = pattern(300_000);
    let mut partner = house.partner().await;
    let partial = "d/a.1a2b3c4d.partial";
    let handle = partner.open(partial, W | C | T).await;
    write_from(&mut partner, &handle, 0, &content).await;
    partner.ok(setstat(partial, times(1_200_000_000))).await;
    let found = partner.attributes(stat(partial)).await;
    assert_eq!(found.size, Some(300_000));
    assert_eq!(house.keys().await, ["d/a"]);
    assert_eq!(house.object("d/a").await, Some(b"old".to_vec()));
    partner.ok(posix_rename(partial, "d/a")).await;
    let found = partner.attributes(stat("d/a")).await;
    assert_eq!(found.size, Some(300_000));
    assert_eq!(found.times.map(|times| times.modified), Some(1_200_000_000));
    assert_eq!(house.keys().await, ["d/a"]);
    assert_eq!(house.object("d/a").await, Some(content));
}

/// What sshj does behind OPEN: sixteen WRITEs on their way, each at its true offset also where the
/// file is open for appending, CLOSE alone, then the mode and the times together.
async fn sshj_sends(partner: &mut Partner, handle: &bytes::Bytes, from: usize, content: &[u8]) {
    let blocks: Vec<&[u8]> = content[from..].chunks(32_700).collect();
    for (window, blocks) in blocks.chunks(16).enumerate() {
        let mut burst = Burst::new();
        for (index, block) in blocks.iter().enumerate() {
            let offset = from + (window * 16 + index) * 32_700;
            burst.write(handle, offset as u64, block);
        }
        assert!(partner.exchange(burst).await.iter().all(is_ok));
    }
    partner.ok(close(handle)).await;
    let preserved = Attributes {
        permissions: Some(0o100_640),
        ..times(1_100_000_000)
    };
    partner.ok(setstat("a", preserved)).await;
    let found = partner.attributes(stat("a")).await;
    assert_eq!(found.size, Some(content.len() as u64));
    assert_eq!(found.times.map(|times| times.modified), Some(1_100_000_000));
    assert_eq!(found.permissions, Some(0o100_640));
}

/// It looks whether the target is a directory, then whether it is there.
async fn sshj_looks(partner: &mut Partner) -> Option<u64> {
    let first = partner.size("a").await;
    assert_eq!(partner.size("a").await, first);
    first
}

#[tokio::test]
async fn sshj_uploads_and_continues_what_was_cut() {
    let house = House::new().await;
    let content = pattern(LARGE + 100_000);
    let mut partner = house.partner().await;
    assert_eq!(sshj_looks(&mut partner).await, None);
    // It goes on only where something is: CREAT is not among its flags then.
    assert_eq!(partner.code(open("a", W | A)).await, StatusCode::NoSuchFile);
    let handle = partner.open("a", W | C | T).await;
    sshj_sends(&mut partner, &handle, 0, &content[..100_000]).await;
    assert_eq!(house.object("a").await, Some(content[..100_000].to_vec()));
    partner.ok(remove("a")).await;
    partner.client.valve().cut();
    house.until_sessions(0).await;
    cut(&house, "a", &content[..LARGE]).await;
    let mut partner = house.partner().await;
    assert_eq!(sshj_looks(&mut partner).await, Some(LARGE as u64));
    let handle = partner.open("a", W | A).await;
    sshj_sends(&mut partner, &handle, LARGE, &content).await;
    assert_eq!(house.object("a").await, Some(content));
}

#[tokio::test]
async fn sshj_appends_to_a_complete_file() {
    let house = House::new().await;
    let content = pattern(700_000);
    let mut partner = house.partner().await;
    partner.put("a", &content[..300_000]).await;
    assert_eq!(sshj_looks(&mut partner).await, Some(300_000));
    let handle = partner.open("a", W | A).await;
    sshj_sends(&mut partner, &handle, 300_000, &content).await;
    assert_eq!(house.object("a").await, Some(content));
}

#[tokio::test]
async fn the_long_name_tells_that_a_file_is_unfinished() {
    let house = House::new().await;
    cut(&house, "a", b"half").await;
    let mut partner = house.partner().await;
    let entries = partner.list("/").await;
    let entry = entries.iter().find(|entry| entry.name == "a");
    let entry = entry.expect("seen");
    let long = String::from_utf8(entry.longname.to_vec()).expect("UTF-8");
    let columns: Vec<&str> = long.split_whitespace().collect();
    assert_eq!((columns[3], columns[4]), ("unfinished", "4"), "{long}");
    assert_eq!(entry.attributes.size, Some(4));
    match partner.call(open("a", R)).await {
        Reply::Status(status) => {
            let message = String::from_utf8(status.message.to_vec()).expect("UTF-8");
            assert!(message.contains("unfinished"), "{message}");
        }
        reply => panic!("{reply:?}"),
    }
}
