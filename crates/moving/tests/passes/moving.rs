//! What moves, how it stands afterwards, and what does not.

use model::{Location, Timestamp};
use moving::files::FileMap;
use transfer::{Attributes, transfer_of};

use crate::world::{How, World, pairs, sha256};

#[tokio::test]
async fn files_stand_as_a_partners_upload_would_and_nobody_is_told() {
    let world = World::new().await;
    world.source.put("in/a.csv", "one", 1_000_000_000);
    world.source.put("in/", "", 1_000_000_001);
    world.source.put("empty/", "", 1_000_000_002);
    world.source.put("none", "", 1_000_000_003);
    let told = world.pass(How::default()).await;
    assert!(told.in_step, "{:?}", told.report);
    assert_eq!(told.count("file", "moved"), (2, 2));
    assert_eq!(told.count("directory", "moved"), (2, 2));
    let line = |bytes: &[u8], name: &str| format!("{}  {name}\n", sha256(bytes));
    assert_eq!(told.manifest, line(b"one", "in/a.csv") + &line(b"", "none"));

    assert_eq!(world.object("in/a.csv").await.as_deref(), Some(&b"one"[..]));
    let head = world
        .store
        .head(&World::key("in/a.csv"))
        .await
        .expect("it stands");
    let transfer = transfer_of(&head.metadata).expect("its upload");
    let said = Attributes::of_metadata(&head.metadata);
    let mtime = Timestamp::from_seconds(1_000_000_000);
    assert_eq!((said.mtime, said.mode), (Some(mtime), Some(0o640)));
    let location = Location {
        bucket: world.store.bucket().clone(),
        key: World::key("in/a.csv"),
    };
    let row = world
        .database
        .attributes()
        .of(&location)
        .await
        .expect("read")
        .expect("a row");
    assert_eq!(
        (row.mtime, row.mode, row.transfer),
        (Some(mtime), Some(0o640), Some(transfer))
    );
    assert!(row.describe(&head.etag, head.last_modified, Some(transfer)));
    let marker = Location {
        bucket: world.store.bucket().clone(),
        key: World::key("empty/"),
    };
    world
        .store
        .head(&marker.key)
        .await
        .expect("an empty directory stands");
    let row = world
        .database
        .attributes()
        .of(&marker)
        .await
        .expect("read")
        .expect("a row");
    assert_eq!(
        (row.mtime, row.mode),
        (Some(Timestamp::from_seconds(1_000_000_002)), Some(0o750))
    );

    let events = world
        .database
        .events()
        .of_object(&location, 10)
        .await
        .expect("read");
    assert!(events.is_empty(), "{events:?}");
    let audit = world
        .database
        .audit()
        .since(Timestamp::from_seconds(0), 100)
        .await
        .expect("read");
    let count = |action: &str| audit.iter().filter(|entry| entry.action == action).count();
    assert_eq!((count("upload"), count("mkdir")), (2, 2), "{audit:?}");
}

#[tokio::test]
async fn consumers_are_told_where_that_is_wanted() {
    let world = World::new().await;
    world.source.put("a", "one", 1_000_000_000);
    let mut how = How::default();
    how.settings.events = true;
    assert!(world.pass(how).await.in_step);
    let location = Location {
        bucket: world.store.bucket().clone(),
        key: World::key("a"),
    };
    let events = world
        .database
        .events()
        .of_object(&location, 10)
        .await
        .expect("read");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].event.kind, model::EventKind::Upload);
}

#[tokio::test]
async fn what_cannot_move_is_told_and_the_rest_moves() {
    let world = World::new().await;
    let long = "x".repeat(300);
    for name in ["a//b", "a\u{1}b", &long, "fine"] {
        world.source.put(name, "x", 1_000_000_000);
    }
    world.source.set_unreadable("closed");
    let told = world.pass(How::default()).await;
    assert!(!told.in_step);
    assert_eq!(told.report["complete"], false);
    let expected = [
        ("failed", "closed"),
        ("refused", "a//b"),
        ("refused", "a\\x01b"),
        ("refused", &long),
    ];
    assert_eq!(told.differences(), pairs(&expected));
    assert_eq!(told.count("file", "moved"), (1, 1));
}

#[tokio::test]
async fn a_map_says_what_goes_where() {
    let world = World::new().await;
    for name in [
        "srv/",
        "srv/home/",
        "srv/home/ann/",
        "srv/home/ann/a",
        "srv/log/",
        "srv/log/x",
    ] {
        let content = if name.ends_with('/') { "" } else { "1" };
        world.source.put(name, content, 1_000_000_000);
    }
    let map = FileMap::parse("[map]\n\"srv/home/ann\" = \"users/ann\"\n").expect("a map");
    let told = world
        .pass(How {
            map,
            ..How::default()
        })
        .await;
    assert_eq!(
        world.object("users/ann/a").await.as_deref(),
        Some(&b"1"[..])
    );
    assert_eq!(
        told.differences(),
        pairs(&[("refused", "srv/log"), ("refused", "srv/log/x")])
    );
    assert_eq!(
        (
            told.count("file", "moved").0,
            told.count("directory", "moved").0
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn a_rehearsal_tells_and_changes_nothing() {
    let world = World::new().await;
    world.source.put("a", "one", 1_000_000_000);
    world.source.put("d/", "", 1_000_000_000);
    let rehearsal = || How {
        rehearse: true,
        ..How::default()
    };
    let told = world.pass(rehearsal()).await;
    assert_eq!(
        (
            told.count("file", "moved").1,
            told.count("directory", "moved").1
        ),
        (1, 1)
    );
    assert_eq!(
        (world.object("a").await, world.object("d/").await),
        (None, None)
    );
    assert_eq!(world.pass(How::default()).await.report["pass"], 1);
    world.source.put("b", "two", 1_000_000_000);
    world.source.remove("d/");
    let mut how = rehearsal();
    how.settings.delete = true;
    let told = world.pass(how).await;
    assert_eq!(told.count("file", "moved"), (2, 1));
    assert_eq!(told.count("directory", "deleted"), (1, 1));
    assert_eq!(told.report["dry_run"], true);
    assert!(world.object("b").await.is_none() && world.object("d/").await.is_some());
}
