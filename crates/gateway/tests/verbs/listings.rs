//! READDIR, and odd keys that others left in the bucket.

use model::ErrorKind;
use storage::memory::{Fault, Operation};

use crate::world::{SessionExt, World, path};

#[tokio::test]
async fn files_and_directories_are_listed_with_what_stat_says() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/", "").await;
    world.seed("home/a", "12345").await;
    world.seed("home/d/", "").await;
    world.seed("home/d/x", "").await;
    world.seed("home/e/y/z", "").await;
    world.seed("homes/other", "").await;
    assert_eq!(session.names("/").await, ["a", "d/", "e/"]);
    assert_eq!(session.names("/d").await, ["x"]);
    assert_eq!(session.names("/e").await, ["y/"]);
    for (name, entry) in session.list("/").await.expect("listed") {
        let stat = session.stat(&path(&format!("/{name}"))).await;
        assert_eq!(entry.attributes, stat.expect("stands"), "{name}");
        let attributes = &entry.attributes;
        let mode = if attributes.is_directory() {
            0o755
        } else {
            0o644
        };
        assert_eq!(attributes.mode, mode);
        assert_eq!(attributes.group, "users");
        assert_eq!(attributes.owner, session.user().as_str());
    }
}

#[tokio::test]
async fn homes_exist_although_nothing_is_in_them() {
    let world = World::new().await;
    let session = world.session("/b/nothing/yet").await;
    assert!(
        session
            .stat(&path("/"))
            .await
            .expect("exists")
            .is_directory()
    );
    assert!(session.names("/").await.is_empty());
}

#[tokio::test]
async fn only_directories_can_be_listed() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/f", "").await;
    for (at, kind) in [("/f", ErrorKind::Invalid), ("/none", ErrorKind::NotFound)] {
        let refused = session.open_directory(&path(at)).await;
        assert_eq!(refused.expect_err(at).kind(), kind);
    }
}

#[tokio::test]
async fn a_file_beside_a_directory_of_its_name_is_shown_once() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/a", "file").await;
    world.seed("home/a!", "between").await;
    world.seed("home/a/b", "below").await;
    assert_eq!(session.names("/").await, ["a", "a!"]);
    assert_eq!(session.size("/a").await.ok(), Some(4));
    assert_eq!(session.text("/a").await.ok().as_deref(), Some("file"));
    assert_eq!(session.names("/a").await, ["b"]);
    assert_eq!(session.text("/a/b").await.ok().as_deref(), Some("below"));
}

#[tokio::test]
async fn names_that_clients_cannot_say_are_left_out_and_never_aliased() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let long = format!("home/{}", "x".repeat(256));
    for key in [
        "home//slashes",
        "home/a//b",
        "home/../up",
        "home/./dot",
        "home/new\nline",
        long.as_str(),
    ] {
        world.seed(key, "odd").await;
    }
    for key in [
        "home/ lead",
        "home/trail ",
        "home/ü",
        "home/a/b",
        "home/%2e",
        "home/...",
        "home/*",
    ] {
        world.seed(key, key).await;
    }
    assert_eq!(
        session.names("/").await,
        [" lead", "%2e", "*", "...", "a/", "trail ", "ü"]
    );
    assert_eq!(session.names("/a").await, ["b"]);
    for at in ["/ lead", "/trail ", "/ü", "/%2e", "/...", "/*"] {
        assert_eq!(
            session.text(at).await.ok(),
            Some(format!("home{at}")),
            "{at}"
        );
    }
    assert_eq!(
        session.text("/a//b").await.ok().as_deref(),
        Some("home/a/b")
    );
    let spaceless = session
        .stat(&path("/lead"))
        .await
        .expect_err("another name");
    assert_eq!(spaceless.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_listing_goes_on_behind_a_page_that_failed() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    for number in 0..1500 {
        world.seed(&format!("home/{number:05}"), "").await;
    }
    let handle = session.open_directory(&path("/")).await.expect("open");
    world.store.on_request(|request| match request.operation {
        Operation::List => Fault::Refuse(ErrorKind::Unavailable),
        _ => Fault::None,
    });
    let mut names = Vec::new();
    let mut failures = 0;
    loop {
        match session.read_directory(handle).await {
            Ok(Some(entries)) => names.extend(entries.into_iter().map(|entry| entry.name)),
            Ok(None) => break,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unavailable);
                assert_eq!(names.len(), 1000);
                failures += 1;
                world.store.clear_faults();
            }
        }
    }
    assert_eq!((failures, names.len()), (1, 1500));
    assert!(names.is_sorted());
}

#[tokio::test]
async fn attributes_are_those_of_the_object_that_stands() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    session.put("/f", "ours").await.expect("stored");
    let changes = gateway::AttributeChanges {
        mode: Some(0o600),
        mtime: Some(model::Timestamp::from_seconds(5)),
        ..gateway::AttributeChanges::default()
    };
    session
        .set_attributes(&path("/f"), &changes)
        .await
        .expect("set");
    let listed = session.list("/").await.expect("listed");
    assert_eq!(listed["f"].attributes.mode, 0o600);
    world.seed("home/f", "somebody else's").await;
    let listed = session.list("/").await.expect("listed");
    assert_eq!(listed["f"].attributes.mode, 0o644);
    assert_eq!(
        listed["f"].attributes,
        session.stat(&path("/f")).await.expect("stands")
    );
}
