//! Nothing leads out of a bucket's folder, and what is unfinished is out of reach.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use model::ErrorKind;
use storage::local::LocalStore;
use storage::{CopyOptions, ListRequest, ObjectStore as _, ObjectStoreExt as _, Source};

use crate::words::{all, bucket, key, open, put, read, root, unfinished};

#[tokio::test]
async fn links_and_sockets_are_no_objects() {
    let root = root();
    let store = open(root.path()).await;
    let outside = root.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    let inbox = root.path().join("inbox");
    symlink(outside.join("secret"), inbox.join("file-link")).unwrap();
    symlink(&outside, inbox.join("folder-link")).unwrap();
    symlink("plain", inbox.join("inner-link")).unwrap();
    let _socket = UnixListener::bind(inbox.join("socket")).unwrap();
    put(&store, "plain", "plain").await.unwrap();

    assert_eq!(all(&store).await, ["plain"]);
    for at in [
        "file-link",
        "folder-link/secret",
        "folder-link/",
        "inner-link",
        "socket",
    ] {
        assert_eq!(read(&store, at).await, Err(ErrorKind::NotFound), "{at}");
        assert!(!store.exists(&key(at)).await.unwrap(), "{at}");
        store.delete(&key(at), None).await.unwrap();
        assert_eq!(put(&store, at, "").await, Err(ErrorKind::Conflict), "{at}");
    }
    assert_eq!(
        put(&store, "folder-link/new", "x").await,
        Err(ErrorKind::Conflict)
    );
    let below = ListRequest {
        prefix: "folder-link/".to_owned(),
        ..ListRequest::default()
    };
    assert_eq!(store.list(&below).await.unwrap().entries, []);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(
        fs::read_to_string(outside.join("secret")).unwrap(),
        "secret"
    );
    assert!(inbox.join("file-link").is_symlink() && inbox.join("socket").exists());
    assert_eq!(
        unfinished(root.path()),
        [""; 0].map(std::path::PathBuf::from)
    );
}

#[tokio::test]
async fn what_is_unfinished_is_no_bucket() {
    let root = root();
    let store = open(root.path()).await;
    let error = LocalStore::open(root.path(), bucket(".pierhead"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let upload = crate::words::begin(&store, "a").await;
    for at in [
        format!("inbox/uploads/{}/upload.json", upload.id.0),
        "inbox".to_owned(),
    ] {
        let source = Source {
            bucket: bucket(".pierhead"),
            key: key(&at),
            pin: None,
        };
        let copied = store
            .copy(&source, &key("a"), &CopyOptions::default())
            .await;
        assert_eq!(copied.unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert_eq!(
        put(&store, "../.pierhead/inbox/x", "x").await,
        Err(ErrorKind::Invalid)
    );
}

#[tokio::test]
async fn a_bucket_that_is_a_link_is_refused() {
    let root = root();
    fs::create_dir(root.path().join("elsewhere")).unwrap();
    symlink("elsewhere", root.path().join("inbox")).unwrap();
    let error = LocalStore::open(root.path(), bucket("inbox"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("symbolic link"), "{error}");
}

#[tokio::test]
async fn names_that_are_not_utf8_are_left_out() {
    use std::os::unix::ffi::OsStrExt as _;
    let root = root();
    let store = open(root.path()).await;
    let name = std::ffi::OsStr::from_bytes(b"latin\xe9");
    fs::write(root.path().join("inbox").join(name), "x").unwrap();
    put(&store, "z", "x").await.unwrap();
    assert_eq!(all(&store).await, ["z"]);
}
