//! What has gone from the source.

use crate::world::{How, World, pairs};

const THEN: i64 = 1_000_000_000;

fn delete() -> How {
    let mut how = How::default();
    how.settings.delete = true;
    how
}

#[tokio::test]
async fn what_is_gone_is_removed_on_request_and_only_where_nobody_changed_it() {
    let world = World::new().await;
    for name in ["d/", "d/a", "e/", "e/b", "c", "stays"] {
        world
            .source
            .put(name, if name.ends_with('/') { "" } else { "x" }, THEN);
    }
    world.upload("mine", "partner", THEN).await;
    assert!(world.pass(How::default()).await.in_step);
    for name in ["d/", "d/a", "e/", "e/b", "c"] {
        world.source.remove(name);
    }
    world.upload("c", "partner", THEN).await;
    world.upload("e/new", "partner", THEN).await;
    let told = world.pass(How::default()).await;
    let gone = [
        ("gone", "c"),
        ("gone", "d"),
        ("gone", "d/a"),
        ("gone", "e"),
        ("gone", "e/b"),
    ];
    assert_eq!(told.differences(), pairs(&gone));
    assert!(world.object("d/a").await.is_some(), "nobody asked for it");

    let told = world.pass(delete()).await;
    assert_eq!(told.differences(), pairs(&[("gone", "c"), ("gone", "e")]));
    assert_eq!(
        (
            told.count("file", "deleted"),
            told.count("directory", "deleted")
        ),
        ((2, 2), (1, 1))
    );
    for (name, stands) in [
        ("d/a", false),
        ("d/", false),
        ("e/b", false),
        ("e/", true),
        ("e/new", true),
        ("c", true),
        ("stays", true),
        ("mine", true),
    ] {
        assert_eq!(world.object(name).await.is_some(), stands, "{name}");
    }
    // What comes back moves again.
    world.source.put("d/a", "x", THEN);
    world.pass(How::default()).await;
    assert!(world.object("d/a").await.is_some());
}

#[tokio::test]
async fn what_became_of_another_kind_is_told_and_makes_room_on_request() {
    let world = World::new().await;
    for (name, bytes) in [("a", "x"), ("d/", "")] {
        world.source.put(name, bytes, THEN);
    }
    assert!(world.pass(How::default()).await.in_step);
    for name in ["a", "d/"] {
        world.source.remove(name);
    }
    for (name, bytes) in [("a/", ""), ("a/b", "y"), ("d", "z")] {
        world.source.put(name, bytes, THEN);
    }
    for _ in 0..2 {
        let told = world.pass(How::default()).await;
        assert_eq!(told.differences(), pairs(&[("kept", "a"), ("kept", "d")]));
        assert_eq!(world.object("a").await.as_deref(), Some(&b"x"[..]));
        assert!(world.object("d").await.is_none());
    }
    let told = world.pass(delete()).await;
    assert!(told.in_step, "{:?}", told.report);
    for (name, stands) in [
        ("a", false),
        ("a/", true),
        ("a/b", true),
        ("d/", false),
        ("d", true),
    ] {
        assert_eq!(world.object(name).await.is_some(), stands, "{name}");
    }
}

#[tokio::test]
async fn nothing_is_removed_where_the_source_was_not_seen_whole() {
    let world = World::new().await;
    world.source.put("a", "x", THEN);
    world.pass(How::default()).await;
    world.source.remove("a");
    world.source.set_unreadable("somewhere");
    let told = world.pass(delete()).await;
    assert_eq!(told.report["complete"], false);
    assert!(world.object("a").await.is_some());
}
