//! Uploads that are cut off: who sees what is left, who continues it, and what ends it.

use std::sync::Arc;
use std::time::Duration;

use database::TransferState;
use gateway::{AttributeChanges, HandleId, Overwrite, Session, Settings};
use model::{ErrorKind, EventKind, Timestamp};
use storage::ObjectStore;
use storage::memory::{Fault, Operation};

use crate::world::{SessionExt, World, flags, path};

const BIG: usize = 20 << 20;

fn text(len: usize) -> String {
    let line = "0123456789abcdef0123456789abcde\n";
    line.chars().cycle().take(len).collect()
}

/// An upload whose connection ends before CLOSE.
async fn cut(session: &Arc<Session>, at: &str, bytes: &str) {
    let handle = session.open(&path(at), &flags("WCT")).await.expect("open");
    session.write(handle, 0, bytes.as_bytes()).expect("taken");
    session.end().await;
}

/// What a client does that goes on from where STAT says.
async fn go_on(session: &Arc<Session>, at: &str, how: &str, whole: &str) -> gateway::Result<()> {
    let from = session.size(at).await? as usize;
    let handle = session.open(&path(at), &flags(how)).await?;
    let size = session.stat_handle(handle).await?.size;
    assert_eq!(size as usize, from, "FSTAT says what STAT says");
    let offset = if how.contains('A') { 0 } else { from };
    session.write(handle, offset as u64, &whole.as_bytes()[from..])?;
    session.close(handle).await
}

async fn nothing_left(world: &World) -> bool {
    let swept = world.transfers.clear_leftovers(&world.stores).await;
    assert_eq!(swept.expect("a healthy database").left, 0);
    let uploads = world.store.list_uploads("").await.expect("listed");
    let keys = world.keys().await;
    uploads.is_empty() && !keys.iter().any(|key| key.starts_with(".pierhead/"))
}

#[tokio::test]
async fn a_cut_upload_is_continued_as_each_client_does() {
    for how in ["WCA", "W", "WC", "WA"] {
        for len in [1000, BIG] {
            let world = World::new().await;
            let name = world.user("/b/home", |_| {}).await;
            let whole = text(len + 500);
            let first = world.login(&name).await.expect("login");
            cut(&first, "/f", &whole[..len]).await;
            let second = world.login(&name).await.expect("login");
            assert_eq!(
                second.size("/f").await.expect("seen") as usize,
                len,
                "{how}"
            );
            go_on(&second, "/f", how, &whole).await.expect("stored");
            assert_eq!(world.object("home/f").await.as_deref(), Some(&*whole));
            assert_eq!(second.text("/f").await.expect("readable"), whole);
            let told = world.told().await;
            let kinds: Vec<EventKind> = told.iter().map(|(kind, _)| *kind).collect();
            assert_eq!(kinds[..2], [EventKind::Partial, EventKind::Upload]);
            assert!(nothing_left(&world).await, "{how}");
        }
    }
}

#[tokio::test]
async fn another_node_continues_and_sends_nothing_again() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    let whole = text(BIG + (10 << 20));
    let first = world.login(&name).await.expect("login");
    cut(&first, "/f", &whole[..BIG]).await;
    let node = world.other_node().await;
    let second = world.login_at(&node, &name).await;
    let (stored, requests) = world.count(go_on(&second, "/f", "WCA", &whole)).await;
    stored.expect("stored");
    assert!(!requests.contains("CreateUpload"), "{requests}");
    assert_eq!(world.object("home/f").await.as_deref(), Some(&*whole));
}

