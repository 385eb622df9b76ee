//! OPEN for writing in all its combinations of flags, WRITE, FSETSTAT and CLOSE.

use gateway::{AttributeChanges, OpenOptions};
use model::{ErrorKind, Timestamp};

use crate::world::{SessionExt, World, flags, path, read_all};

/// What OPEN, WRITE "new" at 1 and CLOSE make of an existing "0123456789" and of nothing.
#[tokio::test]
async fn every_combination_of_flags_does_what_posix_does() {
    for (letters, existing, missing) in [
        ("WCT", Ok("\0new"), Ok("\0new")),
        ("WC", Ok("0new456789"), Ok("\0new")),
        ("WCX", Err(ErrorKind::Conflict), Ok("\0new")),
        ("WCXT", Err(ErrorKind::Conflict), Ok("\0new")),
        ("W", Ok("0new456789"), Err(ErrorKind::NotFound)),
        ("WT", Ok("\0new"), Err(ErrorKind::NotFound)),
        ("WCA", Ok("0123456789new"), Ok("new")),
        ("WA", Ok("0123456789new"), Err(ErrorKind::NotFound)),
        ("RW", Ok("0new456789"), Err(ErrorKind::NotFound)),
        ("RWC", Ok("0new456789"), Ok("\0new")),
        ("RWCT", Ok("\0new"), Ok("\0new")),
        ("RWCA", Ok("0123456789new"), Ok("new")),
    ] {
        let world = World::new().await;
        let session = world.session("/b/home").await;
        world.seed("home/old", "0123456789").await;
        for (at, expected) in [("/old", existing), ("/none", missing)] {
            let outcome = match session.open(&path(at), &flags(letters)).await {
                Ok(handle) => {
                    // A hole is no error where the file is not written in order.
                    let hole = expected.is_ok_and(|text| text.starts_with('\0'));
                    if hole {
                        session.write(handle, 0, b"\0").expect("taken");
                    }
                    session.write(handle, 1, b"new").expect("taken");
                    session.close(handle).await.map_err(|error| error.kind())
                }
                Err(error) => Err(error.kind()),
            };
            assert_eq!(outcome, expected.map(drop), "{letters} {at}");
            let key = format!("home{at}");
            let stands = world.object(&key).await;
            match expected {
                Ok(text) => assert_eq!(stands.as_deref(), Some(text), "{letters} {at}"),
                Err(_) if at == "/old" => assert_eq!(stands.as_deref(), Some("0123456789")),
                Err(_) => assert_eq!(stands, None, "{letters} {at}"),
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_visible_before_close() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let other = world.session("/b/home").await;
    let big = "x".repeat(20 << 20);
    let handle = session
        .open(&path("/big"), &flags("WCT"))
        .await
        .expect("open");
    session.write(handle, 0, big.as_bytes()).expect("taken");
    session.sync(handle).await.expect("parts are stored");
    assert!(world.keys().await.is_empty());
    let unseen = other.stat(&path("/big")).await.expect_err("not there yet");
    assert_eq!(unseen.kind(), ErrorKind::NotFound);
    assert!(other.names("/").await.is_empty());
    session.close(handle).await.expect("stored");
    assert_eq!(
        world.object("home/big").await.map(|text| text.len()),
        Some(20 << 20)
    );
    assert_eq!(other.size("/big").await.ok(), Some(20 << 20));
}

#[tokio::test]
async fn a_file_being_written_is_visible_to_its_own_session() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let handle = session
        .open(&path("/d/new"), &flags("WCT"))
        .await
        .expect("open");
    assert_eq!(session.size("/d/new").await.ok(), Some(0));
    session.write(handle, 0, b"12345").expect("taken");
    assert_eq!(session.size("/d/new").await.ok(), Some(5));
    let attributes = session.stat_handle(handle).await.expect("open");
    assert_eq!((attributes.size, attributes.mode), (5, 0o644));
    world.seed("home/d/old", "").await;
    assert_eq!(session.names("/d").await, ["new", "old"]);
    let refused = session.open(&path("/d/new"), &flags("R")).await;
    assert_eq!(
        refused.expect_err("half a file").kind(),
        ErrorKind::Conflict
    );
    session.close(handle).await.expect("stored");
    assert_eq!(session.text("/d/new").await.ok().as_deref(), Some("12345"));
}

#[tokio::test]
async fn two_handles_on_one_path_share_the_upload() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let one = session
        .open(&path("/f"), &flags("WCT"))
        .await
        .expect("open");
    let two = session.open(&path("/f"), &flags("WC")).await.expect("open");
    session.write(one, 0, b"aaaa").expect("taken");
    session.write(two, 4, b"bbbb").expect("taken");
    session.close(one).await.expect("not the last");
    assert_eq!(world.object("home/f").await, None);
    session.write(two, 2, b"cc").expect("taken");
    session.close(two).await.expect("stored");
    assert_eq!(world.object("home/f").await.as_deref(), Some("aaccbbbb"));
    let again = session
        .open(&path("/g"), &flags("WCT"))
        .await
        .expect("open");
    let exclusive = session.open(&path("/g"), &flags("WCX")).await;
    assert_eq!(
        exclusive.expect_err("it exists").kind(),
        ErrorKind::Conflict
    );
    session.close(again).await.expect("stored");
    assert_eq!(world.object("home/g").await.as_deref(), Some(""));
}

#[tokio::test]
async fn appended_bytes_go_to_the_end_in_the_order_of_requests() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/log", "one,").await;
    let handle = session
        .open(&path("/log"), &flags("WCA"))
        .await
        .expect("open");
    for (offset, piece) in [(0, "two,"), (0, "three,"), (4, "four,"), (999_999, "five")] {
        session
            .write(handle, offset, piece.as_bytes())
            .expect("taken");
    }
    session.close(handle).await.expect("stored");
    let stands = world.object("home/log").await;
    assert_eq!(stands.as_deref(), Some("one,two,three,four,five"));
}

