//! Homes of 50,000 mappings: files and directories, nested, onto several buckets.

use std::collections::BTreeSet;

use database::{HomeType, Mapping, MappingKind};
use gateway::Overwrite;
use model::ErrorKind;
use storage::ObjectStoreExt;

use crate::world::{SessionExt, World, bucket, object_key, path};

const COUNT: usize = 50_000;

fn mapping(entry: String, target: String, kind: MappingKind) -> Mapping {
    Mapping {
        entry,
        target,
        kind,
        permissions: None,
    }
}

/// Half of them directly in the root, the rest in 100 directories; every tenth one a file.
fn many() -> Vec<Mapping> {
    let one = |number: usize| {
        let entry = match number % 2 {
            0 => format!("/m{number:05}"),
            _ => format!("/d{:02}/deep/m{number:05}", number % 199 / 2),
        };
        let bucket = ["b", "pool"][number / 2 % 2];
        match number % 10 {
            3 | 4 => mapping(
                entry,
                format!("/{bucket}/files/{number}"),
                MappingKind::File,
            ),
            _ => mapping(
                entry,
                format!("/{bucket}/dirs/{number}"),
                MappingKind::Directory,
            ),
        }
    };
    (0..COUNT).map(one).collect()
}

#[tokio::test]
async fn fifty_thousand_mappings_are_a_tree_like_any_other() {
    let world = World::new().await;
    let pool = world.store.sibling(bucket("pool"));
    world.seed("files/4", "four").await;
    world.seed("dirs/0/x", "x").await;
    let put = pool.put_bytes(&object_key("files/3"), "three".into()).await;
    put.expect("stored");
    let name = world
        .user("/b/ignored", |user| user.mappings = many())
        .await;
    let session = world.login(&name).await.expect("a session");
    assert_eq!(session.text("/m00004").await.expect("a file"), "four");
    assert_eq!(
        session.text("/d01/deep/m00003").await.expect("one"),
        "three"
    );
    assert_eq!(session.text("/m00000/x").await.expect("a file"), "x");
    session.put("/m00002/new", "new").await.expect("stored");
    let stored = pool.read_whole(&object_key("dirs/2/new"), 100).await;
    assert_eq!(&stored.expect("number 2 is onto this bucket")[..], b"new");
    session
        .rename(&path("/m00002/new"), &path("/m00000/y"), Overwrite::Refuse)
        .await
        .expect("between mappings and buckets");
    let nowhere = session.text("/m50001").await.expect_err("no mapping");
    assert_eq!(nowhere.kind(), ErrorKind::NotFound);
    let beside = session.text("/m0000/x").await.expect_err("no mapping");
    assert_eq!(beside.kind(), ErrorKind::NotFound);

    let names: BTreeSet<String> = session.names("/").await.into_iter().collect();
    let files = COUNT / 10;
    assert_eq!(
        names.len(),
        COUNT / 2 - files + 1 + 100,
        "of the files one stands"
    );
    assert!(names.contains("m00004") && names.contains("d42/"));
    assert_eq!(session.names("/d07").await, ["deep/"]);
}

#[tokio::test]
async fn a_large_directory_of_mapped_files_asks_the_store_as_it_is_read() {
    let world = World::new().await;
    for number in 0..150 {
        world.seed(&format!("files/{number:05}"), "x").await;
    }
    let file = |number| {
        let (entry, target) = (format!("/{number:05}"), format!("/b/files/{number:05}"));
        mapping(entry, target, MappingKind::File)
    };
    let mappings: Vec<Mapping> = (0..COUNT).map(file).collect();
    let session = world
        .session_of("/b/ignored", |user| user.mappings = mappings)
        .await;
    let (handle, requests) = world.count(session.open_directory(&path("/"))).await;
    let handle = handle.expect("open");
    assert_eq!(requests, "", "nothing is asked before it is read");
    let (entries, requests) = world.count(session.read_directory(handle)).await;
    assert_eq!(entries.expect("read").expect("some").len(), 100);
    assert_eq!(requests, "Head 100");
}

#[tokio::test]
async fn sessions_of_a_user_share_a_large_tree_and_more_mappings_are_refused() {
    let world = World::new().await;
    let name = world
        .user("/b/ignored", |user| user.mappings = many())
        .await;
    let (one, other) = (world.login(&name).await, world.login(&name).await);
    let (one, other) = (one.expect("a session"), other.expect("a session"));
    assert_eq!(one.working_directory().as_str(), "/");
    assert!(std::ptr::eq(
        one.working_directory(),
        other.working_directory()
    ));

    let mut mappings = many();
    mappings.push(mapping(
        "/more".into(),
        "/b/more".into(),
        MappingKind::Directory,
    ));
    let name = model::UserName::parse("ann").expect("valid");
    let checked = gateway::check_home(&name, HomeType::Logical, "", &mappings);
    let refused = checked.expect_err("one too many");
    assert!(refused.to_string().contains("50000"), "{refused}");
}
