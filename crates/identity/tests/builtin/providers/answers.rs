//! What the answers of a provider are worth, and that each costs the same.

use identity::provider::{PasswordCheck, Profile};

use super::{Branch, admitted, profile, reason};
use crate::login::{PASSWORD, blob, peer, secret};

#[tokio::test]
async fn a_connection_asks_once_however_many_keys_are_probed() {
    let branch = Branch::new().await;
    let mut login = branch.login("bob@@ldap");
    for which in [4, 3, 2, 1, 0] {
        let taken = login.offer_key(&blob(which)).await.expect("probe");
        assert_eq!(taken, which < 2);
    }
    let bob = login.authenticate_key(&blob(1)).await.expect("in");
    assert_eq!(branch.ldap.asked(), 1);
    assert_eq!(bob.user().name.as_str(), "bob@@ldap");
    assert_eq!(bob.user().plain_name(), "bob");
    assert_eq!(bob.user().home_directory, "/bucket/bob");
    let mut nobody = branch.login("eve@@ldap");
    for which in [0, 1, 2] {
        assert!(!nobody.offer_key(&blob(which)).await.expect("probe"));
    }
    assert_eq!(branch.ldap.asked(), 2);
    assert!(
        branch.row("eve@@ldap").await.is_none(),
        "only who came in is recorded"
    );
}

#[tokio::test]
async fn names_without_the_provider_are_the_built_in_users() {
    let branch = Branch::new().await;
    let own = branch.house.user("bob").await;
    let outcome = branch.by_password("bob", PASSWORD).await.expect("in");
    assert_eq!(outcome.user().id, own.id);
    assert_eq!(branch.ldap.asked(), 0);
    let other = branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
    assert_ne!(other.user().id, own.id);
    for nowhere in ["bob@@lambda", "bob@@", "@@ldap"] {
        let hashes = branch.identity.passwords().verifications();
        let outcome = branch.by_password(nowhere, PASSWORD).await;
        assert_eq!(reason(&outcome), "unknown_user", "{nowhere}");
        assert_eq!(branch.identity.passwords().verifications(), hashes + 1);
        let (user, password) = branch.ldap.asked_last();
        assert_eq!(user, "?", "{nowhere}: nobody stands in for it");
        assert_ne!(password.as_deref(), Some(PASSWORD), "{nowhere}");
    }
    assert_eq!(branch.ldap.asked(), 4);
}

#[tokio::test]
async fn unknown_and_refused_users_of_a_provider_pay_for_one_hash() {
    let branch = Branch::new().await;
    for (name, password) in [
        ("eve@@ldap", PASSWORD),
        ("bob@@ldap", "wrong"),
        ("bob@@ldap", ""),
    ] {
        let hashes = branch.identity.passwords().verifications();
        let outcome = branch.by_password(name, password).await;
        assert_eq!(reason(&outcome), "refused_by_provider", "{name}");
        assert_eq!(
            branch.identity.passwords().verifications(),
            hashes + 1,
            "{name}"
        );
    }
    assert_eq!(
        branch.ldap.asked(),
        2,
        "nobody is asked about an empty password"
    );
}

#[tokio::test]
async fn a_hash_that_the_provider_knows_is_verified_here() {
    let branch = Branch::new().await;
    branch.ldap.says(|_| {
        admitted(Profile {
            // `echo -n password | openssl sha1 -binary | base64`
            password: PasswordCheck::Hash(secret("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=")),
            ..profile()
        })
    });
    assert_eq!(
        reason(&branch.by_password("bob@@ldap", "password").await),
        "in"
    );
    let outcome = branch.by_password("bob@@ldap", "Password").await;
    assert_eq!(reason(&outcome), "wrong_password");
    for broken in ["", "no hash", "$argon2id$v=19$m=9999999,t=99,p=1$AAAA$AAAA"] {
        let hash = PasswordCheck::Hash(secret(broken));
        branch.ldap.says(move |_| {
            admitted(Profile {
                password: hash.clone(),
                ..profile()
            })
        });
        let outcome = branch.by_password("bob@@ldap", "password").await;
        assert_eq!(reason(&outcome), "wrong_password", "{broken}");
    }
}

#[tokio::test]
async fn an_answer_about_keys_admits_nobody_by_password() {
    let branch = Branch::new().await;
    branch.ldap.says(|_| admitted(profile()));
    let outcome = branch.by_password("bob@@ldap", "anything").await;
    assert_eq!(reason(&outcome), "refused_by_provider");
}

#[tokio::test]
async fn key_and_password_are_two_questions() {
    let branch = Branch::new().await;
    let identity = branch.identity.clone();
    let identity = identity.with_methods(identity::AuthenticationMethods::PublicKeyAndPassword);
    let mut login = identity.login(&branch.house.server.id, "bob@@ldap", &peer());
    let first = login.authenticate_key(&blob(0)).await.expect_err("more");
    assert_eq!(first.reason(), "incomplete");
    assert!(branch.row("bob@@ldap").await.is_none(), "he is not in yet");
    login
        .authenticate_password(&secret(PASSWORD))
        .await
        .expect("in");
    assert_eq!(branch.ldap.asked(), 2);
}
