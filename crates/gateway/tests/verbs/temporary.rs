//! Temporary names: private until they are renamed, one upload then.

use std::sync::Arc;

use gateway::{AttributeChanges, Overwrite, Session, Settings};
use model::{ErrorKind, EventKind, Timestamp};
use storage::ObjectStore;
use storage::memory::{Fault, Operation};
use tokio::sync::Semaphore;

use crate::world::{SessionExt, World, flags, path};

async fn rename(session: &Arc<Session>, from: &str, to: &str) -> gateway::Result<()> {
    session
        .rename(&path(from), &path(to), Overwrite::Refuse)
        .await
}

async fn posix_rename(session: &Arc<Session>, from: &str, to: &str) -> gateway::Result<()> {
    session
        .rename(&path(from), &path(to), Overwrite::Replace)
        .await
}

/// Keys that consumers see.
async fn visible(world: &World) -> Vec<String> {
    let mut keys = world.keys().await;
    keys.retain(|key| !key.starts_with(".pierhead/"));
    keys
}

#[tokio::test]
async fn a_temporary_file_is_its_owners_alone_until_it_is_renamed() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    let other = world.session("/b/home").await;
    let session = world.login(&name).await.expect("login");
    session.put("/d/a.filepart", "whole").await.expect("stored");
    assert!(visible(&world).await.is_empty());
    assert!(world.told().await.is_empty());
    other
        .stat(&path("/d/a.filepart"))
        .await
        .expect_err("not his");
    assert!(other.names("/").await.is_empty());
    for session in [&session, &world.login(&name).await.expect("login")] {
        assert_eq!(session.size("/d/a.filepart").await.expect("seen"), 5);
        assert_eq!(session.names("/d").await, ["a.filepart"]);
        assert_eq!(session.text("/d/a.filepart").await.expect("read"), "whole");
    }
    rename(&session, "/d/a.filepart", "/d/a")
        .await
        .expect("renamed");
    assert_eq!(world.keys().await, ["home/d/a"]);
    assert_eq!(other.text("/d/a").await.expect("read"), "whole");
    assert_eq!(session.names("/d").await, ["a"]);
    session
        .stat(&path("/d/a.filepart"))
        .await
        .expect_err("gone");
    let told = world.told().await;
    assert_eq!(told[0], (EventKind::Upload, "/d/a".to_owned()));
    let uploads = told.iter().filter(|told| told.0 == EventKind::Upload);
    assert_eq!(uploads.count(), 1);
}

#[tokio::test]
async fn it_costs_one_put_one_copy_and_one_delete() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let (stored, requests) = world.count(session.put("/a.part", "bytes")).await;
    stored.expect("stored");
    assert_eq!(requests, "Put 1");
    let (named, requests) = world.count(posix_rename(&session, "/a.part", "/a")).await;
    named.expect("renamed");
    assert_eq!(requests, "Delete 1, Copy 1");
    session.put("/b.part", "bytes").await.expect("stored");
    let (named, requests) = world.count(rename(&session, "/b.part", "/b")).await;
    named.expect("renamed");
    assert_eq!(requests, "Head 1, Delete 1, Copy 1");
}

#[tokio::test]
async fn what_was_set_before_and_after_close_arrives_with_it() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let handle = session
        .open(&path("/a.tmp"), &flags("WCT"))
        .await
        .expect("open");
    session.write(handle, 0, b"bytes").expect("taken");
    let mode = AttributeChanges {
        mode: Some(0o640),
        ..AttributeChanges::default()
    };
    let set = session.set_handle_attributes(handle, &mode).await;
    set.expect("set");
    session.close(handle).await.expect("stored");
    let mtime = Timestamp::from_seconds(1_500_000_000);
    let times = AttributeChanges {
        mtime: Some(mtime),
        ..AttributeChanges::default()
    };
    let set = session.set_attributes(&path("/a.tmp"), &times).await;
    set.expect("set");
    let seen = session.stat(&path("/a.tmp")).await.expect("seen");
    assert_eq!((seen.mode, seen.mtime), (0o640, mtime));
    rename(&session, "/a.tmp", "/a").await.expect("renamed");
    let seen = session.stat(&path("/a")).await.expect("seen");
    assert_eq!((seen.mode, seen.mtime, seen.size), (0o640, mtime, 5));
    let key = crate::world::object_key("home/a");
    let head = world.store.head(&key).await.expect("there");
    assert_eq!(head.metadata["mtime"], "1500000000");
    assert_eq!(world.events().await[0].mtime, Some(mtime));
}

