//! Users, their keys, and what takes their rights away.

use database::{HomeType, KeyBounds, Mapping, MappingKind, NewSshKey, NewUser, User, UserChanges};
use model::{ErrorKind, Secret, ServerId, UserName};
use policy::Permissions;

use crate::fixture::{Fixture, NOW, on_both_engines};

on_both_engines!(
    users_read_back_as_written,
    a_name_is_taken_once_at_a_server,
    names_differ_by_byte_and_are_listed_in_byte_order,
    what_is_absent_from_changes_stays,
    a_user_and_his_keys_come_in_one_look_up,
    what_takes_rights_away_advances_the_epoch,
    a_rehash_loses_against_a_new_password,
    removing_a_server_removes_its_people,
);

fn name(text: &str) -> UserName {
    UserName::parse(text).expect("name")
}

async fn user(fixture: &Fixture, server: &ServerId, text: &str) -> User {
    let new = NewUser::new(server.clone(), name(text), format!("/bucket/{text}"));
    fixture
        .database
        .users()
        .create(new, NOW)
        .await
        .expect("create")
}

fn key(user: &User, fingerprint: &str) -> NewSshKey {
    NewSshKey {
        user: user.id,
        algorithm: "ssh-ed25519".to_owned(),
        body: format!("body of {fingerprint}"),
        fingerprint: fingerprint.to_owned(),
        comment: "me@laptop".to_owned(),
        bounds: KeyBounds::default(),
    }
}

async fn users_read_back_as_written(fixture: Fixture) {
    let server = fixture.server().await.id;
    let mut new = NewUser::new(server.clone(), name("acme"), "/bucket/home/acme");
    new.password_hash = Some(Secret::new("$argon2id$..".to_owned()));
    new.home_type = HomeType::Path;
    new.permissions = Permissions::READ_ONLY;
    new.limits.sessions = Some(4);
    new.mappings = vec![Mapping {
        entry: "/in".to_owned(),
        target: "/bucket/in/acme".to_owned(),
        kind: MappingKind::Directory,
        permissions: Some(Permissions::ALL),
    }];
    let users = fixture.database.users();
    let made = users.create(new, NOW).await.expect("create");
    let read = users
        .by_name(&server, &name("acme"))
        .await
        .expect("read")
        .expect("there");
    assert_eq!(read.id, made.id);
    assert_eq!(
        read.password_hash.map(|hash| hash.expose().clone()),
        Some("$argon2id$..".into())
    );
    assert_eq!(
        (read.home_type, read.permissions),
        (made.home_type, made.permissions)
    );
    assert_eq!((read.mappings, read.limits), (made.mappings, made.limits));
    assert_eq!((read.disabled, read.created), (false, NOW));
    assert!(users.by_id(made.id).await.expect("read").is_some());
    let mappings = fixture.text("SELECT mappings FROM users").await;
    let expected =
        r#"[{"entry":"/in","target":"/bucket/in/acme","type":"DIRECTORY","permissions":"all"}]"#;
    assert_eq!(mappings, expected);
}

