//! What a user may do and have at most, by his own row and his group's.

use std::time::Duration;

use database::{Group, GroupChanges, Mapping, MappingKind, UserLimits};
use gateway::{AttributeChanges, Overwrite};
use model::{Clock, ErrorKind, GroupId};
use policy::{Action, Permissions};

use crate::world::{SessionExt, World, flags, path};

async fn group(world: &World, change: impl FnOnce(&mut Group)) -> GroupId {
    let servers = world.database.servers().list().await.expect("read");
    let mut group = Group::new(servers[0].id.clone(), "partners", world.clock.now());
    change(&mut group);
    let made = world.database.groups().create(&group).await;
    made.expect("a new group");
    group.id
}

#[tokio::test]
async fn what_user_group_and_mapping_all_grant_may_be_done() {
    let world = World::new().await;
    world.seed("a/f", "f").await;
    world.seed("b/f", "f").await;
    let members = group(&world, |group| {
        group.permissions = Permissions::ALL.without(Action::Delete);
    })
    .await;
    let mapping = |entry: &str, target: &str, permissions| Mapping {
        entry: entry.to_owned(),
        target: target.to_owned(),
        kind: MappingKind::Directory,
        permissions,
    };
    let session = world
        .session_of("/b/ignored", |user| {
            user.group = Some(members);
            user.permissions = Permissions::ALL.without(Action::Overwrite);
            user.mappings = vec![
                mapping("/a", "/b/a", Some(Permissions::ALL)),
                mapping("/b", "/b/b", Some(Permissions::ALL.without(Action::Mkdir))),
            ];
        })
        .await;
    session.put("/a/new", "new").await.expect("all three do");
    assert_eq!(session.text("/a/f").await.expect("all three do"), "f");
    let denied = |done: gateway::Result<()>, what: &str| {
        let kind = done.expect_err(what).kind();
        assert_eq!(kind, ErrorKind::Denied, "{what}");
    };
    denied(session.remove(&path("/a/f")).await, "the group does not");
    let opened = session.open(&path("/a/f"), &flags("W")).await;
    denied(opened.map(drop), "the user does not");
    let attributes = AttributeChanges::default();
    let made = session.make_directory(&path("/b/d"), &attributes).await;
    denied(made, "the mapping does not");
    let made = session.make_directory(&path("/a/d"), &attributes).await;
    made.expect("all three do");
}

#[tokio::test]
async fn a_changed_group_ends_its_members_sessions() {
    let world = World::new().await;
    let members = group(&world, |_| {}).await;
    let ann = world
        .session_of("/b/ann", |user| user.group = Some(members))
        .await;
    let ben = world.session("/b/ben").await;
    assert_eq!(world.gateway.review_sessions().await.expect("read"), 0);
    world.clock.advance(Duration::from_secs(1));
    let changes = GroupChanges {
        permissions: Some(Permissions::READ_ONLY),
        ..GroupChanges::default()
    };
    let groups = world.database.groups();
    let changed = groups.update(members, changes, world.clock.now()).await;
    changed.expect("changed");
    assert_eq!(world.gateway.review_sessions().await.expect("read"), 1);
    let refused = ann.put("/f", "f").await.expect_err("it ends");
    assert_eq!(refused.kind(), ErrorKind::Denied);
    ben.put("/f", "f").await.expect("it is not his group");
}

#[tokio::test]
async fn the_smaller_limit_of_sessions_holds() {
    let world = World::new().await;
    let sessions = |sessions| UserLimits {
        sessions: Some(sessions),
        ..UserLimits::default()
    };
    let members = group(&world, |group| group.limits = sessions(1)).await;
    let name = world
        .user("/b/ann", |user| {
            user.group = Some(members);
            user.limits = sessions(2);
        })
        .await;
    let _first = world.login(&name).await.expect("one is allowed");
    let full = world.login(&name).await.expect_err("two are not");
    assert_eq!(full.kind(), ErrorKind::Exhausted);
}

#[tokio::test]
async fn files_are_given_allowed_names_only() {
    let world = World::new().await;
    world.seed("ann/old.exe", "old").await;
    let session = world
        .session_of("/b/ann", |user| {
            user.limits.allowed_names = vec!["*.csv".to_owned()];
        })
        .await;
    session.put("/a.CSV", "a").await.expect("allowed");
    let denied = |done: gateway::Result<()>, what: &str| {
        let kind = done.expect_err(what).kind();
        assert_eq!(kind, ErrorKind::Denied, "{what}");
    };
    denied(session.put("/a.exe", "a").await, "a new file");
    denied(session.put("/old.exe", "a").await, "an existing file");
    denied(session.put("/a.exe.part", "a").await, "a temporary one");
    let rename = |from: &'static str, to: &'static str| {
        let session = session.clone();
        async move {
            let (from, to) = (path(from), path(to));
            session.rename(&from, &to, Overwrite::Refuse).await
        }
    };
    denied(rename("/a.CSV", "/a.exe").await, "a new name");
    session.put("/b.csv.part", "b").await.expect("allowed");
    denied(rename("/b.csv.part", "/b.exe").await, "a final name");
    denied(rename("/b.csv.part", "/b.exe.part").await, "another one");
    rename("/b.csv.part", "/b.csv").await.expect("allowed");
    rename("/old.exe", "/old.csv").await.expect("allowed");
    assert_eq!(
        world.keys().await,
        ["ann/a.CSV", "ann/b.csv", "ann/old.csv"]
    );
    let handle = session.open(&path("/c.csv"), &flags("WCT")).await;
    let handle = handle.expect("open");
    denied(rename("/c.csv", "/c.exe").await, "while it is written");
    session.close(handle).await.expect("stored");
    assert_eq!(world.object("ann/c.csv").await.as_deref(), Some(""));
}