#[tokio::test]
async fn it_replaces_only_where_that_is_asked_for() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    session.put("/a", "old").await.expect("stored");
    session.put("/a.part", "new").await.expect("stored");
    let refused = rename(&session, "/a.part", "/a").await;
    assert_eq!(refused.expect_err("exists").kind(), ErrorKind::Conflict);
    assert_eq!(world.object("home/a").await.as_deref(), Some("old"));
    assert_eq!(session.text("/a.part").await.expect("still there"), "new");
    posix_rename(&session, "/a.part", "/a")
        .await
        .expect("renamed");
    assert_eq!(world.object("home/a").await.as_deref(), Some("new"));
    // As WinSCP and rclone without posix-rename do it.
    session.put("/a.part", "newer").await.expect("stored");
    session.remove(&path("/a")).await.expect("removed");
    rename(&session, "/a.part", "/a").await.expect("renamed");
    assert_eq!(world.keys().await, ["home/a"]);
    assert_eq!(world.object("home/a").await.as_deref(), Some("newer"));
}

#[tokio::test]
async fn it_is_continued_after_a_cut_and_after_close_on_any_node() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    let first = world.login(&name).await.expect("login");
    let handle = first
        .open(&path("/a.filepart"), &flags("WCT"))
        .await
        .expect("open");
    first.write(handle, 0, b"one").expect("taken");
    first.end().await;
    let node = world.other_node().await;
    let second = world.login_at(&node, &name).await;
    assert_eq!(second.size("/a.filepart").await.expect("seen"), 3);
    let early = rename(&second, "/a.filepart", "/a").await;
    assert_eq!(early.expect_err("unfinished").kind(), ErrorKind::Conflict);
    rename(&second, "/a.filepart", "/b.filepart")
        .await
        .expect("still private");
    for (offset, piece) in [(3, ", two"), (8, ", three")] {
        let handle = second
            .open(&path("/b.filepart"), &flags("WC"))
            .await
            .expect("continued");
        second
            .write(handle, offset, piece.as_bytes())
            .expect("taken");
        second.close(handle).await.expect("stored");
    }
    assert_eq!(
        second.text("/b.filepart").await.expect("read"),
        "one, two, three"
    );
    rename(&second, "/b.filepart", "/b").await.expect("renamed");
    assert_eq!(
        world.object("home/b").await.as_deref(),
        Some("one, two, three")
    );
    let swept = world.transfers.clear_leftovers(&world.stores).await;
    assert_eq!(swept.expect("swept").left, 0);
    assert_eq!(world.keys().await, ["home/b"]);
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
async fn a_continuation_that_is_cut_or_fails_leaves_the_closed_file() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    let first = world.login(&name).await.expect("login");
    first.put("/a.part", "closed").await.expect("stored");
    let handle = first
        .open(&path("/a.part"), &flags("WC"))
        .await
        .expect("open");
    let second = world.login(&name).await.expect("login");
    assert_eq!(second.text("/a.part").await.expect("as it was"), "closed");
    first.close(handle).await.expect("untouched");
    assert_eq!(second.text("/a.part").await.expect("as it was"), "closed");
    let handle = first
        .open(&path("/a.part"), &flags("WA"))
        .await
        .expect("open");
    first.write(handle, 0, b" and more").expect("taken");
    world.die().await;
    let node = world.other_node().await;
    let third = world.login_at(&node, &name).await;
    // Nothing of the rest had been sent when the node died.
    assert_eq!(third.text("/a.part").await.expect("as it was"), "closed");
    rename(&third, "/a.part", "/a").await.expect("renamed");
    assert_eq!(world.object("home/a").await.as_deref(), Some("closed"));
    first
        .close(handle)
        .await
        .expect_err("it has its name by now");
    assert_eq!(world.object("home/a").await.as_deref(), Some("closed"));
}

