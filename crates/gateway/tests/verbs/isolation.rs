//! Nobody gets out of his own tree, whatever verb and whatever path he tries.

use database::{HomeType, Mapping, MappingKind};
use gateway::{AttributeChanges, Overwrite, Session};
use model::ErrorKind;
use policy::{Action, Permissions};

use crate::world::{SessionExt, World, flags, path};

/// What each verb says to a path, and to a pair of it and a path of his own.
async fn all_verbs(session: &Session, at: &str) -> Vec<(&'static str, Option<ErrorKind>)> {
    let at = session.resolve(at.as_bytes()).expect("a path");
    let mine = session.resolve(b"mine").expect("a path");
    let mode = AttributeChanges {
        mode: Some(0o600),
        ..AttributeChanges::default()
    };
    let kind = |outcome: gateway::Result<()>| outcome.err().map(|error| error.kind());
    vec![
        (
            "open R",
            kind(session.open(&at, &flags("R")).await.map(drop)),
        ),
        (
            "open W",
            kind(session.open(&at, &flags("W")).await.map(drop)),
        ),
        (
            "open WCT",
            kind(session.open(&at, &flags("WCT")).await.map(drop)),
        ),
        (
            "open RW",
            kind(session.open(&at, &flags("RWC")).await.map(drop)),
        ),
        ("opendir", kind(session.open_directory(&at).await.map(drop))),
        ("stat", kind(session.stat(&at).await.map(drop))),
        ("lstat", kind(session.lstat(&at).await.map(drop))),
        ("setstat", kind(session.set_attributes(&at, &mode).await)),
        ("remove", kind(session.remove(&at).await)),
        ("mkdir", kind(session.make_directory(&at, &mode).await)),
        ("rmdir", kind(session.remove_directory(&at).await)),
        (
            "rename from",
            kind(session.rename(&at, &mine, Overwrite::Replace).await),
        ),
        (
            "rename to",
            kind(session.rename(&mine, &at, Overwrite::Replace).await),
        ),
        ("statvfs", kind(session.space(&at).await.map(drop))),
    ]
}

#[tokio::test]
async fn every_verb_is_confined_to_a_home_by_path() {
    let world = World::new().await;
    world.seed("home/acme/mine", "mine").await;
    world.seed("home/acme2/theirs", "theirs").await;
    world.seed("home/theirs", "theirs").await;
    let session = world
        .session_of("/b/home/acme", |user| user.home_type = HomeType::Path)
        .await;
    assert_eq!(session.working_directory().as_str(), "/b/home/acme");
    for at in [
        "/b/home/acme2/theirs",
        "/b/home/acme2",
        "../acme2/theirs",
        "x/../../acme2/theirs",
        "/b/home/theirs",
        "/b/home",
        "/b",
        "/",
        "..",
        "/etc/passwd",
        "/other/home/acme/mine",
    ] {
        let (answers, requests) = world.count(all_verbs(&session, at)).await;
        for (verb, kind) in answers {
            assert_eq!(kind, Some(ErrorKind::Denied), "{verb} {at}");
        }
        assert_eq!(requests, "", "the store is not asked about {at}");
    }
    assert_eq!(
        session.text("/b/home/acme/mine").await.ok().as_deref(),
        Some("mine")
    );
    assert_eq!(
        world.keys().await,
        ["home/acme/mine", "home/acme2/theirs", "home/theirs"]
    );
}

#[tokio::test]
async fn no_path_of_a_logical_home_leads_to_a_key_outside() {
    for at in [
        "/../acme2/theirs",
        "/../../home/acme2/theirs",
        "/home/acme2/theirs",
        "/%2e%2e/acme2/theirs",
        "//../acme2/theirs",
        "/b/home/acme2/theirs",
    ] {
        let world = World::new().await;
        world.seed("home/acme/mine", "mine").await;
        world.seed("home/acme2/theirs", "theirs").await;
        let session = world.session("/b/home/acme").await;
        let unseen = session.text(at).await.expect_err("not his");
        assert_eq!(unseen.kind(), ErrorKind::NotFound, "{at}");
        all_verbs(&session, at).await;
        session.put(at, "his own").await.expect("below his home");
        let theirs = world.object("home/acme2/theirs").await;
        assert_eq!(theirs.as_deref(), Some("theirs"), "{at}");
        let outside = |key: &&String| !key.starts_with("home/acme/") && *key != "home/acme2/theirs";
        assert_eq!(world.keys().await.iter().find(outside), None, "{at}");
    }
}

#[tokio::test]
async fn the_gateways_own_prefix_cannot_be_reached_or_seen() {
    let world = World::new().await;
    world.seed(".pierhead/staging/x", "secret").await;
    world.seed("mine", "mine").await;
    let session = world.session("/b").await;
    for at in [
        "/.pierhead",
        "/.pierhead/staging",
        "/.pierhead/staging/x",
        "/a/../.pierhead/x",
    ] {
        let (answers, requests) = world.count(all_verbs(&session, at)).await;
        for (verb, kind) in answers {
            assert_eq!(kind, Some(ErrorKind::Denied), "{verb} {at}");
        }
        assert_eq!(requests, "", "{at}");
    }
    assert_eq!(session.names("/").await, ["mine"]);
    assert_eq!(world.keys().await, [".pierhead/staging/x", "mine"]);
}

