//! Users of identity providers, and what a user's logins are held to.

use std::time::Duration;

use database::{ExternalUser, HomeType, NewUser, Recorded, User, UserChanges, UserNetworks};
use model::{ErrorKind, Secret, ServerId, UserName};

use crate::fixture::{Fixture, NOW, on_both_engines};

on_both_engines!(
    what_logins_are_held_to_reads_back,
    a_step_of_one_time_passwords_is_taken_once,
    a_providers_user_is_recorded_once_however_many_come_at_once,
    staffs_columns_stay_and_the_providers_follow,
    another_id_is_another_user_unless_the_row_is_disabled,
    names_of_others_are_not_taken,
);

fn name(text: &str) -> UserName {
    UserName::parse(text).expect("name")
}

fn bob(server: &ServerId, id: Option<&str>) -> ExternalUser {
    ExternalUser {
        server: server.clone(),
        name: name("bob@@ldap"),
        provider: "ldap".to_owned(),
        external_id: id.map(str::to_owned),
        home_type: HomeType::Logical,
        home_directory: "/bucket/bob".to_owned(),
        mappings: Vec::new(),
        role: Some("partner".to_owned()),
        session_policy: None,
    }
}

async fn record(fixture: &Fixture, external: &ExternalUser) -> Recorded {
    let recorded = fixture.database.users().record(external, NOW).await;
    recorded.expect("recorded")
}

async fn read(fixture: &Fixture, server: &ServerId, text: &str) -> User {
    let read = fixture.database.users().by_name(server, &name(text)).await;
    read.expect("read").expect("there")
}

async fn epoch(fixture: &Fixture) -> u64 {
    fixture.database.revocation().epoch().await.expect("read")
}

async fn what_logins_are_held_to_reads_back(fixture: Fixture) {
    let server = fixture.server().await.id;
    let users = fixture.database.users();
    let networks = UserNetworks {
        allow: vec!["192.0.2.0/24".to_owned()],
        deny: vec!["192.0.2.7".to_owned()],
    };
    let mut new = NewUser::new(server.clone(), name("acme"), "/bucket/acme");
    new.methods = Some("PUBLIC_KEY".to_owned());
    new.expires = Some(NOW);
    new.networks = networks.clone();
    new.role = Some("partner".to_owned());
    new.session_policy = Some("{}".to_owned());
    let made = users.create(new, NOW).await.expect("made");
    let acme = read(&fixture, &server, "acme").await;
    assert_eq!(acme.plain_name(), "acme");
    assert_eq!(acme.methods.as_deref(), Some("PUBLIC_KEY"));
    assert_eq!((acme.expires, acme.last_login), (Some(NOW), None));
    assert_eq!(acme.networks, networks);
    assert_eq!(acme.role.as_deref(), Some("partner"));
    assert_eq!(acme.session_policy.as_deref(), Some("{}"));
    let changes = UserChanges {
        methods: Some(None),
        expires: Some(None),
        role: Some(None),
        session_policy: Some(None),
        networks: Some(UserNetworks::default()),
        ..UserChanges::default()
    };
    users.update(made.id, changes, NOW).await.expect("changed");
    let before = epoch(&fixture).await;
    users.note_login(made.id, NOW).await.expect("noted");
    assert_eq!(epoch(&fixture).await, before);
    let credentials = users.credentials(&server, &name("acme")).await;
    let acme = credentials.expect("read").expect("there").user;
    assert_eq!((acme.expires, acme.last_login), (None, Some(NOW)));
    assert_eq!(
        (acme.methods, acme.role, acme.session_policy),
        (None, None, None)
    );
    assert_eq!(acme.networks, UserNetworks::default());
}

async fn a_step_of_one_time_passwords_is_taken_once(fixture: Fixture) {
    let server = fixture.server().await.id;
    let users = fixture.database.users();
    let new = NewUser::new(server.clone(), name("acme"), "/bucket/acme");
    let user = users.create(new, NOW).await.expect("made");
    let secret = Secret::new("JBSWY3DPEHPK3PXP".to_owned());
    let before = epoch(&fixture).await;
    users
        .set_totp(user.id, Some(&secret), NOW)
        .await
        .expect("set");
    assert!(
        epoch(&fixture).await > before,
        "his sessions are looked at again"
    );
    let acme = read(&fixture, &server, "acme").await;
    let opened = users.totp_secret(&acme).expect("opened").expect("set");
    assert_eq!(opened.expose(), secret.expose());
    let taken = async |step| users.take_totp_step(user.id, step).await.expect("asked");
    let (one, two) = tokio::join!(taken(7), taken(7));
    assert!(one != two, "one of two");
    assert!(!taken(6).await && !taken(7).await);
    assert!(taken(8).await);
    users
        .set_totp(user.id, Some(&secret), NOW)
        .await
        .expect("set");
    assert!(taken(1).await, "another secret, other passwords");
    users.set_totp(user.id, None, NOW).await.expect("removed");
    let acme = read(&fixture, &server, "acme").await;
    assert!(users.totp_secret(&acme).expect("read").is_none());
}

