//! The same verbs on folders of plain files.

use std::path::Path;

use gateway::{AttributeChanges, Overwrite};
use model::{ErrorKind, EventKind, Timestamp};

use crate::world::{SessionExt, World, flags, path};

fn file(root: &Path, at: &str) -> Option<String> {
    std::fs::read_to_string(root.join("b/home").join(at)).ok()
}

#[tokio::test]
async fn files_are_plain_files_and_visible_only_when_whole() {
    let (world, root) = World::local().await;
    let session = world.session("/b/home").await;
    let handle = session
        .open(&path("/in/f"), &flags("WCT"))
        .await
        .expect("open");
    session.write(handle, 0, b"bytes").expect("taken");
    assert_eq!(file(&root, "in/f"), None);
    assert_eq!(session.size("/in/f").await.ok(), Some(5));
    session.close(handle).await.expect("stored");
    assert_eq!(file(&root, "in/f").as_deref(), Some("bytes"));
    assert_eq!(session.names("/").await, ["in/"]);
    assert_eq!(session.names("/in").await, ["f"]);
    assert_eq!(session.text("/in/f").await.ok().as_deref(), Some("bytes"));
    assert_eq!(
        world.told().await[0],
        (EventKind::Upload, "/in/f".to_owned())
    );
}

#[tokio::test]
async fn partial_rewrites_appends_and_sizes_work_on_plain_files() {
    let (world, root) = World::local().await;
    let session = world.session("/b/home").await;
    session.put("/f", "0123456789").await.expect("stored");
    for (letters, offset, bytes, expected) in [
        ("W", 3, "abc", "012abc6789"),
        ("WCA", 0, "end", "012abc6789end"),
        ("RW", 0, "A", "A12abc6789end"),
    ] {
        let handle = session
            .open(&path("/f"), &flags(letters))
            .await
            .expect("open");
        session
            .write(handle, offset, bytes.as_bytes())
            .expect("taken");
        session.close(handle).await.expect("stored");
        assert_eq!(file(&root, "f").as_deref(), Some(expected), "{letters}");
    }
    let size = AttributeChanges {
        size: Some(4),
        ..AttributeChanges::default()
    };
    session
        .set_attributes(&path("/f"), &size)
        .await
        .expect("cut");
    assert_eq!(file(&root, "f").as_deref(), Some("A12a"));
    let exclusive = session.open(&path("/f"), &flags("WCX")).await;
    assert_eq!(
        exclusive.expect_err("it exists").kind(),
        ErrorKind::Conflict
    );
}

#[tokio::test]
async fn names_directories_and_attributes_work_on_plain_files() {
    let (world, root) = World::local().await;
    let session = world.session("/b/home").await;
    let none = AttributeChanges::default();
    session
        .make_directory(&path("/d"), &none)
        .await
        .expect("made");
    session.put("/d/a", "a").await.expect("stored");
    let times = AttributeChanges {
        mtime: Some(Timestamp::from_seconds(1_000)),
        mode: Some(0o600),
        ..none
    };
    session
        .set_attributes(&path("/d/a"), &times)
        .await
        .expect("set");
    let before = session.stat(&path("/d/a")).await.expect("stands");
    assert_eq!(
        (before.mtime, before.mode),
        (Timestamp::from_seconds(1_000), 0o600)
    );
    let full = session
        .remove_directory(&path("/d"))
        .await
        .expect_err("not empty");
    assert_eq!(full.kind(), ErrorKind::Conflict);
    session
        .rename(&path("/d/a"), &path("/d/b"), Overwrite::Refuse)
        .await
        .expect("renamed");
    assert_eq!(session.stat(&path("/d/b")).await.expect("stands"), before);
    assert_eq!(
        session.list("/d").await.expect("listed")["b"].attributes,
        before
    );
    session
        .rename(&path("/d"), &path("/e"), Overwrite::Refuse)
        .await
        .expect("renamed");
    assert_eq!(file(&root, "e/b").as_deref(), Some("a"));
    assert_eq!(session.names("/").await, ["e/"]);
    session.remove(&path("/e/b")).await.expect("removed");
    session
        .remove_directory(&path("/e"))
        .await
        .expect("removed");
    assert!(session.names("/").await.is_empty());
}

#[tokio::test]
async fn a_session_that_ends_leaves_no_file() {
    let (world, root) = World::local().await;
    let session = world.session("/b/home").await;
    let handle = session
        .open(&path("/big"), &flags("WCT"))
        .await
        .expect("open");
    session.write(handle, 0, &vec![0; 20 << 20]).expect("taken");
    session.sync(handle).await.expect("stored");
    session.end().await;
    let left: Vec<_> = std::fs::read_dir(root.join("b"))
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name != ".pierhead")
        .collect();
    assert_eq!(left, Vec::<String>::new());
}
