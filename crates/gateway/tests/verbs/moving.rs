//! Renames that take their time, on a store that copies slowly: what their owner sees, what others
//! see, and what a crash leaves.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gateway::{AttributeChanges, Overwrite, Session, Settings};
use model::{ErrorKind, EventKind, Timestamp};
use storage::memory::{Fault, Operation};
use storage::{ObjectStore, PutOptions};
use tokio::sync::{Notify, Semaphore};

use crate::world::{SessionExt, World, flags, object_key, path, read_all};

/// RENAME answers at once, so that what follows happens while its copy is held back.
fn impatient() -> Settings {
    Settings {
        rename_wait: Duration::from_millis(50),
        ..Settings::default()
    }
}

async fn world() -> World {
    World::with(|_| {}, impatient()).await
}

/// Holds the requests of one kind back until permits are added.
fn hold(world: &World, held: Operation) -> Arc<Semaphore> {
    let gate = Arc::new(Semaphore::new(0));
    let closed = Arc::clone(&gate);
    world.store.on_request(move |request| {
        if request.operation == held {
            Fault::Hold(Arc::clone(&closed))
        } else {
            Fault::None
        }
    });
    gate
}

async fn rename(session: &Arc<Session>, from: &str, to: &str) -> gateway::Result<()> {
    session
        .rename(&path(from), &path(to), Overwrite::Refuse)
        .await
}

/// What was told of renames so far.
async fn renames(world: &World) -> Vec<(EventKind, String)> {
    let mut told = world.told().await;
    told.retain(|(kind, _)| matches!(kind, EventKind::Rename | EventKind::RenameFailed));
    told
}

fn kind<T: std::fmt::Debug>(result: gateway::Result<T>) -> ErrorKind {
    result.expect_err("it must fail").kind()
}

fn mode(mode: u32) -> AttributeChanges {
    AttributeChanges {
        mode: Some(mode),
        ..AttributeChanges::default()
    }
}

#[tokio::test]
async fn the_owner_sees_the_new_name_at_once_on_every_node_and_others_the_old_one() {
    let world = world().await;
    let name = world.user("/b/home", |_| {}).await;
    let session = world.login(&name).await.expect("a session");
    session.put("/a", "bytes").await.expect("stored");
    session
        .set_attributes(&path("/a"), &mode(0o600))
        .await
        .expect("set");
    let before = session.stat(&path("/a")).await.expect("stands");
    let gate = hold(&world, Operation::Copy);
    rename(&session, "/a", "/new/b").await.expect("answered");

    let elsewhere = world.other_node().await;
    let there = world.login_at(&elsewhere, &name).await;
    for seen in [&session, &there] {
        assert_eq!(seen.stat(&path("/new/b")).await.expect("there"), before);
        assert_eq!(seen.names("/").await, ["new/"]);
        assert!(
            seen.stat(&path("/new"))
                .await
                .expect("there")
                .is_directory()
        );
        let listed = seen.list("/new").await.expect("listed");
        assert_eq!(listed["b"].attributes, before);
        assert_eq!(seen.text("/new/b").await.ok().as_deref(), Some("bytes"));
        assert_eq!(kind(seen.stat(&path("/a")).await), ErrorKind::NotFound);
        assert_eq!(kind(seen.text("/a").await), ErrorKind::NotFound);
    }
    let other = world.session("/b/home").await;
    assert_eq!(other.names("/").await, ["a"]);
    assert_eq!(other.text("/a").await.ok().as_deref(), Some("bytes"));
    assert_eq!(world.keys().await, ["home/a"]);
    assert_eq!(renames(&world).await, []);

    gate.add_permits(1);
    world.transfers.drain().await;
    assert_eq!(world.keys().await, ["home/new/b"]);
    for seen in [&session, &there, &other] {
        assert_eq!(seen.names("/").await, ["new/"]);
        assert_eq!(seen.names("/new").await, ["b"]);
        assert_eq!(seen.text("/new/b").await.ok().as_deref(), Some("bytes"));
        assert_eq!(seen.stat(&path("/new/b")).await.expect("there").mode, 0o600);
    }
    let renamed = (EventKind::Rename, "/new/b".to_owned());
    assert_eq!(renames(&world).await, [renamed]);
}

