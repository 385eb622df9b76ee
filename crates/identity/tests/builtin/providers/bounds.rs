//! The bounds that a provider is asked within: the breaker, the deadline, places, a short memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use futures::FutureExt as _;
use identity::provider::{Answer, ProviderError, ProviderSettings};
use model::ErrorKind;

use super::{Branch, knows_bob, reason};
use crate::login::{PASSWORD, blob};

#[tokio::test]
async fn a_provider_that_is_down_refuses_and_is_left_alone_for_a_while() {
    let branch = Branch::new().await;
    branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
    branch
        .ldap
        .says(|_| Err(ProviderError::unavailable("connection refused")));
    for _ in 0..5 {
        let outcome = branch.by_password("bob@@ldap", PASSWORD).await;
        let refused = outcome.expect_err("refused");
        assert_eq!(
            (refused.kind(), refused.to_string().as_str()),
            (ErrorKind::Unavailable, "permission denied")
        );
        assert!(!refused.counts());
    }
    assert_eq!(branch.ldap.asked(), 6);
    branch.ldap.says(knows_bob);
    let mut login = branch.login("bob@@ldap");
    let refused = login.offer_key(&blob(0)).await.expect_err("left alone");
    assert_eq!(refused.reason(), "unavailable");
    assert_eq!(branch.ldap.asked(), 6);
    branch.house.clock.advance(Duration::from_secs(10));
    branch
        .by_password("bob@@ldap", PASSWORD)
        .await
        .expect("in again");
}

#[tokio::test]
async fn a_provider_that_lies_or_hangs_refuses() {
    let settings = ProviderSettings {
        deadline: Duration::from_millis(20),
        ..ProviderSettings::default()
    };
    let branch = Branch::with(settings, true).await;
    branch
        .ldap
        .says(|_| Err(ProviderError::malformed("it is not JSON")));
    assert_eq!(
        reason(&branch.by_password("bob@@ldap", PASSWORD).await),
        "unavailable"
    );
    branch.ldap.does(|_| futures::future::pending().boxed());
    assert_eq!(
        reason(&branch.by_password("bob@@ldap", PASSWORD).await),
        "unavailable"
    );
    assert!(branch.row("bob@@ldap").await.is_none());
}

#[tokio::test]
async fn what_is_wrong_with_one_user_keeps_nobody_else_out() {
    let branch = Branch::new().await;
    branch.ldap.says(|question| match question.user.as_str() {
        "broken" => Err(ProviderError::unusable(
            "the row's attribute Role is a list",
        )),
        _ => knows_bob(question),
    });
    for _ in 0..8 {
        let outcome = branch.by_password("broken@@ldap", PASSWORD).await;
        assert_eq!(reason(&outcome), "unavailable");
    }
    assert_eq!(branch.ldap.asked(), 8, "it is asked about him again");
    branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
    let mut login = branch.login("bob@@ldap");
    assert!(login.offer_key(&blob(0)).await.expect("a probe"));
}

#[tokio::test]
async fn a_provider_that_answers_is_there_again_whatever_it_says_of_one_user() {
    let branch = Branch::new().await;
    let down = || Err(ProviderError::unavailable("connection refused"));
    branch.ldap.says(move |_| down());
    for _ in 0..5 {
        let outcome = branch.by_password("bob@@ldap", PASSWORD).await;
        assert_eq!(reason(&outcome), "unavailable");
    }
    branch.house.clock.advance(Duration::from_secs(10));
    // It answers, about whomever: it is there again.
    let broken = || {
        Err(ProviderError::unusable(
            "the row's attribute Role is a list",
        ))
    };
    branch.ldap.says(move |_| broken());
    assert!(branch.by_password("bob@@ldap", PASSWORD).await.is_err());
    branch.ldap.says(knows_bob);
    branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
}

#[tokio::test]
async fn a_few_questions_are_out_at_a_time() {
    let settings = ProviderSettings {
        concurrency: 2,
        ..ProviderSettings::default()
    };
    let branch = Branch::with(settings, true).await;
    let (out, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, highest) = (out.clone(), most.clone());
    // Nobody is answered before another is asked, so two are out together.
    let pair = Arc::new(tokio::sync::Barrier::new(2));
    branch.ldap.does(move |_| {
        let (out, most, pair) = (counted.clone(), highest.clone(), pair.clone());
        async move {
            most.fetch_max(out.fetch_add(1, SeqCst) + 1, SeqCst);
            pair.wait().await;
            out.fetch_sub(1, SeqCst);
            Ok(Answer::Refused("no".to_owned()))
        }
        .boxed()
    });
    let logins = (0..6).map(|_| branch.by_password("bob@@ldap", PASSWORD));
    for outcome in futures::future::join_all(logins).await {
        assert_eq!(reason(&outcome), "refused_by_provider");
    }
    assert_eq!(most.load(SeqCst), 2);
}

#[tokio::test]
async fn admissions_by_key_are_remembered_for_a_short_time_and_passwords_are_not() {
    let branch = Branch::new().await;
    let probe = async || {
        branch
            .login("bob@@ldap")
            .offer_key(&blob(0))
            .await
            .expect("probe")
    };
    assert!(probe().await && probe().await);
    assert_eq!(branch.ldap.asked(), 1);
    branch
        .ldap
        .says(|_| Ok(Answer::Refused("locked".to_owned())));
    assert!(probe().await, "what was said a moment ago");
    assert_eq!(
        reason(&branch.by_password("bob@@ldap", PASSWORD).await),
        "refused_by_provider"
    );
    branch.house.clock.advance(Duration::from_secs(10));
    assert!(!probe().await);
    branch.ldap.says(knows_bob);
    assert!(probe().await, "refusals are not remembered");
    let asked = branch.ldap.asked();
    for _ in 0..2 {
        branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
    }
    assert_eq!(branch.ldap.asked(), asked + 2);
}

#[tokio::test]
async fn passwords_are_remembered_where_that_is_wanted() {
    let settings = ProviderSettings {
        password_cache: Duration::from_secs(30),
        ..ProviderSettings::default()
    };
    let branch = Branch::with(settings, true).await;
    for _ in 0..3 {
        branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
    }
    assert_eq!(branch.ldap.asked(), 1);
    assert!(branch.by_password("bob@@ldap", "wrong").await.is_err());
    assert!(branch.by_password("eve@@ldap", PASSWORD).await.is_err());
    assert_eq!(branch.ldap.asked(), 3);
}
