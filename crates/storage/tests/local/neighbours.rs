//! Other programs work in the same folders, and other calls at the same keys.

use std::fs;

use bytes::Bytes;
use futures::TryStreamExt as _;
use futures::future::join_all;
use model::ErrorKind;
use storage::{ListRequest, ObjectStore as _, ObjectStoreExt as _, Precondition, PutOptions};

use crate::words::{all, key, open, put, read, root};

#[tokio::test]
async fn objects_are_plain_files_both_ways() {
    let root = root();
    let store = open(root.path()).await;
    put(&store, "orders/a.csv", "ours").await.unwrap();
    let path = root.path().join("inbox/orders/a.csv");
    assert_eq!(fs::read_to_string(&path).unwrap(), "ours");
    fs::write(path.with_file_name("b.csv"), "theirs").unwrap();
    assert_eq!(read(&store, "orders/b.csv").await.unwrap(), "theirs");
    assert_eq!(all(&store).await, ["orders/a.csv", "orders/b.csv"]);
}

#[tokio::test]
async fn a_file_that_another_program_changed_is_another_object() {
    let root = root();
    let store = open(root.path()).await;
    put(&store, "a", "first").await.unwrap();
    let before = store.head(&key("a")).await.unwrap();
    fs::write(root.path().join("inbox/a"), "other").unwrap();
    let after = store.head(&key("a")).await.unwrap();
    assert_ne!(before.etag, after.etag);
    let pinned = store.get(&key("a"), None, Some(&before.pin())).await;
    assert_eq!(pinned.unwrap_err().kind(), ErrorKind::Conflict);
    let when = PutOptions {
        precondition: Some(Precondition::Matches(before.etag)),
        ..PutOptions::default()
    };
    let refused = store
        .put(&key("a"), Bytes::from_static(b"x").into(), &when)
        .await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(read(&store, "a").await.unwrap(), "other");
}

#[tokio::test]
async fn a_read_ends_when_another_program_writes_into_the_file() {
    let root = root();
    let store = open(root.path()).await;
    put(&store, "a", &"o".repeat(3 << 20)).await.unwrap();
    let mut fetched = store.get(&key("a"), None, None).await.unwrap();
    fetched.body.try_next().await.unwrap().unwrap();
    fs::write(root.path().join("inbox/a"), "n".repeat(3 << 20)).unwrap();
    let rest: Result<Vec<_>, _> = fetched.body.try_collect().await;
    assert_eq!(rest.unwrap_err().kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn equal_bytes_have_etags_of_their_own() {
    let root = root();
    let store = open(root.path()).await;
    let mut etags = std::collections::HashSet::new();
    for _ in 0..100 {
        // The inode is free again each time, and the clock of a file system is coarse.
        let written = store.put_bytes(&key("a"), "same".into()).await.unwrap();
        assert!(etags.insert(written.etag));
        store.delete(&key("a"), None).await.unwrap();
    }
}

#[tokio::test]
async fn folders_of_others_stay_when_their_last_file_goes() {
    let root = root();
    let store = open(root.path()).await;
    fs::create_dir(root.path().join("inbox/theirs")).unwrap();
    put(&store, "theirs/ours/a", "x").await.unwrap();
    assert_eq!(all(&store).await, ["theirs/", "theirs/ours/a"]);
    store.delete(&key("theirs/ours/a"), None).await.unwrap();
    assert_eq!(all(&store).await, ["theirs/"]);
    assert!(!root.path().join("inbox/theirs/ours").exists());
    store.delete(&key("theirs/"), None).await.unwrap();
    assert!(!root.path().join("inbox/theirs").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folders_that_come_and_go_fail_no_put() {
    let root = root();
    let store = &open(root.path()).await;
    let come_and_go = |index: usize| async move {
        for _ in 0..40 {
            let at = format!("a/b/c/{index}");
            put(store, &at, "x").await.unwrap();
            assert_eq!(read(store, &at).await.unwrap(), "x");
            store.delete(&key(&at), None).await.unwrap();
        }
    };
    join_all((0..8).map(come_and_go)).await;
    assert_eq!(all(store).await, [""; 0]);
    assert_eq!(fs::read_dir(root.path().join("inbox")).unwrap().count(), 0);
}

#[tokio::test]
async fn listings_side_by_side_do_not_disturb_each_other() {
    let root = root();
    let store = open(root.path()).await;
    let expected: Vec<String> = (0..6).map(|index| format!("d/{index}")).collect();
    for at in &expected {
        put(&store, at, "x").await.unwrap();
    }
    // More than the store remembers the places of, each as far as the others.
    let mut listings: Vec<(Vec<String>, ListRequest)> = Vec::new();
    listings.resize_with(40, || {
        let request = ListRequest {
            max_entries: Some(1),
            ..ListRequest::default()
        };
        (Vec::new(), request)
    });
    for _ in 0..6 {
        for (names, request) in &mut listings {
            let page = store.list(request).await.unwrap();
            names.extend(page.entries.iter().map(|entry| entry.name().to_owned()));
            request.continuation = page.continuation;
        }
    }
    for (names, request) in listings {
        assert_eq!((names, request.continuation), (expected.clone(), None));
    }
}