#[tokio::test]
async fn what_is_not_granted_is_denied_before_the_store_is_asked() {
    use Action::{Delete, List, Mkdir, Overwrite as Replace, Read, Rename, Write};
    for (granted, allowed) in [
        (
            Permissions::READ_ONLY,
            vec!["open R", "opendir", "stat", "lstat", "statvfs"],
        ),
        (Permissions::NONE, vec![]),
        (Permissions::from_iter([Write]), vec!["open WCT", "setstat"]),
        (
            Permissions::from_iter([List, Write]),
            vec!["open WCT", "opendir", "stat", "lstat", "setstat", "statvfs"],
        ),
        (
            Permissions::from_iter([Read, List, Write, Replace]),
            vec![
                "open R", "open W", "open WCT", "open RW", "opendir", "stat", "lstat", "setstat",
                "statvfs",
            ],
        ),
        (Permissions::from_iter([Delete]), vec!["remove", "rmdir"]),
        (
            Permissions::from_iter([Mkdir, List]),
            vec!["opendir", "stat", "lstat", "mkdir", "statvfs"],
        ),
        (
            Permissions::from_iter([Rename, Replace]),
            vec!["open W", "open WCT", "rename from", "rename to"],
        ),
    ] {
        let world = World::new().await;
        world.seed("home/f", "f").await;
        world.seed("home/mine", "mine").await;
        let session = world
            .session_of("/b/home", |user| user.permissions = granted)
            .await;
        for (verb, kind) in all_verbs(&session, "/f").await {
            let denied = kind == Some(ErrorKind::Denied);
            assert_eq!(
                !denied,
                allowed.contains(&verb),
                "{verb} with {granted}: {kind:?}"
            );
        }
    }
}

#[tokio::test]
async fn who_may_not_overwrite_creates_and_never_replaces() {
    let world = World::new().await;
    world.seed("home/f", "previous").await;
    let session = world
        .session_of("/b/home", |user| {
            user.permissions = Permissions::from_iter([Action::Write, Action::List]);
        })
        .await;
    session.put("/new", "new").await.expect("created");
    let error = session.put("/f", "next").await.expect_err("it exists");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(world.object("home/f").await.as_deref(), Some("previous"));
    let error = session
        .open(&path("/f"), &flags("WC"))
        .await
        .expect_err("it exists");
    assert_eq!(error.kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn mappings_show_other_buckets_with_their_own_rights() {
    let world = World::new().await;
    let pool = world.store.sibling(crate::world::bucket("pool"));
    storage::ObjectStoreExt::put_bytes(&pool, &crate::world::object_key("all/x"), "shared".into())
        .await
        .expect("stored");
    world.seed("home/own", "own").await;
    world.seed("home/shared/hidden", "hidden").await;
    world.seed("lists/prices.csv", "1").await;
    let mapping = |entry: &str, target: &str, kind, permissions| Mapping {
        entry: entry.to_owned(),
        target: target.to_owned(),
        kind,
        permissions,
    };
    let session = world
        .session_of("/b/ignored", |user| {
            user.mappings = vec![
                mapping("/", "/b/home", MappingKind::Directory, None),
                mapping(
                    "/shared",
                    "/pool/all",
                    MappingKind::Directory,
                    Some(Permissions::READ_ONLY),
                ),
                mapping(
                    "/docs/prices.csv",
                    "/b/lists/prices.csv",
                    MappingKind::File,
                    None,
                ),
                mapping(
                    "/docs/none.csv",
                    "/b/lists/none.csv",
                    MappingKind::File,
                    None,
                ),
            ];
        })
        .await;
    assert_eq!(session.names("/").await, ["docs/", "own", "shared/"]);
    assert_eq!(session.names("/docs").await, ["prices.csv"]);
    assert_eq!(session.names("/shared").await, ["x"]);
    assert_eq!(
        session.text("/shared/x").await.ok().as_deref(),
        Some("shared")
    );
    assert_eq!(
        session.text("/docs/prices.csv").await.ok().as_deref(),
        Some("1")
    );
    let denied = session.put("/shared/y", "no").await.expect_err("read-only");
    assert_eq!(denied.kind(), ErrorKind::Denied);
    session.put("/docs/prices.csv", "2").await.expect("stored");
    assert_eq!(world.object("lists/prices.csv").await.as_deref(), Some("2"));
    for at in ["/shared", "/docs", "/"] {
        let fixed = session
            .remove_directory(&path(at))
            .await
            .expect_err("fixed");
        assert_eq!(fixed.kind(), ErrorKind::Denied, "{at}");
        let fixed = session
            .rename(&path(at), &path("/z"), Overwrite::Refuse)
            .await;
        assert_eq!(fixed.expect_err("fixed").kind(), ErrorKind::Denied, "{at}");
    }
}
