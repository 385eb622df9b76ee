//! Homes that lie in several stores.

use std::fs;
use std::path::PathBuf;

use database::{Mapping, MappingKind, NewRole};
use gateway::Overwrite;
use model::{Clock, ErrorKind};
use storage::{Connection, Stores};

use crate::world::{SessionExt, World, flags, path};

/// A gateway whose bucket `cold` is reached through the store `archive`; the folders of both.
async fn two_stores() -> (World, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let (hot, cold) = (folder.path().join("hot"), folder.path().join("archive"));
    let local = |root: &PathBuf| Connection::Local { root: root.clone() };
    let stores = Stores::new(local(&hot)).with_store("archive", &["cold".to_owned()], local(&cold));
    let world = World::of(stores.expect("they are apart"), folder).await;
    (world, hot, cold)
}

fn mapping(entry: &str, target: &str) -> Mapping {
    Mapping {
        entry: entry.to_owned(),
        target: target.to_owned(),
        kind: MappingKind::Directory,
        permissions: None,
    }
}

#[tokio::test]
async fn a_tree_may_lie_in_several_stores() {
    let (world, hot, cold) = two_stores().await;
    let session = world
        .session_of("/b/ignored", |user| {
            user.mappings = vec![
                mapping("/", "default:/b/home"),
                mapping("/cold", "archive:/cold/ann"),
                mapping("/more", "/cold/more"),
            ];
        })
        .await;
    session.put("/f", "hot").await.expect("stored");
    session.put("/cold/f", "cold").await.expect("stored");
    session.put("/more/t.part", "more").await.expect("staged");
    let rename = async |from: &str, to: &str| {
        let (from, to) = (path(from), path(to));
        session.rename(&from, &to, Overwrite::Refuse).await
    };
    rename("/more/t.part", "/cold/t").await.expect("one store");
    let read = |path: PathBuf| fs::read_to_string(path).expect("a file");
    assert_eq!(read(hot.join("b/home/f")), "hot");
    assert_eq!(read(cold.join("cold/ann/f")), "cold");
    assert_eq!(read(cold.join("cold/ann/t")), "more");
    assert_eq!(session.text("/cold/f").await.expect("read"), "cold");
    assert_eq!(session.names("/").await, ["cold/", "f", "more/"]);

    for (from, to) in [("/f", "/cold/g"), ("/cold/f", "/g"), ("/x.part", "/cold/x")] {
        let refused = rename(from, to).await.expect_err("another store");
        assert_eq!(refused.kind(), ErrorKind::Unsupported, "{from}");
        assert!(
            refused.to_string().contains("in another store"),
            "{refused}"
        );
    }
    let from = session.open(&path("/f"), &flags("R")).await.expect("open");
    let to = session.open(&path("/cold/g"), &flags("WCT")).await;
    let to = to.expect("open");
    let copied = session.copy_data(from, 0, 0, to, 0).await;
    copied.expect("through the gateway");
    session.close(to).await.expect("stored");
    assert_eq!(read(cold.join("cold/ann/g")), "hot");
    session.remove(&path("/cold/f")).await.expect("removed");
    assert!(!cold.join("cold/ann/f").exists());
}

#[tokio::test]
async fn a_bucket_is_not_reached_through_another_store_than_is_said() {
    let (world, ..) = two_stores().await;
    for target in ["archive:/b/home", "default:/cold/ann", "nowhere:/b/home"] {
        let name = world.user(target, |_| {}).await;
        let refused = world.login(&name).await.expect_err("another store");
        assert_eq!(refused.kind(), ErrorKind::Denied, "{target}");
        assert!(refused.to_string().contains("reached through"), "{refused}");
    }
    let role = NewRole {
        name: "archivist".to_owned(),
        store: Some("archive".to_owned()),
        ..NewRole::default()
    };
    let made = world
        .database
        .roles()
        .create(&role, world.clock.now())
        .await;
    made.expect("a new role");
    for (home, allowed) in [("/cold/ann", true), ("/b/home", false)] {
        let role = Some("archivist".to_owned());
        let name = world.user(home, |user| user.role = role).await;
        let session = world.login(&name).await;
        assert_eq!(session.is_ok(), allowed, "{home}: {session:?}");
    }
}