#[tokio::test]
async fn a_rename_that_ends_in_time_is_answered_with_its_end() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    session.put("/a", "bytes").await.expect("stored");
    world.store.on_request(|request| match request.operation {
        Operation::Copy => Fault::Refuse(ErrorKind::Denied),
        _ => Fault::None,
    });
    assert_eq!(kind(rename(&session, "/a", "/b").await), ErrorKind::Denied);
    assert_eq!(session.names("/").await, ["a"]);
    let told = world.told().await;
    assert_eq!(told[1..], [(EventKind::RenameFailed, "/b".to_owned())]);
    assert!(
        world
            .audited()
            .await
            .contains(&"rename /a failed".to_owned())
    );
}

#[tokio::test]
async fn a_copy_that_fails_for_good_brings_the_old_name_back() {
    let world = world().await;
    let session = world.session("/b/home").await;
    session.put("/a", "bytes").await.expect("stored");
    let gate = hold(&world, Operation::Copy);
    rename(&session, "/a", "/b").await.expect("answered");
    assert_eq!(session.names("/").await, ["b"]);
    // Somebody else changes the old file: there is nothing left to be copied.
    world.seed("home/a", "theirs").await;
    gate.add_permits(1);
    world.transfers.drain().await;
    assert_eq!(session.names("/").await, ["a"]);
    let told = world.told().await;
    assert_eq!(told[1..], [(EventKind::RenameFailed, "/b".to_owned())]);
    let event = world.events().await.pop().expect("told");
    assert_eq!(event.old_path.as_deref(), Some("/a"));
    // Behind the events: that it was read is told of in the background.
    assert_eq!(session.text("/a").await.ok().as_deref(), Some("theirs"));
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_asked_a_few_times() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    session.put("/a", "bytes").await.expect("stored");
    world.store.on_request(|request| match request.operation {
        Operation::Copy => Fault::Refuse(ErrorKind::Unavailable),
        _ => Fault::None,
    });
    let (from, to) = (path("/a"), path("/b"));
    let renamed = session.rename(&from, &to, Overwrite::Refuse);
    let (renamed, requests) = world.count(renamed).await;
    assert_eq!(kind(renamed), ErrorKind::Unavailable);
    assert!(requests.contains("Copy 5"), "{requests}");
    world.store.clear_faults();
    assert_eq!(session.names("/").await, ["a"]);
}

#[tokio::test]
async fn changes_under_the_new_name_wait_for_it_and_are_refused_in_time() {
    let world = world().await;
    let session = world.session("/b/home").await;
    session.put("/a", "bytes").await.expect("stored");
    let gate = hold(&world, Operation::Copy);
    rename(&session, "/a", "/b").await.expect("answered");
    let b = path("/b");
    let busy = [
        session.set_attributes(&b, &mode(0o600)).await,
        session.remove(&b).await,
        rename(&session, "/b", "/c").await,
        session.open(&b, &flags("WCT")).await.map(drop),
        session.open(&b, &flags("W")).await.map(drop),
        session.remove(&path("/a")).await,
    ];
    for refused in busy {
        let error = refused.expect_err("it must fail");
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("in progress"), "{error}");
    }
    let changes = mode(0o640);
    let (waited, ()) = tokio::join!(session.set_attributes(&b, &changes), async {
        gate.add_permits(1);
    });
    let mut waited = waited;
    // The wait is short here, and the machine may be busy.
    while let Err(error) = waited {
        assert!(error.to_string().contains("in progress"), "{error}");
        waited = session.set_attributes(&b, &changes).await;
    }
    assert_eq!(session.stat(&b).await.expect("there").mode, 0o640);
    world.transfers.drain().await;
    rename(&session, "/b", "/c").await.expect("renamed again");
    assert_eq!(world.keys().await, ["home/c"]);
}

