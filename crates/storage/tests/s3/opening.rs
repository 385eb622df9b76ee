//! The first look at a bucket.

use std::time::Duration;

use model::{BucketName, ErrorKind, Secret};
use storage::s3::{Credentials, S3Client, S3Settings, S3Store};
use storage::{ObjectStore as _, ObjectStoreExt as _};
use testkit::s3::{Effect, Fault};

use crate::{chain, key, open, server, settings};

#[tokio::test]
async fn a_missing_bucket_is_named() {
    let server = server().await;
    let bucket = BucketName::parse("outbox").unwrap();
    let client = S3Client::new(settings(&server));
    let error = S3Store::open(&client, bucket).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let text = "open bucket outbox: the bucket outbox does not exist";
    assert_eq!(error.to_string(), text);
}

#[tokio::test]
async fn wrong_credentials_are_denied() {
    let server = server().await;
    let credentials = Credentials::Static {
        access_key: server.access_key().to_owned(),
        secret_key: Secret::new("another".to_owned()),
        session_token: None,
    };
    let error = open(S3Settings {
        credentials,
        ..settings(&server)
    });
    let error = error.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{}", chain(&error));
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    let server = server().await;
    let store = open(settings(&server)).await.unwrap();
    drop(server);
    // The listener is gone as soon as its task noticed; until then the answer is a cut.
    let error = loop {
        let error = store.put_bytes(&key("a"), "x".into()).await.unwrap_err();
        if !error.outcome_unknown() {
            break error;
        }
    };
    assert_eq!(error.to_string(), "put a: the store cannot be reached");
}

#[tokio::test]
async fn where_the_probe_is_denied_nothing_is_assumed() {
    let server = server().await;
    let denied = Effect::Status(403, "AccessDenied");
    server.break_with(Fault::new(denied).on("PutObject").keys_with(".pierhead/"));
    let store = open(settings(&server)).await.unwrap();
    let able = store.capabilities();
    assert!(!able.put_conditions && !able.part_copy && !able.versions);
    store.put_bytes(&key("a"), "x".into()).await.unwrap();
}

#[tokio::test]
async fn without_a_probe_nothing_is_written() {
    let server = server().await;
    let settings = S3Settings {
        probe: false,
        ..settings(&server)
    };
    open(settings).await.unwrap();
    assert_eq!(
        server.requests().keys().collect::<Vec<_>>(),
        [&"ListObjectsV2"]
    );
}

#[tokio::test]
async fn buckets_of_a_connection_are_opened_through_stores() {
    let server = server().await;
    let patient = S3Settings {
        deadlines: storage::s3::Deadlines {
            answer: Duration::from_secs(30),
            ..storage::s3::Deadlines::default()
        },
        ..settings(&server)
    };
    let stores = storage::Stores::new(storage::Connection::S3(Box::new(patient)));
    let bucket = stores
        .bucket(&BucketName::parse("inbox").unwrap())
        .await
        .unwrap();
    bucket.put_bytes(&key("a"), "x".into()).await.unwrap();
    assert_eq!(server.object("inbox", "a").unwrap(), "x");
}
