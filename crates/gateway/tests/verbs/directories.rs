//! MKDIR, RMDIR and what a directory is.

use gateway::AttributeChanges;
use model::{ErrorKind, EventKind};

use crate::world::{SessionExt, World, flags, path};

const NONE: AttributeChanges = AttributeChanges {
    size: None,
    mode: None,
    mtime: None,
    atime: None,
    owner: None,
};

#[tokio::test]
async fn a_directory_is_made_listed_and_removed() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    session
        .make_directory(&path("/d"), &NONE)
        .await
        .expect("made");
    assert_eq!(world.keys().await, ["home/d/"]);
    assert!(
        session
            .stat(&path("/d"))
            .await
            .expect("stands")
            .is_directory()
    );
    assert_eq!(session.names("/").await, ["d/"]);
    assert!(session.names("/d").await.is_empty());
    session
        .remove_directory(&path("/d"))
        .await
        .expect("removed");
    assert!(world.keys().await.is_empty());
    let gone = session.stat(&path("/d")).await.expect_err("gone");
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    let told = [
        (EventKind::Mkdir, "/d".to_owned()),
        (EventKind::Rmdir, "/d".to_owned()),
    ];
    assert_eq!(world.told().await, told);
    assert_eq!(
        world.audited().await,
        ["mkdir /d success", "rmdir /d success"]
    );
}

#[tokio::test]
async fn what_exists_is_not_made_again() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/marked/", "").await;
    world.seed("home/implied/f", "").await;
    world.seed("home/file", "").await;
    for at in ["/marked", "/implied", "/file", "/"] {
        let refused = session.make_directory(&path(at), &NONE).await;
        assert_eq!(refused.expect_err(at).kind(), ErrorKind::Conflict, "{at}");
    }
    assert!(world.told().await.is_empty());
}

#[tokio::test]
async fn only_empty_directories_are_removed() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/full/", "").await;
    world.seed("home/full/f", "").await;
    world.seed("home/implied/f", "").await;
    world.seed("home/file", "").await;
    world.seed("home/busy/", "").await;
    let handle = session
        .open(&path("/busy/new"), &flags("WCT"))
        .await
        .expect("open");
    for (at, kind) in [
        ("/full", ErrorKind::Conflict),
        ("/implied", ErrorKind::Conflict),
        ("/busy", ErrorKind::Conflict),
        ("/file", ErrorKind::Invalid),
        ("/none", ErrorKind::NotFound),
        ("/", ErrorKind::Denied),
    ] {
        let refused = session.remove_directory(&path(at)).await;
        assert_eq!(refused.expect_err(at).kind(), kind, "{at}");
    }
    assert_eq!(world.keys().await.len(), 5);
    session.close(handle).await.expect("stored");
}

#[tokio::test]
async fn attributes_of_directories_are_kept_and_those_of_homes_accepted() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/d/f", "").await;
    let mode = AttributeChanges {
        mode: Some(0o700),
        ..NONE
    };
    let size = AttributeChanges {
        size: Some(0),
        ..NONE
    };
    for at in ["/d", "/"] {
        session
            .set_attributes(&path(at), &mode)
            .await
            .expect("accepted");
        let refused = session.set_attributes(&path(at), &size).await;
        assert_eq!(refused.expect_err(at).kind(), ErrorKind::Invalid);
    }
    assert_eq!(session.stat(&path("/d")).await.expect("stands").mode, 0o700);
    assert_eq!(session.stat(&path("/")).await.expect("stands").mode, 0o755);
}
