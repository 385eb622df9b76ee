//! Other names for unfinished files, and for directories that hold what their owner alone sees.

use std::sync::Arc;

use gateway::{Overwrite, Session};
use model::{ErrorKind, EventKind};

use crate::world::{SessionExt, World, flags, path};

/// More than a part, so that some of it is in the store under its key.
const BIG: usize = 20 << 20;

async fn cut(world: &World, name: &str, at: &str, bytes: &str, how: &str) {
    let session = world.login(name).await.expect("login");
    let handle = session.open(&path(at), &flags(how)).await.expect("open");
    session.write(handle, 0, bytes.as_bytes()).expect("taken");
    session.end().await;
}

async fn rename(session: &Arc<Session>, from: &str, to: &str) -> gateway::Result<()> {
    session
        .rename(&path(from), &path(to), Overwrite::Refuse)
        .await
}

async fn go_on(session: &Arc<Session>, at: &str, bytes: &str) {
    let handle = session.open(&path(at), &flags("WA")).await.expect("open");
    session.write(handle, 0, bytes.as_bytes()).expect("taken");
    session.close(handle).await.expect("stored");
}

#[tokio::test]
async fn an_unfinished_file_that_is_not_bound_to_its_key_gets_another_name() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    cut(&world, &name, "/d/f", "half", "WCT").await;
    let session = world.login(&name).await.expect("login");
    world.seed("home/taken", "older").await;
    let refused = rename(&session, "/d/f", "/taken").await;
    assert_eq!(refused.expect_err("taken").kind(), ErrorKind::Conflict);
    let (renamed, requests) = world.count(rename(&session, "/d/f", "/g")).await;
    renamed.expect("renamed");
    assert_eq!(requests, "Head 1", "to see that nothing stands there");
    assert_eq!(session.names("/").await, ["g", "taken"]);

    let node = world.other_node().await;
    let session = world.login_at(&node, &name).await;
    let big = "x".repeat(BIG);
    go_on(&session, "/g", &big).await;
    assert_eq!(world.object("home/g").await, Some(format!("half{big}")));
    assert_eq!(world.object("home/d/f").await, None);
    let told = world.told().await;
    let is_upload = |told: &&(EventKind, String)| told.0 == EventKind::Upload;
    let uploads: Vec<_> = told.iter().filter(is_upload).collect();
    assert_eq!(uploads, [&(EventKind::Upload, "/g".to_owned())]);
}

#[tokio::test]
async fn one_whose_parts_are_at_its_key_keeps_its_name_and_is_told_so() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    cut(&world, &name, "/d/f", &"x".repeat(BIG), "WCT").await;
    world.seed("home/old", "older").await;
    cut(&world, &name, "/old", "+", "WA").await;
    let session = world.login(&name).await.expect("login");
    for (from, why) in [("/d/f", "bound to this name"), ("/old", "adds to the file")] {
        let refused = rename(&session, from, "/g").await.expect_err("bound");
        assert_eq!(refused.kind(), ErrorKind::Conflict);
        assert!(refused.to_string().contains(why), "{refused}");
    }
    let refused = rename(&session, "/d", "/e").await.expect_err("bound");
    assert!(refused.to_string().contains("/d/f"), "{refused}");
    let removed = session.remove_directory(&path("/d")).await;
    assert_eq!(removed.expect_err("not empty").kind(), ErrorKind::Conflict);
    assert_eq!(session.names("/d").await, ["f"]);
    let other = world.session("/b/home").await;
    assert_eq!(other.names("/").await, ["old"]);
}

#[tokio::test]
async fn a_directory_of_private_files_alone_is_renamed_at_once() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    cut(&world, &name, "/d/sub/unfinished", "half", "WCT").await;
    let session = world.login(&name).await.expect("login");
    session.put("/d/a.part", "whole").await.expect("closed");
    session.put("/d2/b.part", "beside").await.expect("closed");
    let refused = rename(&session, "/d", "/d2").await;
    assert_eq!(refused.expect_err("taken").kind(), ErrorKind::Conflict);
    rename(&session, "/d", "/e/inner").await.expect("renamed");
    assert_eq!(session.names("/").await, ["d2/", "e/"]);
    assert_eq!(session.names("/e/inner").await, ["a.part", "sub/"]);
    rename(&session, "/e/inner/a.part", "/e/inner/a")
        .await
        .expect("named");
    go_on(&session, "/e/inner/sub/unfinished", " and half").await;
    assert_eq!(
        world.object("home/e/inner/a").await.as_deref(),
        Some("whole")
    );
    let whole = world.object("home/e/inner/sub/unfinished").await;
    assert_eq!(whole.as_deref(), Some("half and half"));
}

#[tokio::test]
async fn private_files_go_along_with_a_directory_that_others_see() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    cut(&world, &name, "/d/unfinished", "half", "WCT").await;
    let session = world.login(&name).await.expect("login");
    session.put("/d/stored", "stored").await.expect("stored");
    session.put("/d/a.part", "whole").await.expect("closed");
    let other = world.login(&name).await.expect("login");
    let at = other.open(&path("/d/a.part"), &flags("WA")).await;
    let at = at.expect("open");
    let refused = rename(&session, "/d", "/e").await.expect_err("in use");
    assert!(refused.to_string().contains("/d/a.part"), "{refused}");
    assert_eq!(
        session.names("/d").await,
        ["a.part", "stored", "unfinished"]
    );
    other.close(at).await.expect("closed");

    rename(&session, "/d", "/e").await.expect("renamed");
    assert_eq!(session.names("/").await, ["e/"]);
    assert_eq!(
        session.names("/e").await,
        ["a.part", "stored", "unfinished"]
    );
    rename(&session, "/e/a.part", "/e/a").await.expect("named");
    go_on(&session, "/e/unfinished", " and half").await;
    assert_eq!(world.object("home/e/a").await.as_deref(), Some("whole"));
    let whole = world.object("home/e/unfinished").await;
    assert_eq!(whole.as_deref(), Some("half and half"));
    assert_eq!(session.names("/").await, ["e/"]);
}
