//! Servers, host keys, groups and leases.

use std::time::Duration;

use database::{
    Group, GroupChanges, HostKey, NewServer, NewUser, Sealer, ServerLimits, Settings, UserLimits,
};
use model::{ErrorKind, KeyId, Secret, ServerId, UserName};
use policy::Permissions;

use crate::fixture::{Fixture, NOW, on_both_engines};

on_both_engines!(
    servers_read_back_as_written,
    a_servers_name_is_its_own,
    nodes_find_or_make_one_server,
    host_keys_are_sealed_where_a_key_is_set,
    first_host_keys_are_stored_once,
    a_host_key_is_stored_once_and_removed,
    a_group_with_users_stays,
    a_lease_has_one_holder_until_it_expires,
);

async fn servers_read_back_as_written(fixture: Fixture) {
    let servers = fixture.database.servers();
    let new = NewServer {
        listeners: vec!["0.0.0.0:22".to_owned(), "[::]:22".to_owned()],
        banner_before_login: Some("Authorised use only \u{2013} ä".to_owned()),
        limits: ServerLimits {
            sessions: Some(100),
            sessions_per_user: None,
        },
        ..NewServer::named("main")
    };
    let mut made = servers.create(&new, NOW).await.expect("create");
    assert_eq!(
        servers.by_id(&made.id).await.expect("read"),
        Some(made.clone())
    );
    made.banner_after_login = Some("welcome".to_owned());
    made.changed = NOW.plus(Duration::from_secs(1));
    servers.update(&made, made.changed).await.expect("update");
    assert_eq!(
        servers.by_name("main").await.expect("read"),
        Some(made.clone())
    );
    servers.remove(&made.id).await.expect("remove");
    assert_eq!(servers.by_id(&made.id).await.expect("read"), None);
    let error = servers.remove(&made.id).await.expect_err("gone");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = servers.update(&made, NOW).await.expect_err("gone");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

async fn a_servers_name_is_its_own(fixture: Fixture) {
    fixture.server().await;
    let again = NewServer::named("main");
    let error = fixture.database.servers().create(&again, NOW).await;
    let error = error.expect_err("taken");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(error.to_string(), "create server main: it exists already");
}

async fn nodes_find_or_make_one_server(fixture: Fixture) {
    let mut nodes = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let database = fixture.database.clone();
        nodes.spawn(async move {
            let new = NewServer::named("main");
            database
                .servers()
                .find_or_create(&new, NOW)
                .await
                .expect("server")
                .id
        });
    }
    let ids = nodes.join_all().await;
    assert!(ids.iter().all(|id| *id == ids[0]));
}

fn host_key(server: &ServerId, fingerprint: &str) -> HostKey {
    HostKey {
        id: KeyId::generate(),
        server: server.clone(),
        algorithm: "ssh-ed25519".to_owned(),
        private_key: Secret::new("-----BEGIN OPENSSH PRIVATE KEY-----".to_owned()),
        fingerprint: fingerprint.to_owned(),
        created: NOW,
    }
}

async fn host_keys_are_sealed_where_a_key_is_set(fixture: Fixture) {
    let server = fixture.server().await;
    let key = Secret::new("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned());
    let settings = Settings {
        sealer: Sealer::with_key(&key).expect("key"),
        ..Settings::default()
    };
    let sealing = fixture.open_again(settings).await.expect("open");
    let key = host_key(&server.id, "SHA256:a");
    sealing.host_keys().add(&key).await.expect("add");
    let stored = fixture.text("SELECT private_key FROM host_keys").await;
    assert!(!stored.contains("PRIVATE KEY"), "{stored}");
    let read = sealing.host_keys().list(&server.id).await.expect("list");
    assert_eq!(read[0].private_key.expose(), key.private_key.expose());
    let error = fixture.database.host_keys().list(&server.id).await;
    let error = error.expect_err("no key here");
    assert!(
        error.to_string().contains("no sealing key is configured"),
        "{error}"
    );
}

async fn first_host_keys_are_stored_once(fixture: Fixture) {
    let server = fixture.server().await.id;
    let mut nodes = tokio::task::JoinSet::new();
    for node in 0..6 {
        let (database, server) = (fixture.database.clone(), server.clone());
        nodes.spawn(async move {
            let keys = [host_key(&server, &format!("SHA256:{node}"))];
            database
                .host_keys()
                .add_first(&server, &keys)
                .await
                .expect("keys")
        });
    }
    let all = nodes.join_all().await;
    for keys in &all {
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].fingerprint, all[0][0].fingerprint);
    }
}