#[tokio::test]
async fn what_a_killed_node_had_sent_is_continued_on_another() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    let whole = text(BIG + (10 << 20));
    let first = world.login(&name).await.expect("login");
    let handle = first.open(&path("/f"), &flags("WCT")).await.expect("open");
    first
        .write(handle, 0, &whole.as_bytes()[..BIG])
        .expect("taken");
    first.sync(handle).await.expect("sent");
    let node = world.other_node().await;
    let second = world.login_at(&node, &name).await;
    let unseen = second.stat(&path("/f")).await.expect_err("it is live");
    assert_eq!(unseen.kind(), ErrorKind::NotFound);
    world.die().await;
    let safe = second.size("/f").await.expect("seen") as usize;
    assert_eq!(safe, 16 << 20, "two parts of 8 MiB had arrived");
    assert_eq!(second.names("/").await, ["f"]);
    go_on(&second, "/f", "WC", &whole).await.expect("stored");
    assert_eq!(world.object("home/f").await.as_deref(), Some(&*whole));
    // The node was not dead after all: what it still does is refused, and changes nothing.
    let late = first.close(handle).await.expect_err("continued elsewhere");
    assert_eq!(late.kind(), ErrorKind::Conflict, "{late}");
    assert_eq!(world.object("home/f").await.as_deref(), Some(&*whole));
    let uploads = world.told().await;
    let uploads = uploads.iter().filter(|told| told.0 == EventKind::Upload);
    assert_eq!(uploads.count(), 1);
}

#[tokio::test]
async fn only_its_owner_sees_it_and_nobody_reads_it() {
    let world = World::new().await;
    let owner = world.user("/b/home", |_| {}).await;
    let other = world.session("/b/home").await;
    world.seed("home/d/f", "the older one").await;
    let first = world.login(&owner).await.expect("login");
    cut(&first, "/d/f", "half of the n").await;
    let second = world.login(&owner).await.expect("login");
    let seen = second.stat(&path("/d/f")).await.expect("seen");
    assert_eq!((seen.size, &*seen.group), (13, "unfinished"));
    let listed = second.list("/d").await.expect("listed");
    assert_eq!(listed["f"].attributes, seen);
    assert_eq!(second.lstat(&path("/d/f")).await.expect("seen"), seen);
    let refused = second.open(&path("/d/f"), &flags("R")).await;
    let refused = refused.expect_err("unfinished");
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(refused.to_string().contains("unfinished"), "{refused}");
    assert_eq!(other.text("/d/f").await.expect("read"), "the older one");
    assert_eq!(other.size("/d/f").await.expect("seen"), 13);
    let theirs = other.list("/d").await.expect("listed");
    assert_eq!(theirs["f"].attributes.group, "users");
    assert_eq!(
        world.object("home/d/f").await.as_deref(),
        Some("the older one")
    );
    let exclusive = second.open(&path("/d/f"), &flags("WCX")).await;
    assert_eq!(
        exclusive.expect_err("it exists").kind(),
        ErrorKind::Conflict
    );
    // What the others write there is theirs, and does not continue it.
    other.put("/d/f", "from the other").await.expect("stored");
    assert_eq!(second.size("/d/f").await.expect("seen"), 13);
}

#[tokio::test]
async fn of_two_sessions_one_continues_it() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    let first = world.login(&name).await.expect("login");
    cut(&first, "/f", "begun").await;
    let node = world.other_node().await;
    let (one, two) = (
        world.login(&name).await.expect("login"),
        world.login_at(&node, &name).await,
    );
    let (at, how) = (path("/f"), flags("WC"));
    let (a, b) = futures::join!(one.open(&at, &how), two.open(&at, &how));
    let loser = match (a, b) {
        (Ok(handle), Err(error)) => {
            one.write(handle, 5, b" and done").expect("taken");
            one.close(handle).await.expect("stored");
            error
        }
        (Err(error), Ok(handle)) => {
            two.write(handle, 5, b" and done").expect("taken");
            two.close(handle).await.expect("stored");
            error
        }
        // One of both looked when the other had it: then it began an upload of its own.
        (Ok(a), Ok(b)) => return each_closes_his_own(&world, [(&one, a), (&two, b)]).await,
        (Err(a), Err(b)) => panic!("nobody continues it: {a}; {b}"),
    };
    assert_eq!(loser.kind(), ErrorKind::Conflict, "{loser}");
    assert!(loser.to_string().contains("another session"), "{loser}");
    assert_eq!(
        world.object("home/f").await.as_deref(),
        Some("begun and done")
    );
}

