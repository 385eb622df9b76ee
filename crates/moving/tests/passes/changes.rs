//! Delta passes, and files that change on either side.

use crate::world::{How, World, pairs};

const THEN: i64 = 1_000_000_000;
/// Later than any test runs.
const FUTURE: i64 = 4_000_000_000;

#[tokio::test]
async fn a_second_pass_moves_what_changed_and_reads_nothing_else() {
    let world = World::new().await;
    for name in ["a", "b", "c"] {
        world.source.put(name, "old", THEN);
    }
    world.pass(How::default()).await;
    assert_eq!(world.source.opened(), 3);
    world.source.put("b", "new!", THEN);
    world.source.put("c", "new", THEN + 1);
    let told = world.pass(How::default()).await;
    assert!(told.in_step, "{:?}", told.report);
    assert_eq!(told.count("file", "moved"), (3, 2));
    assert_eq!(world.source.opened(), 2);
    for (name, bytes) in [("a", "old"), ("b", "new!"), ("c", "new")] {
        assert_eq!(
            world.object(name).await.as_deref(),
            Some(bytes.as_bytes()),
            "{name}"
        );
    }
    // The same size and time: only its bytes tell.
    world.source.put("a", "odd", THEN);
    assert_eq!(
        world.pass(How::default()).await.count("file", "moved"),
        (3, 0)
    );
    let mut how = How::default();
    how.settings.checksum = true;
    assert_eq!(world.pass(how).await.count("file", "moved"), (3, 1));
    assert_eq!(world.object("a").await.as_deref(), Some(&b"odd"[..]));
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_not_moved_and_told() {
    let world = World::new().await;
    world.source.put("a", "one", THEN);
    world.source.set_restless(true);
    let told = world.pass(How::default()).await;
    assert_eq!(told.differences(), pairs(&[("changing", "a")]));
    assert_eq!(world.source.opened(), 3, "it is tried again");
    assert!(world.object("a").await.is_none());
    world.source.set_restless(false);
    assert!(world.pass(How::default()).await.in_step);
    assert_eq!(world.object("a").await.as_deref(), Some(&b"one"[..]));
}

#[tokio::test]
async fn what_partners_upload_meanwhile_is_never_overwritten() {
    let world = World::new().await;
    for name in ["first", "later", "old", "equal"] {
        world.source.put(name, "source", THEN);
    }
    // Put there before the first pass: newer by when it was put there, whatever its time says.
    world.upload("first", "partner", THEN - 100).await;
    world.upload("equal", "source", THEN - 100).await;
    let told = world.pass(How::default()).await;
    assert_eq!(told.differences(), pairs(&[("kept", "first")]));
    assert_eq!(told.count("file", "same").0, 1);
    assert_eq!(
        world.object("first").await.as_deref(),
        Some(&b"partner"[..])
    );
    // Over what a pass brought.
    world.upload("later", "partner", THEN).await;
    world.source.put("later", "source 2", THEN + 1);
    let told = world.pass(How::default()).await;
    assert_eq!(
        told.differences(),
        pairs(&[("kept", "first"), ("kept", "later")])
    );
    assert_eq!(
        world.object("later").await.as_deref(),
        Some(&b"partner"[..])
    );
    // What was changed at the source after all that counts more.
    world.source.put("later", "source 3", FUTURE);
    let told = world.pass(How::default()).await;
    assert_eq!(told.differences(), pairs(&[("kept", "first")]));
    assert_eq!(
        world.object("later").await.as_deref(),
        Some(&b"source 3"[..])
    );
}

#[tokio::test]
async fn targets_are_read_back_where_that_is_wanted() {
    let world = World::new().await;
    for name in ["a", "b", "c"] {
        world.source.put(name, "one", THEN);
    }
    let verify = || {
        let mut how = How::default();
        how.settings.verify = true;
        how
    };
    assert!(world.pass(verify()).await.in_step);
    world.upload("a", "other", THEN).await;
    world
        .store
        .delete(&World::key("b"), None)
        .await
        .expect("removed");
    assert!(world.pass(How::default()).await.in_step, "nobody looked");
    let told = world.pass(verify()).await;
    assert_eq!(told.differences(), pairs(&[("kept", "a"), ("kept", "b")]));
}