/// scp opens without TRUNC, writes everything, and then sets the size.
#[tokio::test]
async fn setting_the_size_cuts_what_an_older_longer_file_leaves() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/f", "a much longer older file").await;
    let handle = session.open(&path("/f"), &flags("WC")).await.expect("open");
    session.write(handle, 0, b"short").expect("taken");
    let size = AttributeChanges {
        size: Some(5),
        ..AttributeChanges::default()
    };
    session
        .set_handle_attributes(handle, &size)
        .await
        .expect("set");
    session.close(handle).await.expect("stored");
    assert_eq!(world.object("home/f").await.as_deref(), Some("short"));
}

#[tokio::test]
async fn the_size_in_open_is_a_hint_and_modes_are_of_new_files_alone() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let attributes = AttributeChanges {
        size: Some(1_000_000),
        mode: Some(0o100_600),
        ..AttributeChanges::default()
    };
    let create = OpenOptions {
        attributes,
        ..flags("WC")
    };
    let handle = session.open(&path("/f"), &create).await.expect("open");
    session.write(handle, 0, b"12").expect("taken");
    session.close(handle).await.expect("stored");
    let made = session.stat(&path("/f")).await.expect("stands");
    assert_eq!((made.size, made.mode), (2, 0o600));
    let rewrite = OpenOptions {
        attributes: AttributeChanges {
            mode: Some(0),
            ..attributes
        },
        ..flags("W")
    };
    let handle = session.open(&path("/f"), &rewrite).await.expect("open");
    session.write(handle, 2, b"3").expect("taken");
    session.close(handle).await.expect("stored");
    let kept = session.stat(&path("/f")).await.expect("stands");
    assert_eq!((kept.size, kept.mode), (3, 0o600));
}

#[tokio::test]
async fn times_set_before_close_are_those_of_the_stored_file() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let handle = session
        .open(&path("/f"), &flags("WCT"))
        .await
        .expect("open");
    session.write(handle, 0, b"x").expect("taken");
    let times = AttributeChanges {
        mtime: Some(Timestamp::from_seconds(1_000)),
        atime: Some(Timestamp::from_seconds(2_000)),
        ..AttributeChanges::default()
    };
    session
        .set_handle_attributes(handle, &times)
        .await
        .expect("set");
    session.close(handle).await.expect("stored");
    let stat = session.stat(&path("/f")).await.expect("stands");
    assert_eq!(stat.mtime, Timestamp::from_seconds(1_000));
    assert_eq!(stat.atime, Timestamp::from_seconds(2_000));
    let listed = session.list("/").await.expect("listed");
    assert_eq!(listed["f"].attributes, stat);
}

#[tokio::test]
async fn opening_for_writing_and_closing_untouched_changes_nothing() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/f", "as it is").await;
    let handle = session.open(&path("/f"), &flags("W")).await.expect("open");
    let (closed, requests) = world.count(session.close(handle)).await;
    closed.expect("nothing to do");
    assert_eq!(requests, "");
    assert!(world.told().await.is_empty());
    assert_eq!(world.object("home/f").await.as_deref(), Some("as it is"));
}

#[tokio::test]
async fn what_was_written_can_be_read_back_before_close() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/f", "0123456789").await;
    let handle = session.open(&path("/f"), &flags("RW")).await.expect("open");
    session.write(handle, 3, b"abc").expect("taken");
    assert_eq!(
        read_all(&session, handle).await.ok().as_deref(),
        Some("012abc6789")
    );
    session.close(handle).await.expect("stored");
    assert_eq!(world.object("home/f").await.as_deref(), Some("012abc6789"));
}

#[tokio::test]
async fn directories_cannot_be_written() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let refused = session.open(&path("/"), &flags("WCT")).await;
    assert_eq!(refused.expect_err("a directory").kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn bytes_are_copied_between_handles_at_the_server() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let long = "0123456789".repeat(300_000);
    world.seed("home/from", &long).await;
    let from = session
        .open(&path("/from"), &flags("R"))
        .await
        .expect("open");
    let to = session
        .open(&path("/to"), &flags("WCT"))
        .await
        .expect("open");
    session.copy_data(from, 0, 0, to, 0).await.expect("copied");
    session
        .copy_data(from, 5, 3, to, 3_000_000)
        .await
        .expect("copied");
    let wrong = session.copy_data(to, 0, 0, from, 0).await;
    assert_eq!(
        wrong.expect_err("the wrong way round").kind(),
        ErrorKind::Invalid
    );
    session.close(to).await.expect("stored");
    assert_eq!(world.object("home/to").await, Some(format!("{long}567")));
}
