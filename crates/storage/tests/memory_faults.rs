//! The memory store misbehaves when it is told to, and only then.

#![expect(clippy::unwrap_used, reason = "a case that cannot go on has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use futures::future::{Either, select};
use model::{BucketName, Clock as _, ErrorKind, ManualClock, ObjectKey, Timestamp};
use storage::memory::{Fault, MemoryStore, Operation};
use storage::{ObjectStore as _, ObjectStoreExt as _, Stores};
use tokio::sync::Semaphore;

fn bucket(name: &str) -> BucketName {
    BucketName::parse(name).unwrap()
}

fn key(key: &str) -> ObjectKey {
    ObjectKey::parse(key).unwrap()
}

fn store() -> MemoryStore {
    MemoryStore::new(bucket("inbox"))
}

#[tokio::test]
async fn requests_are_counted_whatever_becomes_of_them() {
    let store = store();
    store.put_bytes(&key("a"), "x".into()).await.unwrap();
    store.head(&key("a")).await.unwrap();
    store.head(&key("b")).await.unwrap_err();
    let requests = store.requests();
    assert_eq!(requests.count(Operation::Put), 1);
    assert_eq!(requests.count(Operation::Head), 2);
    assert_eq!(requests.total(), 3);
    store.reset_requests();
    assert_eq!(store.requests().total(), 0);
}

#[tokio::test]
async fn a_refused_request_changes_nothing_and_the_next_is_served() {
    let store = store();
    let left = AtomicU64::new(1);
    store.on_request(move |request| {
        let hit = request.operation == Operation::Put && request.key == "a";
        let spent = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            left.checked_sub(1)
        });
        if hit && spent.is_ok() {
            Fault::Refuse(ErrorKind::Denied)
        } else {
            Fault::None
        }
    });
    let error = store.put_bytes(&key("a"), "x".into()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome_unknown()),
        (ErrorKind::Denied, false)
    );
    store.head(&key("a")).await.unwrap_err();
    store.put_bytes(&key("a"), "x".into()).await.unwrap();
}

#[tokio::test]
async fn a_lost_reply_comes_after_the_effect() {
    let store = store();
    store.on_request(|request| match request.operation {
        Operation::Put => Fault::LoseReply,
        _ => Fault::None,
    });
    let error = store.put_bytes(&key("a"), "x".into()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome_unknown()),
        (ErrorKind::Unavailable, true)
    );
    assert_eq!(store.read_whole(&key("a"), 10).await.unwrap(), "x");
    store.clear_faults();
    store.put_bytes(&key("a"), "y".into()).await.unwrap();
}

#[tokio::test]
async fn a_held_request_waits_for_its_permit() {
    let store = store();
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    store.on_request(move |_| Fault::Hold(Arc::clone(&held)));
    let at = key("a");
    let put = Box::pin(store.put_bytes(&at, "x".into()));
    let put = match select(put, std::future::ready(())).await {
        Either::Left(_) => panic!("it must wait"),
        Either::Right(((), put)) => put,
    };
    assert_eq!(store.requests().count(Operation::Put), 1);
    gate.add_permits(1);
    put.await.unwrap();
}

#[tokio::test]
async fn a_body_breaks_off_where_it_is_cut() {
    let store = store();
    store
        .put_bytes(&key("a"), "0123456789".into())
        .await
        .unwrap();
    store.on_request(|_| Fault::CutBody(4));
    let mut body = store.get(&key("a"), None, None).await.unwrap().body;
    assert_eq!(
        body.try_next().await.unwrap(),
        Some(Bytes::from_static(b"0123"))
    );
    let error = body.try_next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn buckets_of_one_connection_share_counters_and_clock() {
    let clock = ManualClock::new(Timestamp::from_seconds(1_000));
    let store = MemoryStore::with_clock(bucket("inbox"), Arc::new(clock.clone()));
    let stores = Stores::in_memory(store.clone());
    let archive = stores.bucket(&bucket("archive")).await.unwrap();
    clock.advance(Duration::from_secs(5));
    archive.put_bytes(&key("a"), "x".into()).await.unwrap();
    assert_eq!(
        archive.head(&key("a")).await.unwrap().last_modified,
        clock.now()
    );
    assert_eq!(store.requests().total(), 2);
    store.head(&key("a")).await.unwrap_err();
    // The bucket of the store itself is the same bucket.
    store.put_bytes(&key("b"), "y".into()).await.unwrap();
    let inbox = stores.bucket(&bucket("inbox")).await.unwrap();
    assert!(inbox.exists(&key("b")).await.unwrap());
}
