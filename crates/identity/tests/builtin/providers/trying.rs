//! Logins that are tried and not made.

use identity::provider::ProviderError;
use identity::{PublicKey, TestCredential};

use super::Branch;
use crate::login::{PASSWORD, peer, secret};
use crate::public_keys::KEYS;

#[tokio::test]
async fn a_test_says_what_a_login_would_and_records_nothing() {
    let branch = Branch::new().await;
    let source = peer().address.ip();
    let test = async |name: &str, credential: TestCredential| {
        branch
            .identity
            .test(&branch.house.server.id, name, &credential, source)
            .await
    };
    let report = test("bob@@ldap", TestCredential::Password(secret(PASSWORD))).await;
    assert_eq!(
        (report.provider.as_deref(), report.user.as_str()),
        (Some("ldap"), "bob")
    );
    let tested = report.outcome.expect("admitted");
    assert_eq!(tested.home_directory, "/bucket/bob");
    assert_eq!(tested.recorded_as, "bob@@ldap");
    assert!(branch.row("bob@@ldap").await.is_none());
    let key = |which: usize| TestCredential::Key(PublicKey::parse(KEYS[which].0).expect("key"));
    assert_eq!(
        test("bob@@ldap", key(0))
            .await
            .outcome
            .expect("his")
            .keys
            .len(),
        2
    );
    for (name, credential, why) in [
        ("bob@@ldap", key(3), "none of his 2 keys"),
        (
            "bob@@ldap",
            TestCredential::Password(secret("wrong")),
            "ldap refuses: wrong password",
        ),
        (
            "eve@@ldap",
            TestCredential::Nothing,
            "ldap refuses: no such user",
        ),
        ("bob@@lambda", TestCredential::Nothing, "does not ask"),
        ("bob", TestCredential::Nothing, "no user of this name"),
    ] {
        let refused = test(name, credential).await.outcome.expect_err(name);
        assert!(refused.contains(why), "{name}: {refused}");
    }
    branch
        .ldap
        .says(|_| Err(ProviderError::unavailable("connection refused")));
    let refused = test("bob@@ldap", TestCredential::Nothing).await.outcome;
    assert!(refused.expect_err("down").contains("connection refused"));
    branch.house.user("acme").await;
    let report = test("acme", TestCredential::Password(secret(PASSWORD))).await;
    assert_eq!(report.provider.as_deref(), Some("builtin"));
    assert_eq!(report.outcome.expect("right").keys.len(), 1);
}
