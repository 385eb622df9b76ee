//! What takes hold in sessions that run: a narrower policy, a role that is gone.

use database::RoleChanges;
use futures::FutureExt;
use model::{Clock, ErrorKind};

use crate::roles::{allowing, with};
use crate::world::{SessionExt, World, flags, path};

const ALL: [&str; 3] = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"];

fn denied<T: std::fmt::Debug>(outcome: gateway::Result<T>, what: &str) {
    assert_eq!(outcome.expect_err(what).kind(), ErrorKind::Denied, "{what}");
}

#[tokio::test]
async fn a_narrower_policy_holds_for_the_next_operation_and_stops_open_handles() {
    let world = World::new().await;
    world.role("partners", &allowing(&ALL, "home/")).await;
    world.seed("home/f", "bytes").await;
    world.seed("home/in/g", "more").await;
    let session = world.session_of("/b/home", with("partners")).await;
    let reading = session.open(&path("/f"), &flags("R")).await.expect("open");
    let kept = session
        .open(&path("/in/g"), &flags("R"))
        .await
        .expect("open");
    let writing = session
        .open(&path("/new"), &flags("WCT"))
        .await
        .expect("open");
    session.write(writing, 0, b"half").expect("taken");
    let listing = session.open_directory(&path("/")).await.expect("open");

    let ended = world.replace("partners", &allowing(&ALL, "home/in/")).await;
    assert_eq!(ended, 0, "the session goes on");
    denied(session.read(reading, 0, 5).await, "its grant is gone");
    denied(session.write(writing, 4, b"more"), "its grant is gone");
    denied(session.close(writing).await, "it is not published");
    assert_eq!(world.object("home/new").await, None);
    let listed = session.read_directory(listing).await;
    assert!(listed.expect("names are still granted").is_some());
    let read = session.read(kept, 0, 4).await.expect("still granted");
    assert_eq!(read.concat(), b"more");
    denied(session.text("/f").await, "the next operation");
    session.put("/in/new", "").await.expect("still granted");

    let ended = world.replace("partners", &allowing(&ALL, "home/")).await;
    assert_eq!(ended, 0);
    let read = session.read(reading, 0, 5).await.expect("granted again");
    assert_eq!(read.concat(), b"bytes");
}

#[tokio::test]
async fn a_role_without_its_policy_grants_nothing() {
    let world = World::new().await;
    world.role("partners", &allowing(&ALL, "home/")).await;
    let session = world.session_of("/b/home", with("partners")).await;
    session.put("/f", "bytes").await.expect("granted");
    let changes = RoleChanges {
        policies: Some(Vec::new()),
        ..RoleChanges::default()
    };
    let roles = world.database.roles();
    let changed = roles.update("partners", changes, world.clock.now()).await;
    changed.expect("changed");
    assert_eq!(world.gateway.review_sessions().await.expect("read"), 0);
    denied(session.text("/f").await, "nothing is allowed");
    assert!(session.revoked().now_or_never().is_none());
}

#[tokio::test]
async fn a_role_that_is_removed_ends_its_sessions_and_lets_nobody_in() {
    let world = World::new().await;
    world.role("partners", &allowing(&ALL, "home/")).await;
    let name = world.user("/b/home", with("partners")).await;
    let session = world.login(&name).await.expect("a session");
    let other = world.session("/b/other").await;
    let handle = session
        .open(&path("/f"), &flags("WCT"))
        .await
        .expect("open");
    session.write(handle, 0, b"bytes").expect("taken");
    world
        .database
        .roles()
        .remove("partners")
        .await
        .expect("removed");
    assert_eq!(world.gateway.review_sessions().await.expect("read"), 1);
    let reason = session.revoked().await.expect("it must end");
    assert!(reason.contains("role"), "{reason}");
    denied(session.close(handle).await, "nothing is published");
    assert_eq!(world.object("home/f").await, None);
    denied(world.login(&name).await, "no role, no session");
    other
        .put("/f", "bytes")
        .await
        .expect("it is not his affair");
    assert!(other.revoked().now_or_never().is_none());
}

