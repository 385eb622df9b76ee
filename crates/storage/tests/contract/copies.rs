//! Copies inside a store.

use model::ErrorKind;
use storage::{CopyOptions, Pin, PutOptions, Source};

use crate::fixture::{Fixture, body, fails, key, metadata, read};

pub(crate) async fn a_copy_has_bytes_and_metadata(f: &Fixture) {
    f.put_with("from", "content", metadata("owner", "acme"))
        .await;
    let options = CopyOptions::default();
    let written = f
        .store
        .copy(&f.source("from"), &key("to/here"), &options)
        .await
        .unwrap();
    assert_eq!(f.read("to/here").await.unwrap(), "content");
    let head = f.store.head(&key("to/here")).await.unwrap();
    assert_eq!(head.etag, written.etag);
    if !f.quirks.drops_metadata {
        assert_eq!(head.metadata, metadata("owner", "acme"));
    }
}

/// What a store names so stands in rows and events, and is compared with the bytes: one that names a
/// checksum of another kind names none.
pub(crate) async fn a_copy_has_the_checksum_of_its_bytes_or_none(f: &Fixture) {
    let put = f.put_with("from", "content", metadata("is", "old")).await;
    let of_bytes = put.crc64nvme;
    assert!(of_bytes.is_some(), "what is sent is summed up");
    let named = of_bytes.filter(|_| !f.quirks.names_no_checksum_of_copies);
    let replaced = CopyOptions {
        metadata: Some(metadata("is", "new")),
        ..CopyOptions::default()
    };
    for options in [CopyOptions::default(), replaced] {
        let to = key("to");
        let copied = f.store.copy(&f.source("from"), &to, &options).await;
        assert_eq!(copied.unwrap().crc64nvme, named, "{options:?}");
    }
}

pub(crate) async fn a_copy_has_the_type_of_its_source(f: &Fixture) {
    let options = PutOptions {
        content_type: Some("text/csv".to_owned()),
        ..PutOptions::default()
    };
    let put = f.store.put(&key("from"), body("a;b"), &options).await;
    put.unwrap();
    for (name, metadata) in [("kept", None), ("changed", Some(metadata("is", "new")))] {
        let options = CopyOptions {
            metadata,
            ..CopyOptions::default()
        };
        let copied = f.store.copy(&f.source("from"), &key(name), &options).await;
        copied.unwrap();
        let head = f.store.head(&key(name)).await.unwrap();
        if !f.quirks.drops_metadata {
            assert_eq!(head.content_type.as_deref(), Some("text/csv"));
        }
    }
}

pub(crate) async fn a_copy_may_have_other_metadata(f: &Fixture) {
    f.put_with("from", "content", metadata("owner", "acme"))
        .await;
    let options = CopyOptions {
        metadata: Some(metadata("transfer", "7")),
        ..CopyOptions::default()
    };
    f.store
        .copy(&f.source("from"), &key("to"), &options)
        .await
        .unwrap();
    assert_eq!(f.read("to").await.unwrap(), "content");
    if !f.quirks.drops_metadata {
        assert_eq!(
            f.store.head(&key("to")).await.unwrap().metadata,
            metadata("transfer", "7")
        );
        assert_eq!(
            f.store.head(&key("from")).await.unwrap().metadata,
            metadata("owner", "acme")
        );
    }
}

pub(crate) async fn an_object_is_copied_onto_itself_for_its_metadata(f: &Fixture) {
    if f.quirks.refuses_copy_onto_itself {
        return;
    }
    f.put_with("a", "content", metadata("mode", "644")).await;
    let options = CopyOptions {
        metadata: Some(metadata("mode", "600")),
        ..CopyOptions::default()
    };
    f.store
        .copy(&f.source("a"), &key("a"), &options)
        .await
        .unwrap();
    assert_eq!(f.read("a").await.unwrap(), "content");
    if !f.quirks.drops_metadata {
        assert_eq!(
            f.store.head(&key("a")).await.unwrap().metadata,
            metadata("mode", "600")
        );
    }
}

pub(crate) async fn a_copy_crosses_buckets(f: &Fixture) {
    f.put("same", "from the first").await;
    let options = CopyOptions::default();
    f.other
        .copy(&f.source("same"), &key("same"), &options)
        .await
        .unwrap();
    f.put("same", "changed").await;
    assert_eq!(
        read(&*f.other, "same", None, None).await.unwrap(),
        "from the first"
    );
    assert_eq!(f.read("same").await.unwrap(), "changed");
}

pub(crate) async fn a_copy_of_another_state_is_refused(f: &Fixture) {
    f.put("from", "first").await;
    let pin = f.store.head(&key("from")).await.unwrap().pin();
    f.put("from", "second").await;
    let source = Source {
        pin: Some(Pin {
            version: None,
            ..pin
        }),
        ..f.source("from")
    };
    if !f.quirks.copies_any_state {
        let copied = f
            .store
            .copy(&source, &key("to"), &CopyOptions::default())
            .await;
        fails(copied, ErrorKind::Conflict);
        fails(f.store.head(&key("to")).await, ErrorKind::NotFound);
    }
    let source = Source {
        pin: Some(f.store.head(&key("from")).await.unwrap().pin()),
        ..source
    };
    f.store
        .copy(&source, &key("to"), &CopyOptions::default())
        .await
        .unwrap();
    assert_eq!(f.read("to").await.unwrap(), "second");
}

pub(crate) async fn a_copy_of_nothing_is_not_found(f: &Fixture) {
    f.put("to", "stands").await;
    let copied = f
        .store
        .copy(&f.source("nothing"), &key("to"), &CopyOptions::default())
        .await;
    fails(copied, ErrorKind::NotFound);
    assert_eq!(f.read("to").await.unwrap(), "stands");
}

pub(crate) async fn a_copy_lives_its_own_life(f: &Fixture) {
    f.put("from", "content").await;
    let options = CopyOptions::default();
    f.store
        .copy(&f.source("from"), &key("to"), &options)
        .await
        .unwrap();
    f.store.delete(&key("from"), None).await.unwrap();
    assert_eq!(f.read("to").await.unwrap(), "content");
    f.put("from", "anew").await;
    assert_eq!(f.read("to").await.unwrap(), "content");
}
