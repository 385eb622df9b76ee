//! REMOVE.

use model::{ErrorKind, EventKind};

use crate::world::{SessionExt, World, flags, path};

#[tokio::test]
async fn a_file_is_removed_with_its_attributes_and_told() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    session.put("/f", "bytes").await.expect("stored");
    let mode = gateway::AttributeChanges {
        mode: Some(0o600),
        ..gateway::AttributeChanges::default()
    };
    session
        .set_attributes(&path("/f"), &mode)
        .await
        .expect("set");
    session.remove(&path("/f")).await.expect("removed");
    assert!(world.keys().await.is_empty());
    session.put("/f", "bytes").await.expect("stored");
    assert_eq!(session.stat(&path("/f")).await.expect("stands").mode, 0o644);
    let events = world.events().await;
    let removed = events
        .iter()
        .find(|event| event.kind == EventKind::Delete)
        .expect("told");
    assert_eq!(removed.path.as_deref(), Some("/f"));
    assert_eq!(removed.size, Some(5));
    assert!(
        world
            .audited()
            .await
            .contains(&"remove /f success".to_owned())
    );
}

#[tokio::test]
async fn only_files_that_stand_are_removed() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/d/f", "").await;
    for (at, kind) in [
        ("/none", ErrorKind::NotFound),
        ("/d", ErrorKind::Invalid),
        ("/", ErrorKind::Invalid),
    ] {
        let refused = session.remove(&path(at)).await;
        assert_eq!(refused.expect_err(at).kind(), kind, "{at}");
    }
    assert!(world.told().await.is_empty());
}

#[tokio::test]
async fn a_file_removed_while_it_is_written_does_not_come_back() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/f", "previous").await;
    let handle = session
        .open(&path("/f"), &flags("WCT"))
        .await
        .expect("open");
    session.write(handle, 0, b"next").expect("taken");
    session.remove(&path("/f")).await.expect("removed");
    let gone = session.stat(&path("/f")).await.expect_err("gone");
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    session
        .write(handle, 4, b"more")
        .expect("nobody will see it");
    session.close(handle).await.expect("given up");
    assert!(world.keys().await.is_empty());
}