async fn a_name_is_taken_once_at_a_server(fixture: Fixture) {
    let server = fixture.server().await.id;
    user(&fixture, &server, "acme").await;
    let new = NewUser::new(server, name("acme"), "/bucket/x");
    let error = fixture
        .database
        .users()
        .create(new, NOW)
        .await
        .expect_err("taken");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let elsewhere = NewUser::new(ServerId::generate(), name("acme"), "/bucket/x");
    let error = fixture
        .database
        .users()
        .create(elsewhere, NOW)
        .await
        .expect_err("no server");
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

async fn names_differ_by_byte_and_are_listed_in_byte_order(fixture: Fixture) {
    let server = fixture.server().await.id;
    for text in ["b", "ä", "a.b", "B", "a_b", "a", "Z", "a-b"] {
        user(&fixture, &server, text).await;
    }
    let listed = fixture.database.users().list(&server).await.expect("list");
    let listed: Vec<_> = listed.iter().map(|user| user.name.as_str()).collect();
    assert_eq!(listed, ["B", "Z", "a", "a-b", "a.b", "a_b", "b", "ä"]);
}

async fn what_is_absent_from_changes_stays(fixture: Fixture) {
    let server = fixture.server().await.id;
    let made = user(&fixture, &server, "acme").await;
    let changes = UserChanges {
        disabled: Some(true),
        ..UserChanges::default()
    };
    let users = fixture.database.users();
    let later = NOW.plus(std::time::Duration::from_secs(5));
    users.update(made.id, changes, later).await.expect("update");
    let read = users.by_id(made.id).await.expect("read").expect("there");
    assert!(read.disabled);
    assert_eq!((read.created, read.changed), (NOW, later));
    assert_eq!(read.home_directory, made.home_directory);
    assert_eq!(read.permissions, made.permissions);
    let gone = users
        .update(model::UserId::generate(), UserChanges::default(), NOW)
        .await;
    assert_eq!(gone.expect_err("none").kind(), ErrorKind::NotFound);
}

async fn a_user_and_his_keys_come_in_one_look_up(fixture: Fixture) {
    let server = fixture.server().await.id;
    let acme = user(&fixture, &server, "acme").await;
    let other = user(&fixture, &server, "other").await;
    let (users, keys) = (fixture.database.users(), fixture.database.ssh_keys());
    let read = users
        .credentials(&server, &name("acme"))
        .await
        .expect("read");
    assert!(read.expect("there").keys.is_empty());
    let mappings = (0..100).map(|number| Mapping {
        entry: format!("/{number}"),
        target: format!("/bucket/{number}"),
        kind: MappingKind::Directory,
        permissions: None,
    });
    let mappings: Vec<Mapping> = mappings.collect();
    let changes = UserChanges {
        mappings: Some(mappings.clone()),
        ..UserChanges::default()
    };
    users.update(acme.id, changes, NOW).await.expect("changed");
    let first = keys.add(key(&acme, "SHA256:1"), NOW).await.expect("add");
    let second = keys.add(key(&acme, "SHA256:2"), NOW).await.expect("add");
    keys.add(key(&other, "SHA256:1"), NOW)
        .await
        .expect("another's");
    let twice = keys
        .add(key(&acme, "SHA256:1"), NOW)
        .await
        .expect_err("twice");
    assert_eq!(twice.kind(), ErrorKind::Conflict);
    let read = users
        .credentials(&server, &name("acme"))
        .await
        .expect("read")
        .expect("there");
    assert_eq!(read.user.id, acme.id);
    assert_eq!(read.user.mappings, mappings);
    assert_eq!(read.keys, [first.clone(), second.clone()]);
    assert_eq!(
        keys.list(acme.id).await.expect("list"),
        [first.clone(), second]
    );
    let foreign = keys.remove(other.id, first.id).await.expect_err("not his");
    assert_eq!(foreign.kind(), ErrorKind::NotFound);
    assert!(
        users
            .credentials(&server, &name("nobody"))
            .await
            .expect("read")
            .is_none()
    );
}

async fn what_takes_rights_away_advances_the_epoch(fixture: Fixture) {
    let server = fixture.server().await.id;
    let acme = user(&fixture, &server, "acme").await;
    let (users, keys) = (fixture.database.users(), fixture.database.ssh_keys());
    let key = keys.add(key(&acme, "SHA256:1"), NOW).await.expect("add");
    let epoch = async || fixture.database.revocation().epoch().await.expect("epoch");
    assert_eq!(epoch().await, 0, "what gives rights does not");
    keys.remove(acme.id, key.id).await.expect("remove");
    assert_eq!(epoch().await, 1);
    let changes = UserChanges::default();
    users.update(acme.id, changes, NOW).await.expect("update");
    assert_eq!(epoch().await, 2);
    users
        .set_password_hash(acme.id, None, NOW)
        .await
        .expect("set");
    assert_eq!(epoch().await, 3);
    users.remove(acme.id).await.expect("remove");
    assert_eq!(epoch().await, 4);
    let gone = users.remove(acme.id).await.expect_err("gone");
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    assert_eq!(epoch().await, 4, "what failed changed nothing");
    assert_eq!(
        fixture
            .database
            .revocation()
            .advance()
            .await
            .expect("advance"),
        5
    );
}

async fn a_rehash_loses_against_a_new_password(fixture: Fixture) {
    let server = fixture.server().await.id;
    let acme = user(&fixture, &server, "acme").await;
    let users = fixture.database.users();
    let secret = |text: &str| Secret::new(text.to_owned());
    let hash = async || {
        let read = users.by_id(acme.id).await.expect("read").expect("there");
        read.password_hash.expect("set").expose().clone()
    };
    users
        .set_password_hash(acme.id, Some(secret("old")), NOW)
        .await
        .expect("set");
    users
        .rehash(acme.id, &secret("old"), &secret("stronger"))
        .await
        .expect("rehash");
    assert_eq!(hash().await, "stronger");
    users
        .set_password_hash(acme.id, Some(secret("new")), NOW)
        .await
        .expect("set");
    users
        .rehash(acme.id, &secret("stronger"), &secret("late"))
        .await
        .expect("no effect");
    assert_eq!(hash().await, "new");
}

async fn removing_a_server_removes_its_people(fixture: Fixture) {
    let server = fixture.server().await.id;
    let acme = user(&fixture, &server, "acme").await;
    fixture
        .database
        .ssh_keys()
        .add(key(&acme, "SHA256:1"), NOW)
        .await
        .expect("add");
    fixture
        .database
        .servers()
        .remove(&server)
        .await
        .expect("remove");
    assert!(
        fixture
            .database
            .users()
            .by_id(acme.id)
            .await
            .expect("read")
            .is_none()
    );
    assert_eq!(
        fixture
            .database
            .ssh_keys()
            .list(acme.id)
            .await
            .expect("list"),
        []
    );
}
