//! RENAME and posix-rename.

use std::sync::Arc;
use std::time::Duration;

use database::{Mapping, MappingKind};
use gateway::{AttributeChanges, Overwrite, Settings};
use model::{ErrorKind, EventKind, Timestamp};
use policy::{Action, Permissions};
use storage::ObjectStore;
use storage::memory::{Fault, Operation};
use tokio::sync::Semaphore;

use crate::world::{SessionExt, World, bucket, flags, object_key, path};

/// How long a test waits for what comes at once.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_file_keeps_bytes_attributes_and_metadata() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    session.put("/a", "bytes").await.expect("stored");
    let changes = AttributeChanges {
        mode: Some(0o600),
        mtime: Some(Timestamp::from_seconds(77)),
        ..AttributeChanges::default()
    };
    session
        .set_attributes(&path("/a"), &changes)
        .await
        .expect("set");
    let before = session.stat(&path("/a")).await.expect("stands");
    session
        .rename(&path("/a"), &path("/d/b"), Overwrite::Refuse)
        .await
        .expect("renamed");
    assert_eq!(world.keys().await, ["home/d/b"]);
    assert_eq!(session.text("/d/b").await.ok().as_deref(), Some("bytes"));
    assert_eq!(session.stat(&path("/d/b")).await.expect("stands"), before);
    assert_eq!(
        session.list("/d").await.expect("listed")["b"].attributes,
        before
    );
    let head = world
        .store
        .head(&object_key("home/d/b"))
        .await
        .expect("stands");
    assert_eq!(head.metadata["mtime"], "77");
    let events = world.events().await;
    let is_rename = |event: &&model::Event| event.kind == EventKind::Rename;
    let event = events.iter().find(is_rename).expect("told");
    assert_eq!(event.path.as_deref(), Some("/d/b"));
    assert_eq!(event.old_path.as_deref(), Some("/a"));
    assert_eq!(event.key.as_deref(), Some("home/d/b"));
    assert_eq!(event.old_key.as_deref(), Some("home/a"));
    assert!(
        world
            .audited()
            .await
            .contains(&"rename /a success".to_owned())
    );
}

#[tokio::test]
async fn an_existing_target_is_replaced_only_where_that_is_asked_for() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/a", "new").await;
    world.seed("home/b", "old").await;
    world.seed("home/d/x", "").await;
    for (to, overwrite) in [
        ("/b", Overwrite::Refuse),
        ("/d", Overwrite::Refuse),
        ("/d", Overwrite::Replace),
    ] {
        let refused = session.rename(&path("/a"), &path(to), overwrite).await;
        assert_eq!(refused.expect_err(to).kind(), ErrorKind::Conflict, "{to}");
    }
    session
        .rename(&path("/a"), &path("/b"), Overwrite::Replace)
        .await
        .expect("replaced");
    assert_eq!(world.object("home/b").await.as_deref(), Some("new"));
    assert_eq!(world.keys().await, ["home/b", "home/d/x"]);
}

#[tokio::test]
async fn replacing_takes_the_right_to_overwrite() {
    let world = World::new().await;
    world.seed("home/a", "new").await;
    world.seed("home/b", "old").await;
    let granted = Permissions::from_iter([Action::Rename]);
    let session = world
        .session_of("/b/home", |user| user.permissions = granted)
        .await;
    let refused = session
        .rename(&path("/a"), &path("/b"), Overwrite::Replace)
        .await;
    assert_eq!(refused.expect_err("no right").kind(), ErrorKind::Denied);
    session
        .rename(&path("/a"), &path("/c"), Overwrite::Replace)
        .await
        .expect("nothing there");
    assert_eq!(world.object("home/b").await.as_deref(), Some("old"));
}