/// What a session works on is settled when it begins, so it begins anew.
#[tokio::test]
async fn a_role_that_works_on_another_store_ends_its_sessions() {
    let world = World::new().await;
    world.role("partners", &allowing(&ALL, "home/")).await;
    let name = world.user("/b/home", with("partners")).await;
    let store = |name: Option<&str>| RoleChanges {
        store: Some(name.map(str::to_owned)),
        ..RoleChanges::default()
    };
    for (there, admitted) in [(Some("default"), true), (Some("archive"), false)] {
        let session = world.login(&name).await.expect("a session");
        world.change_role("partners", store(there)).await;
        assert_eq!(world.gateway.review_sessions().await.expect("read"), 1);
        let reason = session.revoked().await.expect("it must end");
        assert!(reason.contains("role was changed"), "{reason}");
        denied(session.put("/f", "bytes").await, "it works no more");
        assert_eq!(world.login(&name).await.is_ok(), admitted, "{there:?}");
        world.change_role("partners", store(None)).await;
    }
}

/// The node's own credentials never stand in for a role that cannot be assumed.
#[tokio::test]
async fn a_role_with_an_iam_role_needs_a_store_that_knows_such() {
    let world = World::new().await;
    world.role("partners", &allowing(&ALL, "home/")).await;
    let name = world.user("/b/home", with("partners")).await;
    let session = world.login(&name).await.expect("a session");
    let changes = RoleChanges {
        iam_role: Some(Some("arn:aws:iam::111122223333:role/partners".to_owned())),
        ..RoleChanges::default()
    };
    world.change_role("partners", changes).await;
    assert_eq!(world.gateway.review_sessions().await.expect("read"), 1);
    session.revoked().await.expect("it must end");
    let refused = world.login(&name).await.expect_err("refused");
    assert_eq!(refused.kind(), ErrorKind::Denied);
    assert!(!refused.to_string().contains("arn:"), "{refused}");
}

/// A session policy of STS has an end, which variables may lead beyond.
#[tokio::test]
async fn policies_too_long_for_the_store_let_nobody_in() {
    let world = World::new().await;
    let long = allowing(&ALL, &format!("{}/", "x".repeat(2_000)));
    world.role("partners", &long).await;
    let name = world.user("/b/home", with("partners")).await;
    world.login(&name).await.expect("here it is not too long");
    let changes = RoleChanges {
        iam_role: Some(Some("arn:aws:iam::111122223333:role/partners".to_owned())),
        ..RoleChanges::default()
    };
    world.change_role("partners", changes).await;
    let refused = world.login(&name).await.expect_err("refused");
    let cause = std::error::Error::source(&refused).expect("a cause");
    assert!(cause.to_string().contains("STS takes 2048"), "{cause}");
}

#[tokio::test]
async fn policies_that_cannot_be_read_let_nobody_in() {
    let world = World::new().await;
    let long = allowing(&ALL, &"x".repeat(2_048));
    for text in ["", "no JSON", r#"{"Statement": []}"#, long.as_str()] {
        let policy = text.to_owned();
        let name = world
            .user("/b/home", |user| user.session_policy = Some(policy))
            .await;
        let refused = world.login(&name).await.expect_err("refused");
        assert_eq!(refused.kind(), ErrorKind::Denied, "{text}");
        assert!(!refused.to_string().contains("policy"), "{refused}");
    }
}

/// The login read the role, then its policy was narrowed and everybody was looked at, then the
/// session began.
#[tokio::test]
async fn a_change_behind_a_login_is_found_by_the_next_look() {
    let world = World::new().await;
    world.role("partners", &allowing(&ALL, "home/")).await;
    let session = world.session_of("/b/home", with("partners")).await;
    let policies = world.database.policies();
    let narrow = allowing(&["s3:GetObject"], "home/");
    let replaced = policies.replace("partners", &narrow, world.clock.now());
    replaced.await.expect("saved");
    session
        .put("/f", "bytes")
        .await
        .expect("until somebody looks");
    assert_eq!(world.gateway.review_sessions().await.expect("read"), 0);
    denied(session.put("/f", "bytes").await, "from then on");
    session.text("/f").await.expect("still granted");
}
