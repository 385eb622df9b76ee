//! Handles that were opened while one might: they are worth nothing once one may not.

use bytes::Bytes;
use sftp::{Attributes, Extended, OpenFlags, Request};

use crate::verbs::{answer, every_verb};
use crate::world::{Backend, HOME, OWN, World};

/// Nothing that anybody would notice.
const NOTHING: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    { "Effect": "Allow", "Action": "s3:GetObjectTagging",
      "Resource": "arn:aws:s3:::${transfer:HomeDirectory}/*" }
  ]
}"#;

const CHANGED: &str = "other policies hold in a session from now on";

fn read(handle: &Bytes, offset: u64) -> Request {
    Request::Read {
        handle: handle.clone(),
        offset,
        length: 64,
    }
}

async fn no_handle_outlives_the_right_to_it(backend: Backend) {
    let world = World::new(backend).await;
    world.put(
        crate::world::BUCKET,
        &format!("{HOME}/long"),
        &"once his own ".repeat(100_000),
    );
    world.put(
        crate::world::BUCKET,
        &format!("{HOME}/short"),
        "once his own",
    );
    let mut session = world.session("acme").await;
    let long = session
        .open_file("long", OpenFlags::READ)
        .await
        .expect("his own");
    let short = session
        .open_file("short", OpenFlags::READ)
        .await
        .expect("his own");
    for handle in [&long, &short] {
        let told = answer(&mut session, &read(handle, 0)).await;
        assert!(told.starts_with("data"), "{told}");
    }
    let listing = Request::Opendir {
        path: Bytes::from_static(b"/"),
    };
    let sftp::Reply::Handle(listing) = session.sftp().call(&listing).await.expect("answered")
    else {
        panic!("it is no handle");
    };
    let writing = session.create("new", true).await.expect("his own");
    let own = Bytes::from_static(OWN.as_bytes());
    let length = own.len() as u64;
    let written = session.write(&writing, 0, length, |_| own.clone()).await;
    written.expect("taken");
    let changing = session.create("short", false).await.expect("his own");
    let written = session.write(&changing, 0, 4, |_| own.clone()).await;
    written.expect("taken");
    let before = world.standing();

    world.change_policy("partners", NOTHING);
    world.until_logged(CHANGED, 1).await;
    let mode = Attributes {
        permissions: Some(0o777),
        ..Attributes::default()
    };
    let copy = Extended::CopyData {
        from: short.clone(),
        from_offset: 0,
        length: 0,
        to: writing.clone(),
        to_offset: 0,
    };
    for (verb, request) in [
        ("read on", read(&long, 64)),
        ("read again", read(&short, 0)),
        ("read the end", read(&long, 1_299_000)),
        (
            "list",
            Request::Readdir {
                handle: listing.clone(),
            },
        ),
        ("copy", Request::Extended(copy)),
        (
            "set",
            Request::Fsetstat {
                handle: writing.clone(),
                attributes: mode.clone(),
            },
        ),
        (
            "set what is read",
            Request::Fsetstat {
                handle: short.clone(),
                attributes: mode,
            },
        ),
    ] {
        let told = answer(&mut session, &request).await;
        assert!(told.starts_with("PermissionDenied"), "{verb}: {told}");
    }
    for handle in [&writing, &changing] {
        let written = session
            .write(handle, length, 2 * length, |_| own.clone())
            .await;
        written.expect_err("he may not write any more");
        session
            .close(handle)
            .await
            .expect_err("nor publish what he wrote");
    }
    every_denied(&mut session, "long").await;
    every_denied(&mut session, "new").await;
    every_denied(&mut world.session("acme").await, "long").await;
    assert_eq!(world.beside(&[]), before_without_own(&world, before));
    assert_eq!(world.object(&format!("{HOME}/new")), None);
}

/// What stood before, and nothing else.
fn before_without_own(
    world: &World,
    mut before: std::collections::BTreeMap<String, String>,
) -> std::collections::BTreeMap<String, String> {
    let beside = world.beside(&[]);
    before.retain(|key, _| beside.contains_key(key));
    before
}

async fn every_denied(session: &mut testkit::client::Session, name: &str) {
    for (verb, request) in crate::verbs::requests(&Bytes::copy_from_slice(name.as_bytes())) {
        let told = answer(session, &request).await;
        let refused = told.starts_with("PermissionDenied") || told.starts_with("OpUnsupported");
        assert!(refused, "{verb} {name}: {told}");
    }
}

async fn no_handle_outlives_its_user(backend: Backend) {
    let world = World::new(backend).await;
    world.put(
        crate::world::BUCKET,
        &format!("{HOME}/long"),
        &"once his own ".repeat(100_000),
    );
    let mut session = world.session("acme").await;
    let reading = session
        .open_file("long", OpenFlags::READ)
        .await
        .expect("his own");
    let writing = session.create("new", true).await.expect("his own");
    let own = Bytes::from_static(OWN.as_bytes());
    let written = session
        .write(&writing, 0, own.len() as u64, |_| own.clone())
        .await;
    written.expect("taken");
    let told = answer(&mut session, &read(&reading, 0)).await;
    assert!(told.starts_with("data"), "{told}");
    world.done(&["user", "disable", "acme"]);
    session
        .sftp()
        .reply()
        .await
        .expect_err("his connection ends");
    assert_eq!(
        world.object(&format!("{HOME}/new")),
        None,
        "nothing is published"
    );
    // One who gets his name gets nothing else of him.
    world.done(&["user", "remove", "acme"]);
    world.partner("acme", "/inbox/home/acme");
    let mut session = world.session("acme").await;
    let found = session.stat("new").await.expect("answered");
    assert!(found.is_none(), "{found:?}");
    every_verb(&mut session, b"new").await;
}

on_each_store!(
    no_handle_outlives_the_right_to_it,
    no_handle_outlives_its_user
);
