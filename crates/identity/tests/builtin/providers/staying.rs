//! Whoever is in and is asked about again.

use identity::provider::{Answer, Profile, ProviderError, ProviderSettings};
use identity::{Authenticated, Reauthorised, StandingLost};

use super::{Branch, admitted, profile};
use crate::login::{PASSWORD, blob};

#[tokio::test]
async fn who_is_in_is_asked_about_again() {
    let branch = Branch::new().await;
    let by_password = branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
    let by_key = branch
        .login("bob@@ldap")
        .authenticate_key(&blob(1))
        .await
        .expect("in");
    let built_in = branch.house.user("acme").await;
    let built_in = branch
        .by_password(built_in.name.as_str(), PASSWORD)
        .await
        .expect("in");
    let asked = async |who: &Authenticated| branch.identity.reauthorise(who).await;
    assert_eq!(asked(&built_in).await, Reauthorised::NotAsked);
    assert_eq!(asked(&by_password).await, Reauthorised::Stands);
    assert_eq!(asked(&by_key).await, Reauthorised::Stands);
    branch
        .ldap
        .says(|_| Err(ProviderError::unavailable("connection refused")));
    assert_eq!(asked(&by_key).await, Reauthorised::Unanswered);
    branch.ldap.says(|_| {
        let mut profile = profile();
        profile.keys.truncate(1);
        admitted(profile)
    });
    assert_eq!(
        asked(&by_key).await,
        Reauthorised::Lost(StandingLost::KeyRemoved)
    );
    assert_eq!(asked(&by_password).await, Reauthorised::Stands);
    branch.ldap.says(|_| {
        admitted(Profile {
            policy: Some("{}".to_owned()),
            ..profile()
        })
    });
    assert_eq!(
        asked(&by_key).await,
        Reauthorised::Lost(StandingLost::Changed)
    );
    branch
        .ldap
        .says(|_| Ok(Answer::Refused("locked".to_owned())));
    assert_eq!(
        asked(&by_password).await,
        Reauthorised::Lost(StandingLost::Refused)
    );

    let needs_passwords = Branch::with(ProviderSettings::default(), false).await;
    let bob = needs_passwords
        .by_password("bob@@ldap", PASSWORD)
        .await
        .expect("in");
    let asked = needs_passwords.ldap.asked();
    assert_eq!(
        needs_passwords.identity.reauthorise(&bob).await,
        Reauthorised::NotAsked
    );
    assert_eq!(needs_passwords.ldap.asked(), asked);
}