/// Who comes when another session has it already begins anew, as where nothing stands.
#[tokio::test]
async fn who_comes_while_another_session_continues_it_begins_his_own() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    let first = world.login(&name).await.expect("login");
    cut(&first, "/f", "begun").await;
    let node = world.other_node().await;
    let (one, two) = (
        world.login(&name).await.expect("login"),
        world.login_at(&node, &name).await,
    );
    let (at, how) = (path("/f"), flags("WC"));
    let a = one.open(&at, &how).await.expect("continued");
    let b = two.open(&at, &how).await.expect("begun");
    each_closes_his_own(&world, [(&one, a), (&two, b)]).await;
}

/// One of both continues what was begun and the other does not; each publishes his own, whole, and
/// the one that closes last stands.
async fn each_closes_his_own(world: &World, both: [(&Arc<Session>, HandleId); 2]) {
    let mut sizes = Vec::new();
    for (session, handle) in both {
        let size = session.stat_handle(handle).await.expect("open").size;
        session.write(handle, size, b" and done").expect("taken");
        sizes.push(size);
    }
    let mut sorted = sizes.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [0, 5], "one has what was begun");
    for ((session, handle), size) in both.into_iter().zip(sizes) {
        session.close(handle).await.expect("stored");
        let whole = if size == 5 {
            "begun and done"
        } else {
            " and done"
        };
        assert_eq!(world.object("home/f").await.as_deref(), Some(whole));
    }
    let told = world.told().await;
    let uploads = told.iter().filter(|told| told.0 == EventKind::Upload);
    assert_eq!(uploads.count(), 2);
    assert!(nothing_left(world).await);
}

#[tokio::test]
async fn a_new_beginning_or_a_removal_discards_it() {
    for how in ["truncate", "remove", "replace"] {
        for len in [10, BIG] {
            let world = World::new().await;
            let name = world.user("/b/home", |_| {}).await;
            let first = world.login(&name).await.expect("login");
            cut(&first, "/f", &text(len)).await;
            let second = world.login(&name).await.expect("login");
            match how {
                "truncate" => second.put("/f", "anew").await.expect("stored"),
                "remove" => second.remove(&path("/f")).await.expect("removed"),
                _ => {
                    second.put("/g", "anew").await.expect("stored");
                    let (from, to) = (path("/g"), path("/f"));
                    let refused = second.rename(&from, &to, Overwrite::Refuse).await;
                    refused.expect_err("it exists for him");
                    let replaced = second.rename(&from, &to, Overwrite::Replace).await;
                    replaced.expect("renamed");
                }
            }
            let expected = (how != "remove").then_some("anew");
            assert_eq!(world.object("home/f").await.as_deref(), expected, "{how}");
            assert_eq!(second.text("/f").await.ok().as_deref(), expected, "{how}");
            assert!(nothing_left(&world).await, "{how} {len}");
        }
    }
}

#[tokio::test]
async fn an_upload_without_safe_bytes_leaves_nothing() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    let first = world.login(&name).await.expect("login");
    first.open(&path("/f"), &flags("WCT")).await.expect("open");
    let hole = first.open(&path("/g"), &flags("WCT")).await.expect("open");
    first.write(hole, 100, b"behind a hole").expect("taken");
    first.end().await;
    let second = world.login(&name).await.expect("login");
    assert!(second.names("/").await.is_empty());
    assert!(nothing_left(&world).await);
    assert!(world.told().await.is_empty());
}

