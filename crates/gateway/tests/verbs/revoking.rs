//! What a session may still do when its user's rights shrink.

use std::time::Duration;

use database::{User, UserChanges};
use futures::FutureExt;
use model::{Clock, ErrorKind};

use crate::world::{SessionExt, World, flags, path};

async fn change(world: &World, user: &User, changes: UserChanges) {
    world.clock.advance(Duration::from_secs(1));
    let users = world.database.users();
    let changed = users.update(user.id, changes, world.clock.now()).await;
    changed.expect("changed");
}

async fn user(world: &World, session: &gateway::Session) -> User {
    let servers = world.database.servers().list().await.expect("read");
    let users = world.database.users();
    let found = users.by_name(&servers[0].id, session.user()).await;
    found.expect("read").expect("there")
}

fn disabled() -> UserChanges {
    UserChanges {
        disabled: Some(true),
        ..UserChanges::default()
    }
}

#[tokio::test]
async fn a_disabled_user_does_nothing_more_and_publishes_nothing() {
    let world = World::new().await;
    let (ann, ben) = (world.session("/b/ann").await, world.session("/b/ben").await);
    let handle = ann.open(&path("/f"), &flags("WCT")).await.expect("open");
    ann.write(handle, 0, b"bytes").expect("taken");
    assert_eq!(world.gateway.review_sessions().await.expect("read"), 0);
    assert!(ann.revoked().now_or_never().is_none());

    change(&world, &user(&world, &ann).await, disabled()).await;
    assert_eq!(world.gateway.review_sessions().await.expect("read"), 1);
    assert_eq!(ann.revoked().await, Some("your account was disabled"));
    let refused = ann.close(handle).await.expect_err("not published");
    assert_eq!(refused.kind(), ErrorKind::Denied);
    let refused = ann.open(&path("/g"), &flags("WCT")).await;
    assert_eq!(refused.expect_err("refused").kind(), ErrorKind::Denied);
    assert_eq!(world.object("ann/f").await, None);
    assert_eq!(
        world.gateway.review_sessions().await.expect("read"),
        0,
        "once"
    );

    let handle = ben.open(&path("/f"), &flags("WCT")).await.expect("open");
    ben.close(handle).await.expect("it is not his affair");
    assert!(ben.revoked().now_or_never().is_none());
    ben.end().await;
    assert_eq!(ben.revoked().await, None, "it ended by itself");
}

#[tokio::test]
async fn other_rights_are_for_other_sessions_and_a_namesake_is_somebody_else() {
    let world = World::new().await;
    let changed = world.session("/b/ann").await;
    let removed = world.session("/b/ben").await;
    let home = UserChanges {
        home_directory: Some("/b/elsewhere".to_owned()),
        ..UserChanges::default()
    };
    change(&world, &user(&world, &changed).await, home).await;
    let ben = user(&world, &removed).await;
    world
        .database
        .users()
        .remove(ben.id)
        .await
        .expect("removed");
    let mut again = database::NewUser::new(ben.server, ben.name, "/b/ben");
    again.password_hash = ben.password_hash;
    let users = world.database.users();
    users.create(again, ben.created).await.expect("a namesake");
    assert_eq!(world.gateway.review_sessions().await.expect("read"), 2);
    let reason = changed.revoked().await;
    assert_eq!(reason, Some("your account was changed; connect again"));
    assert_eq!(removed.revoked().await, Some("your account was removed"));
}

/// What was sent is not lost with the right to publish it: he may get that back.
#[tokio::test]
async fn what_a_user_was_sending_is_kept_for_him() {
    let world = World::new().await;
    let name = world.user("/b/ann", |_| {}).await;
    let session = world.login(&name).await.expect("a session");
    let handle = session.open(&path("/f"), &flags("WCT")).await;
    let handle = handle.expect("open");
    session.write(handle, 0, b"bytes").expect("taken");
    let user = user(&world, &session).await;
    change(&world, &user, disabled()).await;
    world.gateway.review_sessions().await.expect("read");
    let refused = session.close(handle).await.expect_err("not published");
    assert!(refused.to_string().contains("kept unfinished"), "{refused}");
    session.end().await;

    let enabled = UserChanges {
        disabled: Some(false),
        ..UserChanges::default()
    };
    change(&world, &user, enabled).await;
    let session = world.login(&name).await.expect("a session");
    assert_eq!(session.size("/f").await.expect("kept"), 5);
    let handle = session.open(&path("/f"), &flags("WA")).await;
    let handle = handle.expect("open");
    session.write(handle, 0, b" and more").expect("taken");
    session.close(handle).await.expect("published");
    let whole = world.object("ann/f").await;
    assert_eq!(whole.as_deref(), Some("bytes and more"));
}

/// The login read the user, then he was disabled and every session was looked at, then his
/// session began.
#[tokio::test]
async fn a_session_that_began_behind_the_look_is_looked_at_by_the_next() {
    let world = World::new().await;
    let name = world.user("/b/ann", |_| {}).await;
    let authenticated = world.authenticate(&name).await;
    let user = authenticated.user().clone();
    change(&world, &user, disabled()).await;
    assert_eq!(world.gateway.review_sessions().await.expect("read"), 0);
    let late = Box::pin(world.open(authenticated))
        .await
        .expect("a session");
    assert_eq!(world.gateway.review_sessions().await.expect("read"), 1);
    assert_eq!(late.revoked().await, Some("your account was disabled"));
}
