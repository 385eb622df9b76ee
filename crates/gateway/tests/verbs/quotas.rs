//! What fits into a user's quota, and what counts for him.

use std::sync::Arc;
use std::time::Duration;

use database::{Mapping, MappingKind, NewUser, Usage};
use gateway::{AttributeChanges, Overwrite, Session};
use model::{Clock, ErrorKind};
use storage::ObjectStore;

use crate::world::{SessionExt, World, flags, object_key, path};

/// Bytes and files of a user, private ones included.
async fn used(world: &World, session: &Session) -> (u64, u64) {
    let usage = usage(world, session).await;
    (
        usage.bytes + usage.private_bytes,
        usage.files + usage.private_files,
    )
}

async fn usage(world: &World, session: &Session) -> Usage {
    let servers = world.database.servers().list().await.expect("read");
    let users = world.database.users();
    let user = users.by_name(&servers[0].id, session.user()).await;
    let user = user.expect("read").expect("there");
    let usage = world.database.usage().of(user.id, None).await;
    usage.expect("read")
}

fn bytes(limit: u64) -> impl FnOnce(&mut NewUser) {
    move |user| user.limits.bytes = Some(limit)
}

fn exhausted<T: std::fmt::Debug>(done: gateway::Result<T>, text: &str) {
    let error = done.expect_err("it does not fit");
    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
    assert!(error.to_string().contains(text), "{error}");
}

async fn rename(session: &Arc<Session>, from: &str, to: &str) -> gateway::Result<()> {
    let (from, to) = (path(from), path(to));
    session.rename(&from, &to, Overwrite::Replace).await
}

#[tokio::test]
async fn what_passes_through_the_gateway_is_counted() {
    let world = World::new().await;
    let ann = world.session("/b/home").await;
    ann.put("/a", "12345").await.expect("stored");
    assert_eq!(used(&world, &ann).await, (5, 1));
    ann.put("/a", "123").await.expect("replaced");
    assert_eq!(used(&world, &ann).await, (3, 1));
    ann.put("/b", "1234").await.expect("stored");
    rename(&ann, "/b", "/c").await.expect("renamed");
    assert_eq!(used(&world, &ann).await, (7, 2));
    rename(&ann, "/c", "/a").await.expect("replaced");
    assert_eq!(used(&world, &ann).await, (4, 1));
    ann.put("/t.part", "12").await.expect("staged");
    assert_eq!(used(&world, &ann).await, (6, 2));
    rename(&ann, "/t.part", "/t").await.expect("published");
    assert_eq!(usage(&world, &ann).await.private_files, 0);
    assert_eq!(used(&world, &ann).await, (6, 2));
    let attributes = AttributeChanges::default();
    let made = ann.make_directory(&path("/d"), &attributes).await;
    made.expect("made");
    rename(&ann, "/t", "/d/t").await.expect("renamed");
    rename(&ann, "/d", "/e").await.expect("renamed");
    assert_eq!(used(&world, &ann).await, (6, 2));
    ann.remove(&path("/e/t")).await.expect("removed");
    ann.remove(&path("/a")).await.expect("removed");
    assert_eq!(used(&world, &ann).await, (0, 0));
}

#[tokio::test]
async fn a_file_counts_for_who_uploaded_it_last() {
    let world = World::new().await;
    let (ann, ben) = (
        world.session("/b/pool").await,
        world.session("/b/pool").await,
    );
    ann.put("/f", "12345").await.expect("stored");
    ben.put("/f", "123").await.expect("replaced");
    assert_eq!(used(&world, &ann).await, (0, 0));
    assert_eq!(used(&world, &ben).await, (3, 1));
    ann.remove(&path("/f")).await.expect("removed");
    assert_eq!(used(&world, &ben).await, (0, 0));
}

