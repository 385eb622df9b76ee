//! Attributes in the orders that clients set them in, on files and directories, and what becomes
//! of them.

use gateway::{AttributeChanges, Overwrite, OwnerChanges, Settings};
use model::{ErrorKind, Timestamp};
use storage::ObjectStore;
use storage::memory::Operation;

use crate::world::{SessionExt, World, flags, object_key, path};

const TIME: Timestamp = Timestamp::from_micros(1_354_040_105_250_000);

fn times() -> AttributeChanges {
    AttributeChanges {
        mtime: Some(TIME),
        atime: Some(Timestamp::from_seconds(5)),
        ..AttributeChanges::default()
    }
}

fn mode(mode: u32) -> AttributeChanges {
    AttributeChanges {
        mode: Some(mode),
        ..AttributeChanges::default()
    }
}

fn owner(uid: u32, gid: u32) -> AttributeChanges {
    AttributeChanges {
        owner: Some((uid, gid)),
        ..AttributeChanges::default()
    }
}

/// When a client sets mode and times of what it uploads.
#[derive(Debug, Clone, Copy)]
enum Order {
    /// OpenSSH's `put -p` and `scp -p`: FSETSTAT before CLOSE.
    BeforeClose,
    /// WinSCP, rclone with `--sftp-set-modtime`, `touch -d` through sshfs: SETSTAT after CLOSE.
    AfterClose,
}

#[tokio::test]
async fn times_and_modes_are_kept_in_whatever_order_they_come() {
    for order in [Order::BeforeClose, Order::AfterClose] {
        let world = World::new().await;
        let session = world.session("/b/home").await;
        let at = path("/f");
        let handle = session.open(&at, &flags("WCT")).await.expect("open");
        session.write(handle, 0, b"bytes").expect("taken");
        let early = matches!(order, Order::BeforeClose);
        if early {
            for changes in [mode(0o640), times()] {
                let set = session.set_handle_attributes(handle, &changes).await;
                set.expect("set");
            }
        }
        session.close(handle).await.expect("stored");
        if !early {
            for changes in [mode(0o640), times()] {
                session.set_attributes(&at, &changes).await.expect("set");
            }
        }
        let stat = session.stat(&at).await.expect("stands");
        assert_eq!((stat.mtime, stat.mode), (TIME, 0o640), "{order:?}");
        assert_eq!(stat.atime, Timestamp::from_seconds(5), "{order:?}");
        let listed = session.list("/").await.expect("listed");
        assert_eq!(listed["f"].attributes, stat, "{order:?}");
        // The object itself says what was known when it was written.
        let head = world
            .store
            .head(&object_key("home/f"))
            .await
            .expect("there");
        let said = head.metadata.get("mtime").map(String::as_str);
        assert_eq!(said, early.then_some("1354040105.250000"), "{order:?}");
    }
}

#[tokio::test]
async fn what_others_put_in_its_place_shows_the_stores_own_time() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    session.put("/f", "ours").await.expect("stored");
    session
        .set_attributes(&path("/f"), &times())
        .await
        .expect("set");
    world.clock.advance(std::time::Duration::from_secs(60));
    world.seed("home/f", "theirs").await;
    let head = world
        .store
        .head(&object_key("home/f"))
        .await
        .expect("there");
    let stat = session.stat(&path("/f")).await.expect("stands");
    assert_eq!(stat.mtime, head.last_modified);
    let listed = session.list("/").await.expect("listed");
    assert_eq!(listed["f"].attributes, stat);
}

