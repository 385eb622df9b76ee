//! OPEN for reading, READ and what is told of downloads.

use model::{ErrorKind, EventKind};

use crate::world::{SessionExt, World, flags, path};

#[tokio::test]
async fn reads_are_full_unless_the_file_ends_inside() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let text = "0123456789".repeat(100_000);
    world.seed("home/f", &text).await;
    let handle = session.open(&path("/f"), &flags("R")).await.expect("open");
    assert_eq!(
        session.stat_handle(handle).await.expect("open").size,
        1_000_000
    );
    for (offset, len, expected) in [
        (0, 32_768, 32_768),
        (999_999, 10, 1),
        (1_000_000, 10, 0),
        (u64::MAX, 10, 0),
        (500_001, 400_000, 400_000),
        (7, 1, 1),
    ] {
        let pieces = session.read(handle, offset, len).await.expect("read");
        let bytes: Vec<u8> = pieces
            .iter()
            .flat_map(|piece| piece.iter().copied())
            .collect();
        assert_eq!(bytes.len(), expected, "{offset}");
        if let Some(first) = bytes.first() {
            assert_eq!(
                *first,
                text.as_bytes()[usize::try_from(offset).expect("small")]
            );
        }
    }
    session.close(handle).await.expect("closed");
    session
        .read(handle, 0, 1)
        .await
        .expect_err("the handle is gone");
}

#[tokio::test]
async fn only_files_can_be_opened_for_reading() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/d/f", "").await;
    for (at, kind) in [
        ("/d", ErrorKind::Invalid),
        ("/", ErrorKind::Invalid),
        ("/none", ErrorKind::NotFound),
        ("/d/f/none", ErrorKind::NotFound),
    ] {
        let refused = session.open(&path(at), &flags("R")).await;
        assert_eq!(refused.expect_err(at).kind(), kind, "{at}");
    }
}

#[tokio::test]
async fn a_handle_reads_one_state_of_the_file() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let old = "o".repeat(3 << 20);
    world.seed("home/f", &old).await;
    let handle = session.open(&path("/f"), &flags("R")).await.expect("open");
    session.read(handle, 0, 10).await.expect("read");
    session.put("/f", "new").await.expect("stored");
    let error = session.read(handle, 2 << 20, 1 << 20).await;
    assert_eq!(error.expect_err("another file").kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn handles_are_used_only_for_what_they_were_opened_for() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/f", "f").await;
    let reading = session.open(&path("/f"), &flags("R")).await.expect("open");
    let writing = session
        .open(&path("/g"), &flags("WCT"))
        .await
        .expect("open");
    let listing = session.open_directory(&path("/")).await.expect("open");
    for handle in [reading, listing] {
        let error = session.write(handle, 0, b"x").expect_err("not for writing");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    for handle in [writing, listing] {
        let error = session
            .read(handle, 0, 1)
            .await
            .expect_err("not for reading");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    for handle in [writing, reading] {
        let error = session.read_directory(handle).await.expect_err("a file");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    assert_eq!(session.handle_path(writing).expect("open"), path("/g"));
    session.close(writing).await.expect("stored");
    session.close(writing).await.expect_err("closed twice");
}

#[tokio::test]
async fn a_file_read_to_its_end_is_told_as_a_download() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/whole", "0123456789").await;
    world.seed("home/empty", "").await;
    world.seed("home/part", "0123456789").await;
    session.text("/whole").await.expect("read");
    session.text("/empty").await.expect("read");
    let part = session
        .open(&path("/part"), &flags("R"))
        .await
        .expect("open");
    session.read(part, 5, 100).await.expect("read");
    session.close(part).await.expect("closed");
    session.end().await;
    let mut told = world.told().await;
    told.sort_by(|one, other| one.1.cmp(&other.1));
    let download = |at: &str| (EventKind::Download, at.to_owned());
    assert_eq!(told, [download("/empty"), download("/whole")]);
}