async fn a_providers_user_is_recorded_once_however_many_come_at_once(fixture: Fixture) {
    let server = fixture.server().await.id;
    let external = bob(&server, Some("7"));
    let logins = (0..8).map(|_| record(&fixture, &external));
    let recorded = futures::future::join_all(logins).await;
    let first = &recorded[0].user;
    assert!(
        recorded
            .iter()
            .all(|one| one.user.id == first.id && one.replaced.is_none())
    );
    assert_eq!(recorded.iter().filter(|one| one.new).count(), 1);
    assert_eq!(first.plain_name(), "bob");
    let row = read(&fixture, &server, "bob@@ldap").await;
    assert_eq!(row.provider.as_deref(), Some("ldap"));
    assert_eq!(row.external_id.as_deref(), Some("7"));
}

async fn staffs_columns_stay_and_the_providers_follow(fixture: Fixture) {
    let server = fixture.server().await.id;
    let users = fixture.database.users();
    let first = record(&fixture, &bob(&server, None)).await.user;
    let later = NOW.plus(Duration::from_secs(9));
    let changes = UserChanges {
        methods: Some(Some("PUBLIC_KEY".to_owned())),
        expires: Some(Some(later)),
        ..UserChanges::default()
    };
    let changed = users
        .update(first.id, changes, later)
        .await
        .expect("changed");
    let before = epoch(&fixture).await;
    let elsewhere = ExternalUser {
        home_directory: "/bucket/elsewhere".to_owned(),
        role: None,
        ..bob(&server, Some("7"))
    };
    let second = record(&fixture, &elsewhere).await.user;
    let row = read(&fixture, &server, "bob@@ldap").await;
    for user in [&second, &row] {
        assert_eq!((user.id, user.changed), (first.id, changed.changed));
        assert_eq!(user.home_directory, "/bucket/elsewhere");
        assert_eq!(
            (user.role.as_deref(), user.external_id.as_deref()),
            (None, Some("7"))
        );
        assert_eq!(user.methods.as_deref(), Some("PUBLIC_KEY"));
        assert_eq!(user.expires, Some(later));
    }
    assert_eq!(
        epoch(&fixture).await,
        before,
        "nobody's rights shrank by staff's doing"
    );
}

async fn another_id_is_another_user_unless_the_row_is_disabled(fixture: Fixture) {
    let server = fixture.server().await.id;
    let users = fixture.database.users();
    let first = record(&fixture, &bob(&server, Some("7"))).await.user;
    let before = epoch(&fixture).await;
    let second = record(&fixture, &bob(&server, Some("8"))).await;
    assert_eq!((second.new, second.replaced), (true, Some(first.id)));
    assert!(users.by_id(first.id).await.expect("read").is_none());
    assert!(epoch(&fixture).await > before);
    let changes = UserChanges {
        disabled: Some(true),
        ..UserChanges::default()
    };
    users
        .update(second.user.id, changes, NOW)
        .await
        .expect("changed");
    let third = record(&fixture, &bob(&server, Some("9"))).await;
    assert_eq!(third.user.id, second.user.id);
    assert!(third.user.disabled && !third.new);
}

async fn names_of_others_are_not_taken(fixture: Fixture) {
    let server = fixture.server().await.id;
    let users = fixture.database.users();
    let new = NewUser::new(server.clone(), name("bob@@ldap"), "/bucket/own");
    users.create(new, NOW).await.expect("a built-in user");
    let refused = users.record(&bob(&server, Some("7")), NOW).await;
    assert_eq!(refused.expect_err("taken").kind(), ErrorKind::Conflict);
    let other = ExternalUser {
        name: name("eve@@ldap"),
        ..bob(&server, Some("7"))
    };
    record(&fixture, &other).await;
    let refused = users
        .record(
            &ExternalUser {
                provider: "http".to_owned(),
                ..other
            },
            NOW,
        )
        .await;
    assert_eq!(refused.expect_err("taken").kind(), ErrorKind::Conflict);
}