#[tokio::test]
async fn what_cannot_be_renamed_is_refused() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/d/x", "").await;
    for (from, to, kind) in [
        ("/none", "/x", ErrorKind::NotFound),
        ("/d", "/d/below", ErrorKind::Invalid),
        ("/", "/x", ErrorKind::Denied),
        ("/d", "/", ErrorKind::Denied),
    ] {
        let refused = session
            .rename(&path(from), &path(to), Overwrite::Replace)
            .await;
        assert_eq!(refused.expect_err(from).kind(), kind, "{from} {to}");
    }
    session
        .rename(&path("/d"), &path("/d"), Overwrite::Refuse)
        .await
        .expect("nothing to do");
}

#[tokio::test]
async fn a_directory_goes_with_everything_below_it() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    session.put("/d/a", "a").await.expect("stored");
    session.put("/d/e/b", "b").await.expect("stored");
    world.seed("home/d/e/", "").await;
    world.seed("home/d//odd", "odd").await;
    world.seed("home/d2/other", "other").await;
    let mode = AttributeChanges {
        mode: Some(0o640),
        ..AttributeChanges::default()
    };
    session
        .set_attributes(&path("/d/a"), &mode)
        .await
        .expect("set");
    session
        .rename(&path("/d"), &path("/new/d"), Overwrite::Refuse)
        .await
        .expect("renamed");
    assert_eq!(
        world.keys().await,
        [
            "home/d2/other",
            "home/new/d//odd",
            "home/new/d/a",
            "home/new/d/e/",
            "home/new/d/e/b"
        ]
    );
    assert_eq!(
        session.stat(&path("/new/d/a")).await.expect("stands").mode,
        0o640
    );
    let told = world.told().await;
    let renames: Vec<_> = told
        .iter()
        .filter(|(kind, _)| *kind == EventKind::Rename)
        .collect();
    assert_eq!(renames, [&(EventKind::Rename, "/new/d".to_owned())]);
    let refused = session
        .rename(&path("/d2"), &path("/new"), Overwrite::Replace)
        .await;
    assert_eq!(refused.expect_err("it exists").kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_directory_is_renamed_as_far_as_it_can_be_and_the_rest_is_named() {
    use storage::memory::{Fault, Operation};
    let world = World::new().await;
    let session = world.session("/b/home").await;
    for number in 0..50 {
        world.seed(&format!("home/d/{number:02}"), "x").await;
    }
    world.store.on_request(|request| match request.operation {
        Operation::Copy if request.key.ends_with("/30") => Fault::Refuse(ErrorKind::Denied),
        _ => Fault::None,
    });
    let error = session
        .rename(&path("/d"), &path("/e"), Overwrite::Refuse)
        .await
        .expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("49 files"), "{error}");
    world.store.clear_faults();
    assert_eq!(session.names("/d").await, ["30"]);
    assert_eq!(session.names("/e").await.len(), 49);
    let told = world.told().await;
    assert_eq!(told, [(EventKind::RenameFailed, "/e".to_owned())]);
}

#[tokio::test]
async fn large_objects_are_copied_by_ranges() {
    let world = World::with(
        |can| {
            can.max_copy_size = 1000;
            can.max_part_size = 64 << 20;
        },
        gateway::Settings::default(),
    )
    .await;
    let session = world.session("/b/home").await;
    let text = "0123456789".repeat(1000);
    session.put("/a", &text).await.expect("stored");
    let (from, to) = (path("/a"), path("/b"));
    let rename = session.rename(&from, &to, Overwrite::Refuse);
    let (renamed, requests) = world.count(rename).await;
    renamed.expect("renamed");
    assert!(
        requests.contains("CopyPart 10, CompleteUpload 1"),
        "{requests}"
    );
    assert_eq!(world.object("home/b").await, Some(text));
    assert_eq!(world.keys().await, ["home/b"]);
}

