//! Thousands who move in at once, or not at all.

use database::{
    Group, KeyBounds, MoveIn, MovedUser, NewUser, Policy, SshKey, User, UserLimits, UserNetworks,
};
use model::{ErrorKind, GroupId, KeyId, Secret, ServerId, UserId, UserName};
use policy::Permissions;

use crate::fixture::{Fixture, NOW, on_both_engines};

on_both_engines!(
    thousands_move_in_at_once,
    whoever_exists_already_keeps_everybody_out,
    users_are_changed_with_their_keys_and_passwords,
    what_was_planned_before_a_change_is_not_done,
);

/// A user, read back as one who was made in the usual way and renamed.
async fn somebody(fixture: &Fixture, server: &ServerId) -> User {
    let name = UserName::parse("somebody").expect("a name");
    let new = NewUser::new(server.clone(), name, "/b/somebody");
    let users = fixture.database.users();
    users.create(new, NOW).await.expect("create")
}

fn like(user: &User, name: &str) -> User {
    User {
        id: UserId::generate(),
        name: UserName::parse(name).expect("a name"),
        password_hash: Some(Secret::new("$6$salt$hash".to_owned())),
        ..user.clone()
    }
}

fn key(user: &User) -> SshKey {
    SshKey {
        id: KeyId::generate(),
        user: user.id,
        algorithm: "ssh-ed25519".to_owned(),
        body: format!("body of {}", user.name),
        fingerprint: "SHA256:same".to_owned(),
        comment: String::new(),
        created: NOW,
        bounds: KeyBounds {
            networks: UserNetworks {
                allow: vec!["192.0.2.0/24".to_owned()],
                deny: Vec::new(),
            },
            expires: Some(NOW),
        },
    }
}

fn record(user: &User) -> MovedUser {
    MovedUser {
        user: user.id,
        source: "unix".to_owned(),
        record: "{}".to_owned(),
        password: Some("digest".to_owned()),
        moved: NOW,
    }
}

async fn epoch(fixture: &Fixture) -> u64 {
    fixture.database.revocation().epoch().await.expect("epoch")
}

async fn move_in(fixture: &Fixture, all: &MoveIn, epoch: u64) -> database::Result<()> {
    Box::pin(fixture.database.move_in(all, epoch, NOW)).await
}

async fn thousands_move_in_at_once(fixture: Fixture) {
    let server = fixture.server().await.id;
    let pattern = somebody(&fixture, &server).await;
    let group = Group {
        id: GroupId::generate(),
        server: server.clone(),
        name: "partners".to_owned(),
        description: String::new(),
        created: NOW,
        permissions: Permissions::ALL,
        limits: UserLimits::default(),
        changed: NOW,
    };
    let policy = Policy {
        name: "read".to_owned(),
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#.to_owned(),
        created: NOW,
        changed: NOW,
    };
    let created: Vec<User> = (0..4_000)
        .map(|number| User {
            group: Some(group.id),
            ..like(&pattern, &format!("user{number:04}"))
        })
        .collect();
    let all = MoveIn {
        keys: created.iter().map(key).collect(),
        records: created.iter().map(record).collect(),
        groups: vec![group],
        policies: vec![policy],
        roles: vec![database::NewRole {
            name: "reader".to_owned(),
            policies: vec!["read".to_owned()],
            ..database::NewRole::default()
        }],
        created,
        ..MoveIn::default()
    };
    let before = epoch(&fixture).await;
    move_in(&fixture, &all, before).await.expect("moved in");
    assert_eq!(epoch(&fixture).await, before + 1);
    let users = fixture.database.users().list(&server).await.expect("list");
    assert_eq!(users.len(), 4_001);
    let moved = fixture.database.moved_users();
    assert_eq!(moved.list(&server).await.expect("list").len(), 4_000);
    assert_eq!(moved.keys(&server).await.expect("keys").len(), 4_000);
    let name = UserName::parse("user3999").expect("a name");
    let last = fixture.database.users().credentials(&server, &name).await;
    let last = last.expect("read").expect("a user");
    assert_eq!(last.keys, [key_like(&last.keys[0], &last.user)]);
    let roles = fixture.database.roles();
    assert_eq!(roles.policies_of("reader").await.expect("read"), ["read"]);
}

/// What a key of a user must be, but for its id.
fn key_like(found: &SshKey, user: &User) -> SshKey {
    SshKey {
        id: found.id,
        ..key(user)
    }
}

async fn whoever_exists_already_keeps_everybody_out(fixture: Fixture) {
    let server = fixture.server().await.id;
    let pattern = somebody(&fixture, &server).await;
    let all = MoveIn {
        created: vec![like(&pattern, "acme"), like(&pattern, "somebody")],
        ..MoveIn::default()
    };
    let before = epoch(&fixture).await;
    let error = move_in(&fixture, &all, before)
        .await
        .expect_err("he exists");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let users = fixture.database.users().list(&server).await.expect("list");
    assert_eq!(users.len(), 1);
    assert_eq!(epoch(&fixture).await, before);
}

async fn users_are_changed_with_their_keys_and_passwords(fixture: Fixture) {
    let server = fixture.server().await.id;
    let mut user = somebody(&fixture, &server).await;
    let old = key(&user);
    let first = MoveIn {
        keys: vec![old.clone()],
        records: vec![record(&user)],
        ..MoveIn::default()
    };
    let before = epoch(&fixture).await;
    move_in(&fixture, &first, before).await.expect("moved in");
    user.home_directory = "/b/elsewhere".to_owned();
    let again = MovedUser {
        source: "csv".to_owned(),
        password: None,
        ..record(&user)
    };
    let second = MoveIn {
        changed: vec![user.clone()],
        passwords: vec![(user.id, Some(Secret::new("$5$salt$hash".to_owned())))],
        lost_keys: vec![old.id],
        keys: vec![SshKey {
            id: KeyId::generate(),
            ..old
        }],
        records: vec![again.clone()],
        ..MoveIn::default()
    };
    move_in(&fixture, &second, before + 1)
        .await
        .expect("changed");
    let found = fixture
        .database
        .users()
        .credentials(&server, &user.name)
        .await;
    let found = found.expect("read").expect("a user");
    assert_eq!(found.user.home_directory, "/b/elsewhere");
    assert_eq!(
        found.user.password_hash.expect("a hash").expose(),
        "$5$salt$hash"
    );
    assert_eq!(found.keys.len(), 1);
    let moved = fixture.database.moved_users();
    assert_eq!(moved.list(&server).await.expect("list"), [again]);
    fixture
        .database
        .users()
        .remove(user.id)
        .await
        .expect("removed");
    assert_eq!(moved.list(&server).await.expect("list"), []);
}

async fn what_was_planned_before_a_change_is_not_done(fixture: Fixture) {
    let server = fixture.server().await.id;
    let pattern = somebody(&fixture, &server).await;
    let planned = epoch(&fixture).await;
    fixture
        .database
        .revocation()
        .advance()
        .await
        .expect("advanced");
    let all = MoveIn {
        created: vec![like(&pattern, "acme")],
        ..MoveIn::default()
    };
    let error = move_in(&fixture, &all, planned)
        .await
        .expect_err("changed since");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(epoch(&fixture).await, planned + 1);
}
