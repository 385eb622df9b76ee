//! What is recorded of whoever comes in, and that it admits nobody by itself.

use database::{NewRole, UserChanges};
use identity::Refused;
use identity::provider::{Home, PasswordCheck, Profile, ProviderSettings};
use model::Clock as _;

use super::{Branch, admitted, profile, reason};
use crate::login::{PASSWORD, blob, secret};
use crate::public_keys::KEYS;

#[tokio::test]
async fn who_is_recorded_keeps_what_staff_decided() {
    let branch = Branch::new().await;
    let first = branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
    let id = first.user().id;
    let changes = UserChanges {
        permissions: Some(policy::Permissions::READ_ONLY),
        ..UserChanges::default()
    };
    let (users, now) = (branch.house.database.users(), branch.house.clock.now());
    users.update(id, changes, now).await.expect("changed");
    branch.ldap.says(|_| {
        admitted(Profile {
            home: Home {
                directory: "/bucket/elsewhere".to_owned(),
                ..Home::default()
            },
            password: PasswordCheck::Verified,
            ..profile()
        })
    });
    let second = branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
    assert_eq!(second.user().id, id);
    assert_eq!(second.user().permissions, policy::Permissions::READ_ONLY);
    assert_eq!(second.user().home_directory, "/bucket/elsewhere");
    let row = branch.row("bob@@ldap").await.expect("there");
    assert_eq!(row.home_directory, "/bucket/elsewhere");

    let changes = UserChanges {
        disabled: Some(true),
        ..UserChanges::default()
    };
    users.update(id, changes, now).await.expect("changed");
    let asked = branch.ldap.asked();
    assert_eq!(
        reason(&branch.by_password("bob@@ldap", PASSWORD).await),
        "disabled"
    );
    let mut login = branch.login("bob@@ldap");
    assert!(!login.offer_key(&blob(0)).await.expect("probe"));
    assert_eq!(
        branch.ldap.asked(),
        asked,
        "nobody is asked about who is kept out"
    );
}

#[tokio::test]
async fn another_external_id_is_another_user_who_inherits_nothing() {
    let branch = Branch::new().await;
    let first = branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
    let id = first.user().id;
    let epoch = branch
        .house
        .database
        .revocation()
        .epoch()
        .await
        .expect("read");
    let says = |external_id: Option<&'static str>| {
        branch.ldap.says(move |_| {
            admitted(Profile {
                external_id: external_id.map(str::to_owned),
                password: PasswordCheck::Verified,
                ..profile()
            })
        });
    };
    says(Some("8"));
    let second = branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
    assert_ne!(second.user().id, id);
    let users = branch.house.database.users();
    assert!(users.by_id(id).await.expect("read").is_none());
    let after = branch
        .house
        .database
        .revocation()
        .epoch()
        .await
        .expect("read");
    assert!(after > epoch, "the sessions of the first end");
    says(None);
    let third = branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
    assert_ne!(
        third.user().id,
        second.user().id,
        "without an id it might be anybody"
    );
    says(Some("9"));
    let fourth = branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
    assert_eq!(
        fourth.user().id,
        third.user().id,
        "the provider tells ids from now on"
    );
}

#[tokio::test]
async fn the_name_of_a_built_in_user_is_not_taken_over() {
    let branch = Branch::new().await;
    branch.house.user("bob@@ldap").await;
    let outcome = branch.by_password("bob@@ldap", PASSWORD).await;
    assert_eq!(reason(&outcome), "unknown_user");
    let (user, password) = branch.ldap.asked_last();
    assert_eq!(user, "?", "nobody is asked about him");
    assert_ne!(password.as_deref(), Some(PASSWORD));
}

#[tokio::test]
async fn the_row_of_a_providers_user_admits_nobody_by_itself() {
    let branch = Branch::new().await;
    let bob = branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
    let built_in = &branch.house.identity;
    built_in
        .set_password(bob.user().id, &bob.user().name, &secret(PASSWORD))
        .await
        .expect("set");
    built_in
        .add_key(bob.user().id, KEYS[0].0)
        .await
        .expect("key");
    let outcome = branch.house.by_password("bob@@ldap", PASSWORD).await;
    assert_eq!(outcome.expect_err("refused").reason(), "unknown_user");
    let mut login = branch.house.login("bob@@ldap");
    assert!(!login.offer_key(&blob(0)).await.expect("probe"));
}

#[tokio::test]
async fn a_role_must_be_known_here() {
    const ARN: &str = "arn:aws:iam::123456789012:role/partner";
    let roles = [("admins".to_owned(), "partner".to_owned())];
    let settings = ProviderSettings {
        roles: roles.into_iter().collect(),
        ..ProviderSettings::default()
    };
    let branch = Branch::with(settings, true).await;
    let role = NewRole {
        name: "partner".to_owned(),
        arn: Some(ARN.to_owned()),
        ..NewRole::default()
    };
    let roles = branch.house.database.roles();
    roles
        .create(&role, branch.house.clock.now())
        .await
        .expect("role");
    for (said, expected) in [
        (Some(ARN), Ok(Some("partner"))),
        (Some("admins"), Ok(Some("partner"))),
        (
            Some("arn:aws:iam::123456789012:role/other"),
            Err("unknown_role"),
        ),
        (Some("Admins"), Err("unknown_role")),
        (Some("  "), Ok(None)),
        (None, Ok(None)),
    ] {
        branch.ldap.says(move |_| {
            admitted(Profile {
                role: said.map(str::to_owned),
                password: PasswordCheck::Verified,
                ..profile()
            })
        });
        let outcome = branch.by_password("bob@@ldap", PASSWORD).await;
        let got = outcome.map(|bob| bob.user().role.clone());
        let got = got.as_ref().map(Option::as_deref).map_err(Refused::reason);
        assert_eq!(got, expected, "{said:?}");
    }
}