/// As many ranges are on their way at once as the setting says: none is answered before they are.
#[tokio::test]
async fn ranges_are_copied_side_by_side() {
    let world = World::with(|can| can.max_copy_size = 1000, Settings::default()).await;
    let session = world.session("/b/home").await;
    let text = "0123456789".repeat(2000);
    session.put("/a", &text).await.expect("stored");
    let (arrived, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (coming, closed) = (Arc::clone(&arrived), Arc::clone(&gate));
    world.store.on_request(move |request| {
        if request.operation != Operation::CopyPart {
            return Fault::None;
        }
        coming.add_permits(1);
        Fault::Hold(Arc::clone(&closed))
    });
    let wait = async {
        let all = transfer::Settings::default().parallel_copies;
        let all = u32::try_from(all).expect("few");
        let seen = tokio::time::timeout(PATIENCE, arrived.acquire_many(all)).await;
        seen.expect("they come one after the other")
            .expect("open")
            .forget();
        assert_eq!(arrived.available_permits(), 0, "and no more");
        gate.add_permits(1);
    };
    let (from, to) = (path("/a"), path("/b"));
    let (renamed, ()) = tokio::join!(session.rename(&from, &to, Overwrite::Refuse), wait);
    renamed.expect("renamed");
    world.transfers.drain().await;
    assert_eq!(world.object("home/b").await, Some(text));
}

#[tokio::test]
async fn files_go_from_bucket_to_bucket() {
    let world = World::new().await;
    let mapping = |entry: &str, target: &str| Mapping {
        entry: entry.to_owned(),
        target: target.to_owned(),
        kind: MappingKind::Directory,
        permissions: None,
    };
    let session = world
        .session_of("/b", |user| {
            user.mappings = vec![mapping("/one", "/b/x"), mapping("/two", "/second/y")];
        })
        .await;
    session.put("/one/f", "bytes").await.expect("stored");
    session
        .rename(&path("/one/f"), &path("/two/g"), Overwrite::Refuse)
        .await
        .expect("renamed");
    assert!(world.keys().await.is_empty());
    let second = world.store.sibling(bucket("second"));
    assert_eq!(
        second.head(&object_key("y/g")).await.expect("stands").size,
        5
    );
}

/// sshfs lets RENAME overtake the CLOSE of the same file.
#[tokio::test]
async fn a_file_renamed_while_it_is_written_lands_under_its_new_name() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/final", "previous").await;
    let handle = session
        .open(&path("/temp"), &flags("WCT"))
        .await
        .expect("open");
    session.write(handle, 0, b"next").expect("taken");
    let refused = session
        .rename(&path("/temp"), &path("/final"), Overwrite::Refuse)
        .await;
    assert_eq!(refused.expect_err("it exists").kind(), ErrorKind::Conflict);
    session
        .rename(&path("/temp"), &path("/final"), Overwrite::Replace)
        .await
        .expect("noted");
    assert_eq!(session.handle_path(handle).expect("open"), path("/final"));
    assert_eq!(session.size("/final").await.ok(), Some(4));
    let gone = session.stat(&path("/temp")).await.expect_err("renamed");
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    assert_eq!(
        world.object("home/final").await.as_deref(),
        Some("previous")
    );
    // The old name is free again once the file is where it goes.
    let busy = session.open(&path("/temp"), &flags("WCT")).await;
    assert_eq!(busy.expect_err("on its way").kind(), ErrorKind::Conflict);
    session.close(handle).await.expect("stored and renamed");
    assert_eq!(world.object("home/final").await.as_deref(), Some("next"));
    assert_eq!(world.keys().await, ["home/final"]);
    session.put("/temp", "another").await.expect("free again");
}

#[tokio::test]
async fn files_being_written_keep_others_out_of_their_names() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/a", "a").await;
    world.seed("home/d/x", "x").await;
    let open = session
        .open(&path("/d/new"), &flags("WCT"))
        .await
        .expect("open");
    for (from, to) in [("/a", "/d/new"), ("/d", "/e")] {
        let refused = session
            .rename(&path(from), &path(to), Overwrite::Replace)
            .await;
        assert_eq!(
            refused.expect_err("busy").kind(),
            ErrorKind::Conflict,
            "{from}"
        );
    }
    session.close(open).await.expect("stored");
    session
        .rename(&path("/d"), &path("/e"), Overwrite::Refuse)
        .await
        .expect("renamed");
}