async fn a_host_key_is_stored_once_and_removed(fixture: Fixture) {
    let server = fixture.server().await.id;
    let keys = fixture.database.host_keys();
    let key = host_key(&server, "SHA256:a");
    keys.add(&key).await.expect("add");
    let mut same = key.clone();
    same.id = KeyId::generate();
    assert_eq!(
        keys.add(&same).await.expect_err("twice").kind(),
        ErrorKind::Conflict
    );
    let orphan = host_key(&ServerId::generate(), "SHA256:b");
    assert_eq!(
        keys.add(&orphan).await.expect_err("orphan").kind(),
        ErrorKind::Conflict
    );
    keys.remove(key.id).await.expect("remove");
    assert_eq!(
        keys.remove(key.id).await.expect_err("gone").kind(),
        ErrorKind::NotFound
    );
}

async fn a_group_with_users_stays(fixture: Fixture) {
    let server = fixture.server().await.id;
    let groups = fixture.database.groups();
    let group = Group::new(server.clone(), "partners", NOW);
    groups.create(&group).await.expect("create");
    assert_eq!(
        groups.create(&group).await.expect_err("twice").kind(),
        ErrorKind::Conflict
    );
    let name = UserName::parse("acme").expect("name");
    let mut new = NewUser::new(server.clone(), name, "/bucket/acme");
    new.group = Some(group.id);
    let user = fixture
        .database
        .users()
        .create(new, NOW)
        .await
        .expect("user");
    let changes = GroupChanges {
        permissions: Some(Permissions::READ_ONLY),
        limits: Some(UserLimits {
            bytes: Some(1 << 40),
            denied_names: vec!["*.exe".to_owned()],
            ..UserLimits::default()
        }),
        ..GroupChanges::default()
    };
    let later = NOW.plus(Duration::from_secs(1));
    let epoch = fixture.database.revocation().epoch().await.expect("read");
    let changed = groups.update(group.id, changes, later).await.expect("set");
    assert_eq!(groups.by_id(group.id).await.expect("read"), Some(changed));
    let member = fixture.database.users().by_id(user.id).await.expect("read");
    assert_eq!(member.expect("there").changed, later);
    let after = fixture.database.revocation().epoch().await.expect("read");
    assert!(after > epoch, "its members' sessions are looked at again");
    assert_eq!(
        groups.remove(group.id).await.expect_err("in use").kind(),
        ErrorKind::Conflict
    );
    fixture
        .database
        .users()
        .remove(user.id)
        .await
        .expect("remove");
    groups.remove(group.id).await.expect("remove");
    assert_eq!(groups.list(&server).await.expect("list"), []);
    assert_eq!(
        groups.by_name(&server, "partners").await.expect("read"),
        None
    );
}

async fn a_lease_has_one_holder_until_it_expires(fixture: Fixture) {
    let leases = fixture.database.leases();
    let minute = Duration::from_secs(60);
    assert!(leases.take("sweep", "a", minute, NOW).await.expect("take"));
    assert!(!leases.take("sweep", "b", minute, NOW).await.expect("take"));
    assert!(
        leases
            .take("sweep", "a", minute, NOW.plus(minute / 2))
            .await
            .expect("extend")
    );
    assert!(
        !leases
            .take("sweep", "b", minute, NOW.plus(minute))
            .await
            .expect("take")
    );
    let held = leases.held("sw", NOW.plus(minute)).await.expect("held");
    assert_eq!(held, [("sweep".to_owned(), "a".to_owned())]);
    assert!(
        leases
            .take("sweep", "b", minute, NOW.plus(minute * 2))
            .await
            .expect("take")
    );
    leases
        .release("sweep", "a")
        .await
        .expect("not his any more");
    assert!(
        !leases
            .take("sweep", "a", minute, NOW.plus(minute * 2))
            .await
            .expect("take")
    );
    leases.release("sweep", "b").await.expect("release");
    assert!(leases.take("sweep", "a", minute, NOW).await.expect("take"));
}