#[tokio::test]
async fn the_write_that_crosses_the_quota_fails_and_nothing_is_published() {
    let world = World::new().await;
    let session = world.session_of("/b/home", bytes(10)).await;
    session.put("/a", "123456").await.expect("it fits");
    let handle = session
        .open(&path("/b"), &flags("WCT"))
        .await
        .expect("open");
    session.write(handle, 0, b"1234").expect("it fits");
    exhausted(session.write(handle, 4, b"5"), "10 bytes in all");
    exhausted(session.close(handle).await, "10 bytes in all");
    assert_eq!(world.keys().await, ["home/a"]);
    assert_eq!(used(&world, &session).await, (6, 1));
    assert!(
        world
            .audited()
            .await
            .contains(&"upload /b failed".to_owned())
    );

    session.put("/b", "1234").await.expect("it fits exactly");
    let opened = session.open(&path("/c"), &flags("WCT")).await;
    exhausted(opened, "10 bytes in all, and have 10");
    session
        .put("/a", "654321")
        .await
        .expect("it takes its own place");
    exhausted(session.put("/a", "1234567").await, "10 bytes in all");
    assert_eq!(world.object("home/a").await.as_deref(), Some("654321"));
    session.remove(&path("/b")).await.expect("removed");
    session.put("/c", "1").await.expect("there is room again");
}

#[tokio::test]
async fn an_upload_that_was_refused_is_not_left_to_be_continued() {
    let world = World::new().await;
    let name = world.user("/b/home", bytes(3)).await;
    let session = world.login(&name).await.expect("a session");
    let handle = session
        .open(&path("/f"), &flags("WCT"))
        .await
        .expect("open");
    session.write(handle, 0, b"123").expect("it fits");
    exhausted(session.write(handle, 3, b"4"), "3 bytes");
    session.end().await;
    let again = world.login(&name).await.expect("a session");
    assert_eq!(used(&world, &again).await, (0, 0));
    assert_eq!(again.names("/").await, Vec::<String>::new());
}

#[tokio::test]
async fn the_size_of_one_file_is_limited() {
    let world = World::new().await;
    world.seed("home/f", "12").await;
    let session = world
        .session_of("/b/home", |user| user.limits.file_size = Some(4))
        .await;
    session.put("/a", "1234").await.expect("it fits");
    exhausted(session.put("/a", "12345").await, "4 bytes at most");
    assert_eq!(world.object("home/a").await.as_deref(), Some("1234"));
    let mut declared = flags("WCT");
    declared.attributes.size = Some(5);
    exhausted(
        session.open(&path("/b"), &declared).await,
        "4 bytes at most",
    );
    let longer = AttributeChanges {
        size: Some(5),
        ..AttributeChanges::default()
    };
    let set = session.set_attributes(&path("/f"), &longer).await;
    exhausted(set, "4 bytes at most");
    let appended = flags("WA");
    let handle = session.open(&path("/f"), &appended).await.expect("open");
    session.write(handle, 0, b"34").expect("it fits");
    exhausted(session.write(handle, 0, b"5"), "4 bytes at most");
    exhausted(session.close(handle).await, "4 bytes at most");
    assert_eq!(world.object("home/f").await.as_deref(), Some("12"));
}

#[tokio::test]
async fn the_number_of_files_is_limited() {
    let world = World::new().await;
    let session = world
        .session_of("/b/home", |user| user.limits.files = Some(2))
        .await;
    session.put("/a", "a").await.expect("it fits");
    session.put("/b.part", "b").await.expect("it fits");
    exhausted(session.put("/c", "c").await, "2 files");
    rename(&session, "/b.part", "/b")
        .await
        .expect("the same file");
    session.put("/a", "aa").await.expect("it is there already");
    exhausted(session.put("/c", "c").await, "2 files");
    session.remove(&path("/b")).await.expect("removed");
    session.put("/c", "c").await.expect("there is room again");
}

#[tokio::test]
async fn two_nodes_do_not_both_fill_the_last_bytes() {
    let world = World::new().await;
    let name = world.user("/b/home", bytes(10)).await;
    let node = world.other_node().await;
    let one = world.login(&name).await.expect("a session");
    let other = world.login_at(&node, &name).await;
    let first = one.open(&path("/1"), &flags("WCT")).await.expect("open");
    let second = other.open(&path("/2"), &flags("WCT")).await.expect("open");
    one.write(first, 0, b"123456").expect("it fits");
    other.write(second, 0, b"123456").expect("it fits as well");
    let (first, second) = tokio::join!(one.close(first), other.close(second));
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    exhausted(first.and(second), "10 bytes in all");
    assert_eq!(world.keys().await.len(), 1);
    assert_eq!(used(&world, &one).await, (6, 1));
}

