//! The beginning and the end of sessions, their limits and their handles.

use gateway::Settings;
use model::ErrorKind;
use storage::ObjectStore;

use crate::world::{SessionExt, World, flags, path, read_all};

#[tokio::test]
async fn sessions_are_counted_and_refused_above_the_limits() {
    let settings = Settings {
        max_sessions: 3,
        max_sessions_per_user: 2,
        ..Settings::default()
    };
    let world = World::with(|_| {}, settings).await;
    let ann = world.user("/b/ann", |_| {}).await;
    let ben = world
        .user("/b/ben", |user| user.limits.sessions = Some(1))
        .await;
    let first = world.login(&ann).await.expect("free");
    let _second = world.login(&ann).await.expect("free");
    let refused = world.login(&ann).await.expect_err("two at most");
    assert_eq!(refused.kind(), ErrorKind::Exhausted);
    assert!(refused.to_string().contains('2'), "{refused}");
    let _bens = world.login(&ben).await.expect("free");
    first.end().await;
    world.login(&ben).await.expect_err("one at most");
    assert_eq!(world.gateway.sessions(), 2);
    world.login(&ann).await.expect("free again");
}

#[tokio::test]
async fn what_a_dead_connection_leaves_does_not_hide_what_was_closed_since() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    // Its connection is dead already, and the gateway does not know it yet.
    let dead = world.login(&name).await.expect("a session");
    let handle = dead.open(&path("/f"), &flags("WCT")).await.expect("open");
    dead.write(handle, 0, b"ha").expect("taken");
    world.clock.advance(std::time::Duration::from_secs(60));
    let back = world.login(&name).await.expect("a session");
    let handle = back.open(&path("/f"), &flags("WCT")).await.expect("open");
    back.write(handle, 0, b"whole").expect("taken");
    back.close(handle).await.expect("stored");
    dead.end().await;
    assert_eq!(back.size("/f").await.ok(), Some(5));
    let handle = back.open(&path("/f"), &flags("R")).await;
    let read = read_all(&back, handle.expect("it can be read")).await;
    assert_eq!(read.ok().as_deref(), Some("whole"));
    assert_eq!(world.object("home/f").await.as_deref(), Some("whole"));
}

#[tokio::test]
async fn a_home_that_cannot_be_used_refuses_the_session() {
    let world = World::new().await;
    for home in [
        "",
        "relative",
        "/b/../c",
        "/b/.pierhead/x",
        "/b/${transfer:Nothing}",
    ] {
        let name = world.user(home, |_| {}).await;
        let refused = world.login(&name).await.expect_err(home);
        assert_eq!(refused.kind(), ErrorKind::Denied, "{home:?}");
    }
    assert_eq!(world.gateway.sessions(), 0);
}

#[tokio::test]
async fn handles_are_limited() {
    let settings = Settings {
        max_handles: 2,
        ..Settings::default()
    };
    let world = World::with(|_| {}, settings).await;
    let session = world.session("/b/home").await;
    world.seed("home/f", "f").await;
    let first = session
        .open(&path("/new"), &flags("WCT"))
        .await
        .expect("room");
    session.open_directory(&path("/")).await.expect("room");
    for letters in ["R", "WCT"] {
        let refused = session.open(&path("/f"), &flags(letters)).await;
        assert_eq!(refused.expect_err("full").kind(), ErrorKind::Exhausted);
    }
    session.close(first).await.expect("stored");
    session
        .open(&path("/f"), &flags("R"))
        .await
        .expect("room again");
}

#[tokio::test]
async fn the_end_of_a_session_leaves_nothing_unfinished_where_that_is_set() {
    let settings = gateway::Settings {
        unfinished: gateway::Unfinished::Discard,
        ..gateway::Settings::default()
    };
    let world = World::with(|_| {}, settings).await;
    let session = world.session("/b/home").await;
    let big = vec![b'x'; 20 << 20];
    let handle = session
        .open(&path("/big"), &flags("WCT"))
        .await
        .expect("open");
    session.write(handle, 0, &big).expect("taken");
    session.sync(handle).await.expect("stored");
    assert_eq!(world.store.list_uploads("").await.expect("listed").len(), 1);
    session
        .open(&path("/small"), &flags("WCT"))
        .await
        .expect("open");
    session.end().await;
    assert!(
        world
            .store
            .list_uploads("")
            .await
            .expect("listed")
            .is_empty()
    );
    assert!(world.keys().await.is_empty());
    assert!(world.told().await.is_empty());
    let late = model::Timestamp::from_seconds(4_000_000_000);
    let unfinished = world.database.transfers().unfinished(late, 10).await;
    assert!(unfinished.expect("listed").is_empty());
    session
        .write(handle, 0, b"late")
        .expect_err("the handle is gone");
    let late = session.open(&path("/late"), &flags("WCT")).await;
    assert_eq!(late.expect_err("ended").kind(), ErrorKind::Unavailable);
    session.put("/late", "late").await.expect_err("ended");
}

#[tokio::test]
async fn paths_are_read_from_the_working_directory() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    for (raw, clean) in [
        ("", "/"),
        (".", "/"),
        ("..", "/"),
        ("a/../b", "/b"),
        ("/x/", "/x"),
    ] {
        assert_eq!(
            session.resolve(raw.as_bytes()).expect("a path").as_str(),
            clean
        );
    }
    for raw in [&b"a\0"[..], b"a\xff", b"a\n"] {
        let refused = session.resolve(raw).expect_err("no path");
        assert_eq!(refused.kind(), ErrorKind::Invalid);
    }
}

#[tokio::test]
async fn names_too_long_for_the_store_are_refused() {
    let world = World::with(|can| can.max_name_bytes = Some(200), Settings::default()).await;
    let session = world.session("/b/home").await;
    let name = format!("/{}", "n".repeat(201));
    let deep = "/0123456789".repeat(100);
    for at in [name, deep] {
        let refused = session.open(&path(&at), &flags("WCT")).await;
        assert_eq!(refused.expect_err("too long").kind(), ErrorKind::Invalid);
    }
}