#[tokio::test]
async fn times_and_mode_set_before_the_cut_are_kept() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    let first = world.login(&name).await.expect("login");
    let handle = first.open(&path("/f"), &flags("WCT")).await.expect("open");
    first.write(handle, 0, b"half").expect("taken");
    let changes = AttributeChanges {
        mode: Some(0o600),
        ..AttributeChanges::default()
    };
    let set = first.set_handle_attributes(handle, &changes).await;
    set.expect("set");
    first.end().await;
    let second = world.login(&name).await.expect("login");
    assert_eq!(second.stat(&path("/f")).await.expect("seen").mode, 0o600);
    let mtime = Timestamp::from_seconds(1_600_000_000);
    let changes = AttributeChanges {
        mtime: Some(mtime),
        ..AttributeChanges::default()
    };
    let set = second.set_attributes(&path("/f"), &changes).await;
    set.expect("set");
    go_on(&second, "/f", "WC", "half and half")
        .await
        .expect("stored");
    let seen = second.stat(&path("/f")).await.expect("seen");
    assert_eq!((seen.mode, seen.mtime), (0o600, mtime));
}

#[tokio::test]
async fn an_append_that_was_cut_is_published_onto_the_unchanged_file_alone() {
    for changed in [false, true] {
        let world = World::new().await;
        let name = world.user("/b/home", |_| {}).await;
        world.seed("home/f", "old").await;
        let first = world.login(&name).await.expect("login");
        let handle = first.open(&path("/f"), &flags("WA")).await.expect("open");
        first.write(handle, 0, b" and new").expect("taken");
        first.end().await;
        let second = world.login(&name).await.expect("login");
        assert_eq!(second.size("/f").await.expect("seen"), 11);
        assert_eq!(world.object("home/f").await.as_deref(), Some("old"));
        if changed {
            world.seed("home/f", "other").await;
        }
        let outcome = go_on(&second, "/f", "WA", "old and new, done").await;
        match changed {
            false => {
                outcome.expect("stored");
                let object = world.object("home/f").await;
                assert_eq!(object.as_deref(), Some("old and new, done"));
            }
            true => {
                let error = outcome.expect_err("its base is gone");
                assert_eq!(error.kind(), ErrorKind::Conflict);
                assert_eq!(world.object("home/f").await.as_deref(), Some("other"));
                second.remove(&path("/f")).await.expect("given up");
                assert_eq!(second.text("/f").await.expect("read"), "other");
            }
        }
    }
}

#[tokio::test]
async fn a_close_that_fails_for_the_store_can_be_continued() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    let session = world.login(&name).await.expect("login");
    let whole = text(BIG);
    let handle = session
        .open(&path("/f"), &flags("WCT"))
        .await
        .expect("open");
    session.write(handle, 0, whole.as_bytes()).expect("taken");
    session.sync(handle).await.expect("sent");
    world.store.on_request(|request| match request.operation {
        Operation::CompleteUpload | Operation::PutPart => Fault::Refuse(ErrorKind::Unavailable),
        _ => Fault::None,
    });
    let failed = session.close(handle).await.expect_err("the store is away");
    assert_eq!(failed.kind(), ErrorKind::Unavailable);
    world.store.clear_faults();
    assert_eq!(world.object("home/f").await, None);
    let safe = session.size("/f").await.expect("kept");
    assert!(safe >= 16 << 20, "{safe}");
    go_on(&session, "/f", "WC", &whole).await.expect("stored");
    assert_eq!(world.object("home/f").await, Some(whole));
}

#[tokio::test]
async fn what_nobody_continues_is_gone_after_its_time() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    let first = world.login(&name).await.expect("login");
    cut(&first, "/f", &text(BIG)).await;
    world.clock.advance(Duration::from_secs(23 * 3600));
    assert_eq!(world.transfers.expire().await.expect("expired"), 0);
    world.clock.advance(Duration::from_secs(3600));
    assert_eq!(world.transfers.expire().await.expect("expired"), 1);
    assert_eq!(world.transfers.expire().await.expect("expired"), 0);
    let told = world.told().await;
    assert_eq!(told[1], (EventKind::Expired, "/f".to_owned()));
    assert!(
        world
            .audited()
            .await
            .contains(&"expire /f success".to_owned())
    );
    let second = world.login(&name).await.expect("login");
    second.stat(&path("/f")).await.expect_err("gone");
    assert!(nothing_left(&world).await);
}