#[tokio::test]
async fn a_temporary_file_must_fit_when_it_is_closed() {
    let world = World::new().await;
    let name = world.user("/b/home", bytes(10)).await;
    let one = world.login(&name).await.expect("a session");
    let handle = one
        .open(&path("/t.part"), &flags("WCT"))
        .await
        .expect("open");
    one.write(handle, 0, b"123456").expect("it fits");
    one.put("/f", "123456").await.expect("it fits as well");
    exhausted(one.close(handle).await, "10 bytes in all");
    assert_eq!(used(&world, &one).await, (6, 1));
}

#[tokio::test]
async fn what_was_there_before_is_counted_at_the_first_upload() {
    let world = World::new().await;
    for number in 0..2100 {
        world.seed(&format!("home/{number:04}"), "12").await;
    }
    world.seed("home/d/", "").await;
    world.seed("home2/x", "1234").await;
    let session = world.session_of("/b/home", bytes(4300)).await;
    let handle = session.open(&path("/new"), &flags("WCT")).await;
    let handle = handle.expect("there is room");
    exhausted(session.write(handle, 0, &[b'x'; 101]), "4300 bytes");
    exhausted(session.close(handle).await, "4300 bytes");
    assert_eq!(used(&world, &session).await, (4200, 2100));
    session
        .put("/new", &"x".repeat(100))
        .await
        .expect("it fits");
    assert_eq!(used(&world, &session).await, (4300, 2101));
}

#[tokio::test]
async fn what_others_change_behind_the_gateway_is_counted_before_anybody_is_refused() {
    let world = World::new().await;
    let session = world.session_of("/b/home", bytes(10)).await;
    session.put("/a", "12345").await.expect("it fits");
    session.put("/b", "12345").await.expect("it fits");
    let removed = world.store.delete(&object_key("home/a"), None).await;
    removed.expect("a healthy store");
    exhausted(session.put("/c", "1").await, "10 bytes");
    world.clock.advance(Duration::from_secs(301));
    session.put("/c", "12345").await.expect("there is room");
    assert_eq!(used(&world, &session).await, (10, 2));
}

#[tokio::test]
async fn a_count_covers_the_places_that_the_user_may_write_to() {
    let world = World::new().await;
    for key in ["in/a", "in/deep/b", "out/c", "lists/p.csv", "other/d"] {
        world.seed(key, "12").await;
    }
    let mapping = |entry: &str, target: &str, kind, may: &str| Mapping {
        entry: entry.to_owned(),
        target: target.to_owned(),
        kind,
        permissions: Some(may.parse().expect("valid")),
    };
    let name = world
        .user("/b/ignored", |user| {
            user.mappings = vec![
                mapping("/in", "/b/in", MappingKind::Directory, "all"),
                mapping("/deep", "/b/in/deep", MappingKind::Directory, "all"),
                mapping("/out", "/b/out", MappingKind::Directory, "read,list"),
                mapping("/p.csv", "/b/lists/p.csv", MappingKind::File, "all"),
            ];
        })
        .await;
    let session = world.login(&name).await.expect("a session");
    let ben = world.session("/b/in").await;
    ben.put("/his", "123").await.expect("stored");
    let user = world.authenticate(&name).await.user().clone();
    let now = world.clock.now();
    let counted = gateway::count_usage(&user, &world.database, &world.stores, now).await;
    let counted = counted.expect("healthy stores");
    assert_eq!((counted.bytes, counted.files), (6, 3));
    assert_eq!(counted.counted, Some(now));
    assert_eq!(used(&world, &ben).await, (3, 1), "it is still his");
    assert_eq!(used(&world, &session).await, (6, 3));
}