#[tokio::test]
async fn a_new_file_under_the_old_name_comes_after_the_rename() {
    let world = world().await;
    let session = world.session("/b/home").await;
    session.put("/log", "first").await.expect("stored");
    let gate = hold(&world, Operation::Copy);
    rename(&session, "/log", "/log.1").await.expect("answered");
    let handle = session
        .open(&path("/log"), &flags("WCT"))
        .await
        .expect("opened");
    session.write(handle, 0, b"second").expect("taken");
    let (closed, ()) = tokio::join!(session.close(handle), async {
        gate.add_permits(1);
    });
    closed.expect("stored");
    world.transfers.drain().await;
    assert_eq!(session.text("/log").await.ok().as_deref(), Some("second"));
    assert_eq!(session.text("/log.1").await.ok().as_deref(), Some("first"));
}

#[tokio::test]
async fn who_reads_a_file_while_it_is_renamed_gets_all_of_it() {
    let world = world().await;
    let session = world.session("/b/home").await;
    let text = "0123456789".repeat(300_000);
    session.put("/a", &text).await.expect("stored");
    let gate = hold(&world, Operation::Copy);
    rename(&session, "/a", "/b").await.expect("answered");
    let handle = session.open(&path("/b"), &flags("R")).await.expect("open");
    session.read(handle, 0, 1000).await.expect("read");
    gate.add_permits(1);
    world.transfers.drain().await;
    assert_eq!(world.keys().await, ["home/b"]);
    let read = read_all(&session, handle).await.expect("read on");
    assert!(read == text);
}

