//! Who may only send: what that lets him do, and what it does not let him learn.

use gateway::Overwrite;
use model::ErrorKind;

use crate::roles::{allowing, with};
use crate::world::{SessionExt, World, flags, path};

async fn world() -> World {
    let world = World::new().await;
    world
        .role("send", &allowing(&["s3:PutObject"], "home/"))
        .await;
    world.seed("home/f", "old bytes").await;
    world
}

#[tokio::test]
async fn a_file_is_replaced_whole_without_trunc_but_not_mixed_with_what_may_not_be_read() {
    let world = world().await;
    let session = world.session_of("/b/home", with("send")).await;
    // As scp does: no TRUNC, all bytes, then the size.
    let handle = session.open(&path("/f"), &flags("WC")).await.expect("open");
    session.write(handle, 0, b"new").expect("taken");
    let size = gateway::AttributeChanges {
        size: Some(3),
        ..gateway::AttributeChanges::default()
    };
    let set = session.set_handle_attributes(handle, &size).await;
    set.expect("cut");
    session.close(handle).await.expect("no old byte survives");
    assert_eq!(world.object("home/f").await.as_deref(), Some("new"));

    world.seed("home/f", "old bytes").await;
    for (offset, piece) in [(0, "new"), (3, " bytes and more"), (9, "more")] {
        let handle = session.open(&path("/f"), &flags("WC")).await.expect("open");
        session
            .write(handle, offset, piece.as_bytes())
            .expect("taken");
        let refused = session.close(handle).await.expect_err("old bytes survive");
        assert_eq!(refused.kind(), ErrorKind::Denied, "at {offset}");
        assert_eq!(world.object("home/f").await.as_deref(), Some("old bytes"));
        // A new beginning gives up what was kept of it.
        let handle = session.open(&path("/f"), &flags("WCT")).await;
        let handle = handle.expect("open");
        session.write(handle, 0, b"x").expect("taken");
        session.discard(handle).await.expect("given up");
    }
    let handle = session.open(&path("/f"), &flags("WC")).await.expect("open");
    session.write(handle, 4, b"bytes").expect("taken");
    session.write(handle, 0, b"all ").expect("taken");
    session.close(handle).await.expect("no old byte survives");
    assert_eq!(world.object("home/f").await.as_deref(), Some("all bytes"));
    let handle = session.open(&path("/f"), &flags("W")).await.expect("open");
    session.close(handle).await.expect("nothing was changed");
    assert_eq!(world.object("home/f").await.as_deref(), Some("all bytes"));
}

#[tokio::test]
async fn what_adds_to_old_bytes_is_refused_at_once() {
    let world = world().await;
    let session = world.session_of("/b/home", with("send")).await;
    let refused = session.open(&path("/f"), &flags("WA")).await;
    assert_eq!(
        refused.expect_err("old bytes survive").kind(),
        ErrorKind::Denied
    );
    let size = |size| gateway::AttributeChanges {
        size: Some(size),
        ..gateway::AttributeChanges::default()
    };
    let refused = session.set_attributes(&path("/f"), &size(3)).await;
    assert_eq!(
        refused.expect_err("old bytes survive").kind(),
        ErrorKind::Denied
    );
    let handle = session
        .open(&path("/new"), &flags("WCA"))
        .await
        .expect("new");
    session.write(handle, 0, b"bytes").expect("taken");
    session.close(handle).await.expect("it was not there");
    session
        .set_attributes(&path("/f"), &size(0))
        .await
        .expect("none survives");
    assert_eq!(world.object("home/f").await.as_deref(), Some(""));
    let refused = session.open(&path("/f"), &flags("RW")).await;
    assert_eq!(refused.expect_err("to be read").kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn a_temporary_name_is_renamed_by_who_may_only_send() {
    let world = world().await;
    let session = world.session_of("/b/home", with("send")).await;
    session.put("/x.filepart", "bytes").await.expect("kept");
    let renamed = session
        .rename(&path("/x.filepart"), &path("/x"), Overwrite::Refuse)
        .await;
    renamed.expect("it never stood in the bucket");
    assert_eq!(world.object("home/x").await.as_deref(), Some("bytes"));
    let refused = session
        .rename(&path("/x"), &path("/y"), Overwrite::Refuse)
        .await;
    assert_eq!(
        refused.expect_err("it stands now").kind(),
        ErrorKind::Denied
    );
}

#[tokio::test]
async fn an_upload_is_gone_on_with_by_who_may_only_send() {
    let world = world().await;
    let name = world.user("/b/home", with("send")).await;
    let first = world.login(&name).await.expect("a session");
    let handle = first.open(&path("/g"), &flags("WCT")).await.expect("open");
    first.write(handle, 0, b"half, ").expect("taken");
    first.end().await;
    let second = world.login(&name).await.expect("a session");
    let handle = second
        .open(&path("/g"), &flags("W"))
        .await
        .expect("his own");
    second.write(handle, 6, b"whole").expect("taken");
    second.close(handle).await.expect("stored");
    assert_eq!(world.object("home/g").await.as_deref(), Some("half, whole"));
    assert_eq!(second.names("/").await, ["f", "g"]);
}

/// His client broke off in the middle and said CLOSE. He sends the rest, and nothing again.
#[tokio::test]
async fn what_was_refused_for_the_old_bytes_in_it_is_kept_until_none_is_left() {
    let world = world().await;
    let name = world.user("/b/home", with("send")).await;
    let first = world.login(&name).await.expect("a session");
    let handle = first.open(&path("/f"), &flags("WC")).await.expect("open");
    first.write(handle, 0, b"new").expect("taken");
    let refused = first.close(handle).await.expect_err("old bytes survive");
    assert_eq!(refused.kind(), ErrorKind::Denied);
    assert!(refused.to_string().contains("kept unfinished"), "{refused}");
    first.end().await;
    assert_eq!(world.object("home/f").await.as_deref(), Some("old bytes"));

    let second = world.login(&name).await.expect("a session");
    let handle = second
        .open(&path("/f"), &flags("W"))
        .await
        .expect("his own");
    second.write(handle, 3, b" content").expect("taken");
    second.close(handle).await.expect("no old byte survives");
    assert_eq!(world.object("home/f").await.as_deref(), Some("new content"));
}