#[tokio::test]
async fn directories_keep_theirs_through_renames() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    session
        .make_directory(&path("/d"), &AttributeChanges::default())
        .await
        .expect("made");
    // One that exists because of its file alone.
    session.put("/d/sub/f", "x").await.expect("stored");
    for (at, bits) in [("/d", 0o700), ("/d/sub", 0o750)] {
        for changes in [mode(bits), times()] {
            let set = session.set_attributes(&path(at), &changes).await;
            set.expect("set");
        }
    }
    session
        .rename(&path("/d"), &path("/e"), Overwrite::Refuse)
        .await
        .expect("renamed");
    for (at, above, name, bits) in [("/e", "/", "e", 0o700), ("/e/sub", "/e", "sub", 0o750)] {
        let stat = session.stat(&path(at)).await.expect("stands");
        assert_eq!((stat.mtime, stat.mode), (TIME, bits), "{at}");
        assert!(stat.is_directory());
        let listed = session.list(above).await.expect("listed");
        assert_eq!(listed[name].attributes, stat, "{at}");
    }
    // A new one under the old name is another one.
    session
        .make_directory(&path("/d"), &AttributeChanges::default())
        .await
        .expect("made");
    assert_eq!(session.stat(&path("/d")).await.expect("there").mode, 0o755);
    let size = AttributeChanges {
        size: Some(0),
        ..AttributeChanges::default()
    };
    let refused = session.set_attributes(&path("/d"), &size).await;
    assert_eq!(refused.expect_err("no size").kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn a_removed_directory_takes_its_attributes_along() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let none = AttributeChanges::default();
    for expected in [0o700, 0o755] {
        session
            .make_directory(&path("/d"), &none)
            .await
            .expect("made");
        if expected == 0o700 {
            let set = session.set_attributes(&path("/d"), &mode(0o700)).await;
            set.expect("set");
        }
        let stat = session.stat(&path("/d")).await.expect("there");
        assert_eq!(stat.mode, expected);
        session.remove_directory(&path("/d")).await.expect("gone");
    }
}

#[tokio::test]
async fn owners_are_refused_where_that_is_wanted_unless_they_stay() {
    let settings = Settings {
        owner_changes: OwnerChanges::Refuse,
        ..Settings::default()
    };
    let world = World::with(|_| {}, settings).await;
    let session = world.session("/b/home").await;
    session.put("/f", "x").await.expect("stored");
    let stat = session.stat(&path("/f")).await.expect("stands");
    session
        .set_attributes(&path("/f"), &owner(stat.uid, stat.gid))
        .await
        .expect("nothing changes");
    let refused = session.set_attributes(&path("/f"), &owner(0, 0)).await;
    assert_eq!(refused.expect_err("refused").kind(), ErrorKind::Denied);
    let handle = session
        .open(&path("/g"), &flags("WCT"))
        .await
        .expect("open");
    let refused = session.set_handle_attributes(handle, &owner(0, 0)).await;
    assert_eq!(refused.expect_err("refused").kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn metadata_is_rewritten_where_that_is_wanted() {
    let settings = Settings {
        rewrite_metadata: true,
        ..Settings::default()
    };
    let world = World::with(|_| {}, settings).await;
    let session = world.session("/b/home").await;
    session.put("/f", "bytes").await.expect("stored");
    session
        .set_attributes(&path("/f"), &times())
        .await
        .expect("set");
    assert_eq!(world.store.requests().count(Operation::Copy), 1);
    let head = world
        .store
        .head(&object_key("home/f"))
        .await
        .expect("there");
    assert_eq!(head.metadata["mtime"], "1354040105.250000");
    let stat = session.stat(&path("/f")).await.expect("stands");
    assert_eq!(stat.mtime, TIME);
    assert_eq!(session.text("/f").await.ok().as_deref(), Some("bytes"));
}

#[tokio::test]
async fn a_row_and_its_audit_entry_are_one_write() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    session.put("/f", "x").await.expect("stored");
    let before = world.database.writer().statistics();
    session
        .set_attributes(&path("/f"), &times())
        .await
        .expect("set");
    let after = world.database.writer().statistics();
    assert_eq!(after.writes - before.writes, 1);
}

#[tokio::test]
async fn a_directory_has_the_mode_that_it_was_made_with() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    for (asked, shown) in [(0o700, 0o700), (0o777, 0o755), (0o2770, 0o2750), (0, 0o755)] {
        let changes = AttributeChanges {
            mode: Some(asked),
            ..AttributeChanges::default()
        };
        let made = session.make_directory(&path("/d"), &changes).await;
        made.expect("made");
        let seen = session.stat(&path("/d")).await.expect("there");
        assert_eq!(seen.mode, shown, "{asked:o}");
        session
            .remove_directory(&path("/d"))
            .await
            .expect("removed");
    }
    let plain = AttributeChanges::default();
    session
        .make_directory(&path("/d"), &plain)
        .await
        .expect("made");
    let seen = session.stat(&path("/d")).await.expect("there");
    assert_eq!(
        seen.mode, 0o755,
        "what an earlier one had is not this one's"
    );
}
