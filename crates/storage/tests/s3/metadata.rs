//! Metadata and odd keys on the wire.

use model::ErrorKind;
use storage::{CopyOptions, Metadata, ObjectStore as _, PutOptions, Source};

use crate::{body, key, opened};

fn metadata(name: &str, value: &str) -> Metadata {
    Metadata::from([(name.to_owned(), value.to_owned())])
}

#[tokio::test]
async fn metadata_that_is_not_ascii_is_understood_by_others() {
    let (server, store) = opened().await;
    let mut given = metadata("path", "Über/日本語 😀.csv");
    given.insert("mtime".to_owned(), "1700000000.5".to_owned());
    let options = PutOptions {
        metadata: given.clone(),
        ..PutOptions::default()
    };
    store.put(&key("a"), body(&["x"]), &options).await.unwrap();
    assert_eq!(store.head(&key("a")).await.unwrap().metadata, given);
    // The server has a decoder of its own (RFC 2047), so it was not only us who understood it.
    let understood = server.metadata("inbox", "a").unwrap();
    assert_eq!(understood["path"], given["path"]);
    assert_eq!(understood["mtime"], given["mtime"]);
}

#[tokio::test]
async fn metadata_names_that_cannot_travel_are_refused() {
    let (server, store) = opened().await;
    let options = PutOptions {
        metadata: metadata("two words", "x"),
        ..PutOptions::default()
    };
    let error = store
        .put(&key("a"), body(&["x"]), &options)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn keys_are_sent_as_they_are() {
    let (server, store) = opened().await;
    let mut keys = vec![
        "a//b",
        "ends in blank ",
        "dir/",
        "../x",
        "a/../../x",
        "/leading",
        "//",
        ".",
        "..",
        "plus+percent%20?#&=",
        "quote'\"",
        "ünïcödé/日本語",
        "tab\t",
    ];
    for name in &keys {
        store
            .put(&key(name), body(&["x"]), &PutOptions::default())
            .await
            .unwrap();
        let source = Source {
            bucket: store.bucket().clone(),
            key: key(name),
            pin: Some(store.head(&key(name)).await.unwrap().pin()),
        };
        let to = key(&format!("copies/{name}"));
        store
            .copy(&source, &to, &CopyOptions::default())
            .await
            .unwrap();
        store.delete(&to, None).await.unwrap();
    }
    keys.sort_unstable();
    assert_eq!(server.keys("inbox"), keys);
}
