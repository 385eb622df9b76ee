//! A bucket for staging alone: what consumers watch shows finished files and nothing else.

use std::sync::Arc;

use gateway::{Overwrite, Session};
use model::ErrorKind;
use storage::memory::MemoryStore;
use storage::{DEFAULT_STORE, ListRequest, ObjectStore, Stores};

use crate::world::{SessionExt, World, bucket, flags, path};

/// A gateway that stages in a bucket of its own; that bucket, and the one for files.
async fn apart() -> (World, MemoryStore, MemoryStore) {
    let files = MemoryStore::new(bucket("b"));
    let waiting = files.sibling(bucket("waiting"));
    let stores = Stores::in_memory(files.clone());
    let stores = stores.with_staging(DEFAULT_STORE, bucket("waiting"));
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::of(stores.expect("nobody else's"), folder).await;
    (world, files, waiting)
}

async fn count(store: &MemoryStore) -> usize {
    let page = store.list(&ListRequest::default()).await;
    page.expect("a healthy store").entries.len()
}

async fn cut(session: &Arc<Session>, at: &str, bytes: &str) {
    let handle = session.open(&path(at), &flags("WCT")).await.expect("open");
    session.write(handle, 0, bytes.as_bytes()).expect("taken");
    session.end().await;
}

#[tokio::test]
async fn temporary_files_wait_in_the_bucket_for_staging() {
    let (world, files, waiting) = apart().await;
    let session = world.session("/b/home").await;
    session.put("/a.part", "whole").await.expect("staged");
    assert_eq!((count(&files).await, count(&waiting).await), (0, 1));
    assert_eq!(session.text("/a.part").await.expect("read"), "whole");
    let handle = session.open(&path("/a.part"), &flags("WA")).await;
    let handle = handle.expect("added to");
    session.write(handle, 0, b" and more").expect("taken");
    session.close(handle).await.expect("staged again");
    assert_eq!((count(&files).await, count(&waiting).await), (0, 1));
    let (from, to) = (path("/a.part"), path("/a"));
    let named = session.rename(&from, &to, Overwrite::Refuse).await;
    named.expect("copied from one bucket to the other");
    assert_eq!((count(&files).await, count(&waiting).await), (1, 0));
    assert_eq!(session.text("/a").await.expect("read"), "whole and more");
}

#[tokio::test]
async fn tails_of_unfinished_files_wait_there_too() {
    let (world, files, waiting) = apart().await;
    let name = world.user("/b/home", |_| {}).await;
    let content = "0123456789abcdef".repeat((17 << 20) / 16);
    let (sent, rest) = content.split_at(13 << 20);
    cut(&world.login(&name).await.expect("login"), "/f", sent).await;
    assert_eq!((count(&files).await, count(&waiting).await), (0, 1));
    let session = world.login(&name).await.expect("login");
    let safe = session.size("/f").await.expect("unfinished");
    assert_eq!(safe, sent.len() as u64);
    let handle = session.open(&path("/f"), &flags("W")).await.expect("open");
    session.write(handle, safe, rest.as_bytes()).expect("taken");
    session.close(handle).await.expect("published");
    assert_eq!((count(&files).await, count(&waiting).await), (1, 0));
    assert!(session.text("/f").await.expect("read") == content);

    // One that is given up leaves nothing there either.
    cut(&world.login(&name).await.expect("login"), "/g", "a tail").await;
    assert_eq!(count(&waiting).await, 1);
    let session = world.login(&name).await.expect("login");
    session.remove(&path("/g")).await.expect("given up");
    let cleared = world.transfers.clear_leftovers(&world.stores).await;
    cleared.expect("a healthy database");
    assert_eq!((count(&files).await, count(&waiting).await), (1, 0));
}

#[tokio::test]
async fn no_home_and_no_mapping_leads_into_it() {
    let (world, ..) = apart().await;
    let name = world.user("/waiting/home", |_| {}).await;
    let refused = world.login(&name).await.expect_err("the gateway's own");
    assert_eq!(refused.kind(), ErrorKind::Denied);
    assert!(refused.to_string().contains("staging"), "{refused}");
}
