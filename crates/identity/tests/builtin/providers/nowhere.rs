//! Names that lead nowhere cost what names cost that lead to a provider. Counted, since clocks of
//! tests lie.

use super::Branch;
use crate::login::{PASSWORD, blob, secret};

/// What an attempt costs: questions to the provider, and passwords hashed.
#[derive(Debug, PartialEq, Eq)]
struct Cost {
    questions: usize,
    hashes: u64,
}

async fn of(branch: &Branch, attempts: impl AsyncFnOnce(&Branch)) -> Cost {
    let (asked, hashed) = (
        branch.ldap.asked(),
        branch.identity.passwords().verifications(),
    );
    attempts(branch).await;
    Cost {
        questions: branch.ldap.asked() - asked,
        hashes: branch.identity.passwords().verifications() - hashed,
    }
}

const NOWHERE: [&str; 4] = ["bob@@nowhere", "bob@@", "@@ldap", "a/b@@ldap"];

#[tokio::test]
async fn a_name_of_no_provider_costs_what_one_of_a_provider_does() {
    let branch = Branch::new().await;
    for password in [PASSWORD, "wrong", ""] {
        let cost = async |name: &'static str| {
            let attempt = async |branch: &Branch| {
                let outcome = branch.by_password(name, password).await;
                assert!(outcome.is_err(), "{name}");
            };
            of(&branch, attempt).await
        };
        let known = cost("eve@@ldap").await;
        for name in NOWHERE {
            assert_eq!(cost(name).await, known, "{name} with {password:?}");
        }
    }
}

#[tokio::test]
async fn keys_of_a_name_of_no_provider_cost_what_others_do() {
    let branch = Branch::new().await;
    let cost = async |name: &'static str| {
        let attempt = async |branch: &Branch| {
            let mut login = branch.login(name);
            for which in [0, 1, 2] {
                assert!(!login.offer_key(&blob(which)).await.expect("a probe"));
            }
            assert!(login.authenticate_key(&blob(0)).await.is_err(), "{name}");
        };
        of(&branch, attempt).await
    };
    let known = cost("eve@@ldap").await;
    assert_eq!(known.questions, 1);
    for name in NOWHERE {
        assert_eq!(cost(name).await, known, "{name}");
    }
}

/// Even where who stands in says yes to everything.
#[tokio::test]
async fn the_answer_of_who_stands_in_is_not_heard() {
    let branch = Branch::new().await;
    branch.ldap.says(|_| {
        super::admitted(identity::provider::Profile {
            password: identity::provider::PasswordCheck::Verified,
            ..super::profile()
        })
    });
    for name in NOWHERE {
        let mut login = branch.login(name);
        let by_key = login.authenticate_key(&blob(0)).await;
        assert_eq!(by_key.expect_err("refused").reason(), "unknown_user");
        let by_password = login.authenticate_password(&secret(PASSWORD)).await;
        assert_eq!(by_password.expect_err("refused").reason(), "unknown_user");
    }
    branch
        .by_password("bob@@ldap", PASSWORD)
        .await
        .expect("he says yes");
}