#[tokio::test]
async fn an_interrupted_rename_is_finished_or_never_was() {
    for (took_effect, expected) in [(true, "home/a"), (false, "")] {
        let world = World::new().await;
        let name = world.user("/b/home", |_| {}).await;
        let session = world.login(&name).await.expect("login");
        session.put("/a.part", "bytes").await.expect("stored");
        let (reached, never) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let at_copy = Arc::clone(&reached);
        world
            .store
            .on_request(move |request| match request.operation {
                Operation::Copy if took_effect => Fault::LoseReply,
                Operation::Copy => {
                    at_copy.add_permits(1);
                    Fault::Hold(Arc::clone(&never))
                }
                Operation::Head if took_effect => Fault::Refuse(ErrorKind::Unavailable),
                _ => Fault::None,
            });
        let renaming = async { posix_rename(&session, "/a.part", "/a").await };
        if took_effect {
            let unknown = renaming.await;
            assert!(unknown.expect_err("unknown").outcome_unknown());
        } else {
            tokio::select! {
                _ = renaming => panic!("the copy does not end"),
                reached = reached.acquire() => reached.expect("open").forget(),
            }
        }
        world.store.clear_faults();
        world.die().await;
        let node = world.other_node().await;
        let second = world.login_at(&node, &name).await;
        let seen = second.names("/").await;
        let expected_names = if took_effect { ["a"] } else { ["a.part"] };
        assert_eq!(seen, expected_names);
        assert_eq!(visible(&world).await.join(" "), expected);
        if !took_effect {
            rename(&second, "/a.part", "/a").await.expect("renamed");
        }
        assert_eq!(world.object("home/a").await.as_deref(), Some("bytes"));
        let uploads = world.told().await;
        assert_eq!(uploads, [(EventKind::Upload, "/a".to_owned())]);
    }
}

#[tokio::test]
async fn a_removal_or_a_new_beginning_gives_it_up() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    session.put("/a.part", "first").await.expect("stored");
    session.put("/a.part", "second").await.expect("stored");
    assert_eq!(session.text("/a.part").await.expect("read"), "second");
    session.remove(&path("/a.part")).await.expect("removed");
    session.stat(&path("/a.part")).await.expect_err("gone");
    let swept = world.transfers.clear_leftovers(&world.stores).await;
    assert_eq!(swept.expect("swept").left, 0);
    assert!(world.keys().await.is_empty());
    assert!(world.told().await.is_empty());
}

#[tokio::test]
async fn a_name_given_while_it_is_open_counts_at_its_close() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let handle = session
        .open(&path("/a.part"), &flags("WCT"))
        .await
        .expect("open");
    session.write(handle, 0, b"bytes").expect("taken");
    rename(&session, "/a.part", "/a").await.expect("renamed");
    assert!(world.keys().await.is_empty());
    session.close(handle).await.expect("stored");
    assert_eq!(world.keys().await, ["home/a"]);
    assert_eq!(world.told().await, [(EventKind::Upload, "/a".to_owned())]);
}

#[tokio::test]
async fn closed_temporary_files_do_not_expire() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    session.put("/a.part", "bytes").await.expect("stored");
    world
        .clock
        .advance(std::time::Duration::from_secs(400 * 24 * 3600));
    assert_eq!(world.transfers.expire().await.expect("none"), 0);
    rename(&session, "/a.part", "/a").await.expect("renamed");
    assert_eq!(world.object("home/a").await.as_deref(), Some("bytes"));
}

#[tokio::test]
async fn ordinary_objects_stay_ordinary_under_such_names() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/a.tmp", "theirs").await;
    assert_eq!(session.text("/a.tmp").await.expect("read"), "theirs");
    let handle = session
        .open(&path("/a.tmp"), &flags("WA"))
        .await
        .expect("open");
    session.write(handle, 0, b", changed").expect("taken");
    session.close(handle).await.expect("stored");
    assert_eq!(
        world.object("home/a.tmp").await.as_deref(),
        Some("theirs, changed")
    );
    session.put("/b", "published").await.expect("stored");
    rename(&session, "/b", "/b.part").await.expect("renamed");
    assert_eq!(
        world.object("home/b.part").await.as_deref(),
        Some("published")
    );
}

#[tokio::test]
async fn the_list_of_suffixes_is_a_setting() {
    let settings = Settings {
        temporary_suffixes: Vec::new(),
        ..Settings::default()
    };
    let world = World::with(|_| {}, settings).await;
    let session = world.session("/b/home").await;
    session.put("/a.part", "bytes").await.expect("stored");
    assert_eq!(world.keys().await, ["home/a.part"]);
    let world = World::new().await;
    let session = world.session("/b/home").await;
    for at in ["/a.PART", "/.part", "/apart", "/a.part.gz"] {
        session.put(at, "bytes").await.expect("stored");
    }
    assert_eq!(visible(&world).await.len(), 4, "none of them is temporary");
}

#[tokio::test]
async fn plain_files_are_renamed_in_one_step() {
    let (world, root) = World::local().await;
    let session = world.session("/b/home").await;
    session.put("/a.part", "bytes").await.expect("stored");
    assert!(!root.join("b/home/a.part").exists());
    rename(&session, "/a.part", "/a").await.expect("renamed");
    let read = std::fs::read_to_string(root.join("b/home/a")).expect("a plain file");
    assert_eq!(read, "bytes");
    assert_eq!(world.told().await, [(EventKind::Upload, "/a".to_owned())]);
}
