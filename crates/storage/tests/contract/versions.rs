//! Versions, where the bucket keeps them; where not, there is the object itself.

use model::ErrorKind;
use storage::{CopyOptions, Pin, Source};

use crate::fixture::{Fixture, key};

pub(crate) async fn every_write_is_a_version_or_there_is_one(f: &Fixture) {
    f.put("a", "first").await;
    f.put("a", "second").await;
    let versions = f.store.list_versions(&key("a")).await.unwrap();
    let head = f.store.head(&key("a")).await.unwrap();
    assert_eq!(
        versions.first().map(|v| (&v.etag, &v.version)),
        Some((&head.etag, &head.version))
    );
    if f.store.capabilities().versions {
        assert_eq!(versions.len(), 2);
        assert!(versions.iter().all(|version| version.version.is_some()));
        assert_ne!(versions[0].version, versions[1].version);
    } else {
        assert_eq!((versions.len(), head.version), (1, None));
    }
}

pub(crate) async fn an_old_version_can_be_read(f: &Fixture) {
    f.put("a", "first").await;
    let old = f.store.head(&key("a")).await.unwrap().pin();
    f.put("a", "second").await;
    if f.store.capabilities().versions {
        assert_eq!(f.read_pinned("a", &old).await.unwrap(), "first");
    }
    let invented = Pin {
        version: Some("no-such-version".to_owned()),
        ..f.store.head(&key("a")).await.unwrap().pin()
    };
    // Never the current one in place of the version that was asked for.
    let kind = f.read_pinned("a", &invented).await.unwrap_err();
    assert!(
        matches!(
            kind,
            ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Invalid
        ),
        "{kind}"
    );
}

pub(crate) async fn an_old_version_can_be_restored(f: &Fixture) {
    if !f.store.capabilities().versions {
        return;
    }
    f.put("a", "first").await;
    let old = f.store.head(&key("a")).await.unwrap().pin();
    f.put("a", "second").await;
    let source = Source {
        pin: Some(old),
        ..f.source("a")
    };
    f.store
        .copy(&source, &key("a"), &CopyOptions::default())
        .await
        .unwrap();
    assert_eq!(f.read("a").await.unwrap(), "first");
    assert_eq!(f.store.list_versions(&key("a")).await.unwrap().len(), 3);
}

pub(crate) async fn deleting_keeps_old_versions(f: &Fixture) {
    f.put("a", "first").await;
    let old = f.store.head(&key("a")).await.unwrap().pin();
    f.store.delete(&key("a"), None).await.unwrap();
    assert_eq!(f.read("a").await, Err(ErrorKind::NotFound));
    assert_eq!(f.all().await, [""; 0]);
    let versions = f.store.list_versions(&key("a")).await.unwrap();
    if f.store.capabilities().versions {
        assert_eq!(versions.len(), 1);
        assert_eq!(f.read_pinned("a", &old).await.unwrap(), "first");
    } else {
        assert_eq!(versions, []);
    }
}
