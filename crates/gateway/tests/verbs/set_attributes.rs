//! SETSTAT and FSETSTAT.

use gateway::AttributeChanges;
use model::{ErrorKind, EventKind, Timestamp};

use crate::world::{SessionExt, World, flags, path};

const NONE: AttributeChanges = AttributeChanges {
    size: None,
    mode: None,
    mtime: None,
    atime: None,
    owner: None,
};

#[tokio::test]
async fn times_and_mode_come_back_in_stat_and_listings() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    session.put("/ours", "x").await.expect("stored");
    world.seed("home/theirs", "x").await;
    for at in ["/ours", "/theirs"] {
        let times = AttributeChanges {
            mtime: Some(Timestamp::from_seconds(1_000)),
            atime: Some(Timestamp::from_seconds(2_000)),
            ..NONE
        };
        session
            .set_attributes(&path(at), &times)
            .await
            .expect("set");
        let mode = AttributeChanges {
            mode: Some(0o100_400),
            ..NONE
        };
        session.set_attributes(&path(at), &mode).await.expect("set");
        let stat = session.stat(&path(at)).await.expect("stands");
        assert_eq!(stat.mtime, Timestamp::from_seconds(1_000));
        assert_eq!(stat.atime, Timestamp::from_seconds(2_000));
        assert_eq!(stat.mode, 0o400);
        let listed = session.list("/").await.expect("listed");
        assert_eq!(listed[&at[1..]].attributes, stat);
    }
    assert!(
        world
            .audited()
            .await
            .contains(&"set_attributes /ours success".to_owned())
    );
}

#[tokio::test]
async fn owners_are_accepted_and_not_kept() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    session.put("/f", "x").await.expect("stored");
    let before = session.stat(&path("/f")).await.expect("stands");
    let owner = AttributeChanges {
        owner: Some((0, 0)),
        ..NONE
    };
    for changes in [owner, NONE] {
        session
            .set_attributes(&path("/f"), &changes)
            .await
            .expect("accepted");
        assert_eq!(session.stat(&path("/f")).await.expect("stands"), before);
    }
}

#[tokio::test]
async fn what_does_not_stand_has_no_attributes() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    for changes in [
        NONE,
        AttributeChanges {
            mode: Some(0o600),
            ..NONE
        },
    ] {
        let refused = session.set_attributes(&path("/none"), &changes).await;
        assert_eq!(refused.expect_err("nothing").kind(), ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn a_size_truncates_and_extends_what_stands() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    session.put("/f", "0123456789").await.expect("stored");
    let mode = AttributeChanges {
        mode: Some(0o600),
        ..NONE
    };
    session
        .set_attributes(&path("/f"), &mode)
        .await
        .expect("set");
    for (size, expected) in [(4, "0123"), (6, "0123\0\0"), (6, "0123\0\0"), (0, "")] {
        let changes = AttributeChanges {
            size: Some(size),
            ..NONE
        };
        session
            .set_attributes(&path("/f"), &changes)
            .await
            .expect("resized");
        assert_eq!(world.object("home/f").await.as_deref(), Some(expected));
        assert_eq!(session.stat(&path("/f")).await.expect("stands").mode, 0o600);
    }
    let uploads = world.told().await;
    assert!(uploads.iter().all(|(kind, _)| *kind == EventKind::Upload));
    assert_eq!(uploads.len(), 4, "the same size changes nothing");
}

#[tokio::test]
async fn a_path_that_is_being_written_takes_attributes_with_its_upload() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let handle = session
        .open(&path("/f"), &flags("WCT"))
        .await
        .expect("open");
    session.write(handle, 0, b"0123456789").expect("taken");
    let changes = AttributeChanges {
        size: Some(3),
        mode: Some(0o600),
        ..NONE
    };
    session
        .set_attributes(&path("/f"), &changes)
        .await
        .expect("set");
    assert_eq!(session.size("/f").await.ok(), Some(3));
    session.close(handle).await.expect("stored");
    assert_eq!(world.object("home/f").await.as_deref(), Some("012"));
    assert_eq!(session.stat(&path("/f")).await.expect("stands").mode, 0o600);
}