#[tokio::test]
async fn a_rename_that_a_dead_node_left_is_finished_by_another() {
    for stop in [Operation::Copy, Operation::Delete] {
        let world = world().await;
        let name = world.user("/b/home", |_| {}).await;
        let session = world.login(&name).await.expect("a session");
        session.put("/a", "bytes").await.expect("stored");
        let gate = hold(&world, stop);
        rename(&session, "/a", "/b").await.expect("answered");
        // From here on the first node is as good as dead: its clients are gone, and it waits.
        world.store.clear_faults();
        let elsewhere = world.other_node().await;
        let there = world.login_at(&elsewhere, &name).await;
        assert_eq!(there.names("/").await, ["b"]);
        world.die().await;
        let found = elsewhere.transfers.finish_moves(&elsewhere.stores).await;
        assert_eq!(found.expect("a healthy database").resumed, 1);
        elsewhere.transfers.drain().await;
        assert_eq!(world.keys().await, ["home/b"], "{stop:?}");
        assert_eq!(there.text("/b").await.ok().as_deref(), Some("bytes"));
        // The dead one wakes up: what it does is late, and changes nothing.
        gate.add_permits(1);
        world.transfers.drain().await;
        assert_eq!(world.keys().await, ["home/b"], "{stop:?}");
        let renames = world.told().await;
        let renames = renames
            .iter()
            .filter(|(kind, _)| *kind == EventKind::Rename);
        assert_eq!(renames.count(), 1, "{stop:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_proven_and_the_rename_goes_on() {
    for lost in [Operation::Copy, Operation::Delete] {
        let world = World::new().await;
        let session = world.session("/b/home").await;
        session.put("/a", "bytes").await.expect("stored");
        world.store.on_request(move |request| {
            if request.operation == lost {
                Fault::LoseReply
            } else {
                Fault::None
            }
        });
        rename(&session, "/a", "/b").await.expect("renamed");
        world.store.clear_faults();
        assert_eq!(world.keys().await, ["home/b"], "{lost:?}");
    }
}

#[tokio::test]
async fn a_large_copy_goes_on_with_the_parts_that_are_there() {
    let world = World::with(|can| can.max_copy_size = 1000, impatient()).await;
    let name = world.user("/b/home", |_| {}).await;
    let session = world.login(&name).await.expect("a session");
    let options = PutOptions {
        content_type: Some("text/csv".to_owned()),
        ..PutOptions::default()
    };
    let text = "0123456789".repeat(1000);
    let put = world
        .store
        .put(
            &object_key("home/a"),
            Bytes::from(text.clone()).into(),
            &options,
        )
        .await;
    put.expect("stored");
    let gate = hold(&world, Operation::CompleteUpload);
    rename(&session, "/a", "/b").await.expect("answered");
    while world.store.requests().count(Operation::CompleteUpload) == 0 {
        tokio::task::yield_now().await;
    }
    world.store.clear_faults();
    let elsewhere = world.other_node().await;
    world.die().await;
    let finish = async {
        let found = elsewhere.transfers.finish_moves(&elsewhere.stores).await;
        assert_eq!(found.expect("a healthy database").resumed, 1);
        elsewhere.transfers.drain().await;
    };
    let ((), requests) = world.count(finish).await;
    assert!(
        requests.contains("CompleteUpload 1") && !requests.contains("CopyPart"),
        "{requests}"
    );
    drop(gate);
    assert_eq!(world.object("home/b").await, Some(text));
    let head = world
        .store
        .head(&object_key("home/b"))
        .await
        .expect("there");
    assert_eq!(head.content_type.as_deref(), Some("text/csv"));
    assert!(
        world
            .store
            .list_uploads("")
            .await
            .expect("listed")
            .is_empty()
    );
}

#[tokio::test]
async fn a_directory_that_a_dead_node_left_half_renamed_is_finished() {
    let world = world().await;
    let session = world.session("/b/home").await;
    for number in 0..40 {
        world.seed(&format!("home/d/{number:02}"), "x").await;
    }
    let gate = Arc::new(Semaphore::new(0));
    let (closed, held) = (Arc::clone(&gate), Arc::new(Notify::new()));
    let holding = Arc::clone(&held);
    world
        .store
        .on_request(move |request| match request.operation {
            Operation::Copy if request.key.ends_with("/30") => {
                holding.notify_one();
                Fault::Hold(Arc::clone(&closed))
            }
            _ => Fault::None,
        });
    tokio::select! {
        ended = rename(&session, "/d", "/e") => panic!("{ended:?} before it could"),
        () = held.notified() => {}
    }
    world.store.clear_faults();
    let elsewhere = world.other_node().await;
    world.die().await;
    let found = elsewhere.transfers.finish_moves(&elsewhere.stores).await;
    assert_eq!(found.expect("a healthy database").resumed, 1);
    elsewhere.transfers.drain().await;
    assert_eq!(session.names("/e").await.len(), 40);
    assert_eq!(kind(session.stat(&path("/d")).await), ErrorKind::NotFound);
    gate.add_permits(1);
    world.transfers.drain().await;
    assert_eq!(session.names("/e").await.len(), 40);
    let told = world.told().await;
    assert_eq!(told, [(EventKind::Rename, "/e".to_owned())]);
}

#[tokio::test]
async fn a_store_that_renames_does_it_at_once() {
    let world = World::with(|can| can.rename = true, Settings::default()).await;
    let session = world.session("/b/home").await;
    session.put("/a", "bytes").await.expect("stored");
    let times = AttributeChanges {
        mtime: Some(Timestamp::from_seconds(77)),
        ..AttributeChanges::default()
    };
    session
        .set_attributes(&path("/a"), &times)
        .await
        .expect("set");
    rename(&session, "/a", "/b").await.expect("renamed");
    let requests = world.store.requests();
    assert_eq!(requests.count(Operation::Rename), 1);
    assert_eq!(requests.count(Operation::Copy), 0);
    let head = world
        .store
        .head(&object_key("home/b"))
        .await
        .expect("there");
    assert_eq!(head.metadata["mtime"], "77");
    let stat = session.stat(&path("/b")).await.expect("there");
    assert_eq!(stat.mtime, Timestamp::from_seconds(77));
    assert_eq!(session.names("/").await, ["b"]);
}
