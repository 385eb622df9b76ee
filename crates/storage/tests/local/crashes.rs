//! What a process that died leaves behind, and how the next one goes on.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;

use model::ErrorKind;
use storage::ObjectStore as _;

use crate::words::{all, begin, inode, key, open, part, put, read, root, unfinished};

#[tokio::test]
async fn staged_leftovers_are_swept_and_files_in_use_are_not() {
    let root = root();
    drop(open(root.path()).await);
    let staged = root.path().join(".pierhead/inbox/staged");
    fs::write(staged.join("0a"), "left by a crash").unwrap();
    let in_use = File::create(staged.join("0b")).unwrap();
    in_use.lock().unwrap();
    let store = open(root.path()).await;
    assert_eq!(unfinished(root.path()), [staged.join("0b")]);
    assert_eq!(all(&store).await, [""; 0]);
}

#[tokio::test]
async fn nothing_is_left_staged_by_success_or_failure() {
    let root = root();
    let store = open(root.path()).await;
    put(&store, "d/a", "x").await.unwrap();
    put(&store, "d", "refused").await.unwrap_err();
    put(&store, "d/a/b/c", "refused").await.unwrap_err();
    let upload = begin(&store, "d/a").await;
    let parts = [
        part(&store, 2, "x", &upload).await,
        part(&store, 9, "y", &upload).await,
    ];
    store.complete_upload(&upload, &parts, None).await.unwrap();
    let upload = begin(&store, "d/a").await;
    part(&store, 2, "x", &upload).await;
    store.abort_upload(&upload).await.unwrap();
    assert_eq!(
        unfinished(root.path()),
        [""; 0].map(std::path::PathBuf::from)
    );
    assert_eq!(all(&store).await, ["d/a"]);
    assert_eq!(read(&store, "d/a").await.unwrap(), "xy");
}

#[tokio::test]
async fn an_upload_goes_on_after_a_restart() {
    let root = root();
    let store = open(root.path()).await;
    let upload = begin(&store, "big").await;
    part(&store, 1, "one ", &upload).await;
    part(&store, 4, "four", &upload).await;
    part(&store, 2, "zwei ", &upload).await;
    part(&store, 2, "two ", &upload).await;
    drop(store);

    let store = open(root.path()).await;
    let pending = store.list_uploads("").await.unwrap();
    assert_eq!(pending.len(), 1);
    assert_eq!(pending[0].upload, upload);
    let listed = store.list_parts(&upload).await.unwrap();
    assert_eq!(
        listed
            .iter()
            .map(|part| part.number.get())
            .collect::<Vec<_>>(),
        [1, 2, 4]
    );
    part(&store, 3, "three ", &upload).await;
    let listed = store.list_parts(&upload).await.unwrap();
    store.complete_upload(&upload, &listed, None).await.unwrap();
    assert_eq!(read(&store, "big").await.unwrap(), "one two three four");
}

#[tokio::test]
async fn a_record_cut_off_by_a_crash_is_no_part() {
    let root = root();
    let store = open(root.path()).await;
    let upload = begin(&store, "big").await;
    part(&store, 1, "one ", &upload).await;
    let second = part(&store, 2, "two", &upload).await;
    drop(store);
    let folder = root
        .path()
        .join(".pierhead/inbox/uploads")
        .join(&upload.id.0);
    let log = folder.join("parts.log");
    let len = fs::metadata(&log).unwrap().len();
    OpenOptions::new()
        .write(true)
        .open(&log)
        .unwrap()
        .set_len(len - 5)
        .unwrap();

    let store = open(root.path()).await;
    let listed = store.list_parts(&upload).await.unwrap();
    assert_eq!(
        listed
            .iter()
            .map(|part| part.number.get())
            .collect::<Vec<_>>(),
        [1]
    );
    let both = [listed[0].clone(), second];
    let refused = store
        .complete_upload(&upload, &both, None)
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    // The next record must not be glued to the torn one.
    part(&store, 2, "2", &upload).await;
    drop(store);
    let store = open(root.path()).await;
    let listed = store.list_parts(&upload).await.unwrap();
    store.complete_upload(&upload, &listed, None).await.unwrap();
    assert_eq!(read(&store, "big").await.unwrap(), "one 2");
}

#[tokio::test]
async fn parts_whose_bytes_are_gone_are_no_parts() {
    let root = root();
    let store = open(root.path()).await;
    let upload = begin(&store, "big").await;
    part(&store, 1, "one", &upload).await;
    part(&store, 3, "three", &upload).await;
    drop(store);
    let folder = root
        .path()
        .join(".pierhead/inbox/uploads")
        .join(&upload.id.0);
    File::create(folder.join("object"))
        .unwrap()
        .write_all(b"o")
        .unwrap();

    let store = open(root.path()).await;
    let listed = store.list_parts(&upload).await.unwrap();
    assert_eq!(
        listed
            .iter()
            .map(|part| part.number.get())
            .collect::<Vec<_>>(),
        [3]
    );
}

#[tokio::test]
async fn parts_in_any_order_are_published_by_a_rename() {
    let root = root();
    let store = open(root.path()).await;
    for order in [[1, 2, 3], [3, 1, 2], [2, 3, 1]] {
        let upload = begin(&store, "big").await;
        let mut parts = Vec::new();
        for number in order {
            parts.push(part(&store, number, &format!("part {number} "), &upload).await);
        }
        parts.sort_by_key(|part| part.number);
        let folder = root
            .path()
            .join(".pierhead/inbox/uploads")
            .join(&upload.id.0);
        // With no part in its place yet there is nothing to keep.
        let gathered = folder.join("object");
        let before = gathered.exists().then(|| inode(&gathered));
        store.complete_upload(&upload, &parts, None).await.unwrap();
        let after = inode(root.path().join("inbox/big"));
        assert_eq!(before, Some(after), "{order:?}");
        assert_eq!(read(&store, "big").await.unwrap(), "part 1 part 2 part 3 ");
    }
}

#[tokio::test]
async fn an_empty_folder_left_by_a_crash_does_not_keep_a_file_out() {
    let root = root();
    let store = open(root.path()).await;
    put(&store, "a/b/c", "x").await.unwrap();
    // As if the process had died between making the folders and publishing.
    fs::remove_file(root.path().join("inbox/a/b/c")).unwrap();
    assert_eq!(all(&store).await, [""; 0]);
    assert!(store.head(&key("a/b/")).await.is_err());
    put(&store, "a/b", "a file").await.unwrap();
    assert_eq!(all(&store).await, ["a/b"]);
}
