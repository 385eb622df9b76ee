//! Whole objects: put, get, head, delete.

use base64::Engine as _;
use bytes::Bytes;
use futures::TryStreamExt as _;
use model::ErrorKind;
use storage::{Body, Metadata, Pin};

use crate::fixture::{Fixture, body, fails, key, metadata};

pub(crate) async fn an_empty_object_is_an_object(f: &Fixture) {
    let written = f.put("empty", "").await;
    let head = f.store.head(&key("empty")).await.unwrap();
    assert_eq!((head.size, head.etag), (0, written.etag));
    assert_eq!(f.read("empty").await.unwrap(), "");
    assert_eq!(f.read_range("empty", 0..10).await, "");
    assert_eq!(f.all().await, ["empty"]);
}

pub(crate) async fn what_was_put_comes_back(f: &Fixture) {
    let written = f.put("orders/a.csv", "123456789").await;
    assert_eq!(f.read("orders/a.csv").await.unwrap(), "123456789");
    let fetched = f.store.get(&key("orders/a.csv"), None, None).await.unwrap();
    let head = f.store.head(&key("orders/a.csv")).await.unwrap();
    assert_eq!(head, fetched.head);
    assert_eq!((head.size, &head.etag), (9, &written.etag));
    assert_eq!(head.version, written.version);
    assert!(
        !head.etag.contains('"') && !head.etag.is_empty(),
        "{:?}",
        head.etag
    );
    if let Some(crc) = written.crc64nvme {
        let check =
            base64::prelude::BASE64_STANDARD.encode(0xae8b_1486_0a79_9888_u64.to_be_bytes());
        assert_eq!(crc, check);
    }
}

pub(crate) async fn a_body_of_many_chunks_comes_back_in_order(f: &Fixture) {
    let chunks: Vec<Bytes> = (0..10_u8)
        .map(|index| Bytes::from(vec![b'a' + index; 100_000 + usize::from(index)]))
        .collect();
    let whole = String::from_utf8(chunks.concat()).unwrap();
    let body = Body::from_chunks(chunks);
    f.store
        .put(&key("big"), body, &Default::default())
        .await
        .unwrap();
    assert!(f.read("big").await.unwrap() == whole);
    assert!(f.read_range("big", 99_990..700_000).await == whole[99_990..700_000]);
}

pub(crate) async fn ranges_are_cut_at_the_end(f: &Fixture) {
    f.put("digits", "0123456789").await;
    for (range, expected) in [
        (0..10, "0123456789"),
        (0..1, "0"),
        (3..7, "3456"),
        (9..10, "9"),
        (8..1_000, "89"),
        (5..u64::MAX, "56789"),
        (10..11, ""),
        (11..20, ""),
        (1 << 50..1 << 51, ""),
        (4..4, ""),
        (0..0, ""),
    ] {
        let fetched = f
            .store
            .get(&key("digits"), Some(range.clone()), None)
            .await
            .unwrap();
        let chunks: Vec<Bytes> = fetched.body.try_collect().await.unwrap();
        assert_eq!(chunks.concat(), expected.as_bytes(), "{range:?}");
        assert_eq!(fetched.head.size, 10, "{range:?}");
    }
}

pub(crate) async fn metadata_comes_back(f: &Fixture) {
    if f.quirks.drops_metadata {
        return;
    }
    let said: Metadata = [
        ("mtime", "1700000000.5"),
        ("mode", "100644"),
        ("owner", "acme inc"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    f.put_with("a", "x", said.clone()).await;
    assert_eq!(f.store.head(&key("a")).await.unwrap().metadata, said);
    let fetched = f.store.get(&key("a"), Some(0..1), None).await.unwrap();
    assert_eq!(fetched.head.metadata, said);
}

pub(crate) async fn an_overwrite_replaces_bytes_and_metadata(f: &Fixture) {
    let first = f
        .put_with("a", "a longer first", metadata("transfer", "1"))
        .await;
    let second = f.put("a", "second").await;
    assert_ne!(first.etag, second.etag);
    assert_eq!(f.read("a").await.unwrap(), "second");
    let head = f.store.head(&key("a")).await.unwrap();
    assert_eq!((head.size, head.etag), (6, second.etag));
    assert_eq!(head.metadata, Metadata::new());
}

pub(crate) async fn what_is_missing_is_not_found(f: &Fixture) {
    f.put("there/file", "x").await;
    for missing in [
        "nothing",
        "there",
        "there/other",
        "there/file/below",
        "there/file/",
        "no/where/",
    ] {
        fails(f.store.head(&key(missing)).await, ErrorKind::NotFound);
        fails(
            f.store.get(&key(missing), None, None).await,
            ErrorKind::NotFound,
        );
        f.store.delete(&key(missing), None).await.unwrap();
        assert_eq!(f.store.list_versions(&key(missing)).await.unwrap(), []);
    }
    assert_eq!(f.read("there/file").await.unwrap(), "x");
}

pub(crate) async fn deleting_is_for_good(f: &Fixture) {
    f.put("a/b", "x").await;
    f.put("a/c", "y").await;
    f.store.delete(&key("a/b"), None).await.unwrap();
    assert_eq!(f.read("a/b").await, Err(ErrorKind::NotFound));
    assert_eq!(f.all().await, ["a/c"]);
    f.store.delete(&key("a/b"), None).await.unwrap();
    f.put("a/b", "again").await;
    assert_eq!(f.read("a/b").await.unwrap(), "again");
}

pub(crate) async fn a_read_is_never_a_mix(f: &Fixture) {
    let (old, new) = ("o".repeat(5_000_000), "n".repeat(5_000_000));
    f.put("a", &old).await;
    let mut fetched = f.store.get(&key("a"), None, None).await.unwrap();
    let first = fetched.body.try_next().await.unwrap().unwrap();
    f.put("a", &new).await;
    let rest: Result<Vec<Bytes>, _> = fetched.body.try_collect().await;
    // A store may cut the old object off; it must not go on with the new one.
    if let Ok(rest) = rest {
        assert!([first.as_ref(), &rest.concat()].concat() == old.as_bytes());
    }
    assert!(f.read("a").await.unwrap() == new);
}

pub(crate) async fn a_pin_holds_until_the_object_changes(f: &Fixture) {
    f.put("a", "first").await;
    let pin = f.store.head(&key("a")).await.unwrap().pin();
    assert_eq!(f.read_pinned("a", &pin).await.unwrap(), "first");
    // A later version, where there are versions, leaves the pinned one readable.
    let unversioned = Pin {
        version: None,
        ..pin
    };
    f.store
        .put(&key("a"), body("other"), &Default::default())
        .await
        .unwrap();
    assert_eq!(
        f.read_pinned("a", &unversioned).await,
        Err(ErrorKind::Conflict)
    );
    f.store.delete(&key("a"), None).await.unwrap();
    assert_eq!(
        f.read_pinned("a", &unversioned).await,
        Err(ErrorKind::NotFound)
    );
}