#[tokio::test]
async fn fewer_bytes_than_declared_are_kept_unfinished_where_that_is_set() {
    for completeness in [false, true] {
        let settings = Settings {
            completeness,
            ..Settings::default()
        };
        let world = World::with(|_| {}, settings).await;
        let name = world.user("/b/home", |_| {}).await;
        let session = world.login(&name).await.expect("login");
        let mut how = flags("WCT");
        how.attributes.size = Some(10);
        let handle = session.open(&path("/f"), &how).await.expect("open");
        session.write(handle, 0, b"12345").expect("taken");
        let closed = session.close(handle).await;
        if !completeness {
            closed.expect("a hint, no more");
            assert_eq!(world.object("home/f").await.as_deref(), Some("12345"));
            continue;
        }
        let text = closed.expect_err("incomplete").to_string();
        assert!(text.contains("5 of the 10 bytes"), "{text}");
        assert_eq!(world.object("home/f").await, None);
        assert_eq!(world.told().await, [(EventKind::Partial, "/f".to_owned())]);
        go_on(&session, "/f", "WC", "1234567890")
            .await
            .expect("stored");
        assert_eq!(world.object("home/f").await.as_deref(), Some("1234567890"));
    }
}

#[tokio::test]
async fn a_small_file_costs_what_it_did() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let (stored, requests) = world.count(session.put("/f", "small")).await;
    stored.expect("stored");
    assert_eq!(requests, "Put 1");
}

#[tokio::test]
async fn listings_merge_unfinished_files_in_byte_order_page_by_page() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    for number in (0..2500).step_by(2) {
        world.seed(&format!("home/f{number:04}"), "").await;
    }
    let first = world.login(&name).await.expect("login");
    for number in (1..40).step_by(2) {
        let at = path(&format!("/f{number:04}"));
        let handle = first.open(&at, &flags("WCT")).await.expect("open");
        first.write(handle, 0, b"x").expect("taken");
    }
    first.end().await;
    let second = world.login(&name).await.expect("login");
    let handle = second.open_directory(&path("/")).await.expect("open");
    let mut names = Vec::new();
    while let Some(entries) = second.read_directory(handle).await.expect("read") {
        names.extend(entries.into_iter().map(|entry| entry.name));
    }
    assert_eq!(names.len(), 1250 + 20);
    assert!(names.is_sorted(), "in byte order");
}

#[tokio::test]
async fn a_row_says_what_became_of_each_upload() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    let first = world.login(&name).await.expect("login");
    cut(&first, "/f", "half").await;
    let second = world.login(&name).await.expect("login");
    second.remove(&path("/f")).await.expect("removed");
    let location = model::Location {
        bucket: crate::world::bucket("b"),
        key: crate::world::object_key("home/f"),
    };
    let rows = world.database.transfers().to_object(&location, 10).await;
    let states: Vec<TransferState> = rows.expect("listed").iter().map(|row| row.state).collect();
    assert_eq!(states, [TransferState::Discarded]);
    assert_eq!(
        world.audited().await,
        [
            "upload /f failed".to_owned(),
            "remove /f success".to_owned()
        ]
    );
}

#[tokio::test]
async fn what_a_new_beginning_replaces_is_gone_when_open_is_answered() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    let first = world.login(&name).await.expect("login");
    cut(&first, "/f", &text(1000)).await;
    let second = world.login(&name).await.expect("login");
    let _handle = second.open(&path("/f"), &flags("WCT")).await.expect("open");
    let node = world.other_node().await;
    world.die().await;
    let third = world.login_at(&node, &name).await;
    let found = third.size("/f").await.map_err(|error| error.kind());
    assert_eq!(found, Err(ErrorKind::NotFound), "bytes of another upload");
}
