//! Providers that are replaced while logins and sessions go on.

use std::sync::Arc;

use identity::provider::{Answer, Configured, ProviderSettings};
use identity::{AuthenticationMethods, Reauthorised, Routing, StandingLost};

use super::{Branch, Scripted, knows_bob, provider_name, reason};
use crate::login::{PASSWORD, blob};

fn instead(branch: &Branch, providers: &[&Arc<Scripted>], methods: AuthenticationMethods) {
    let configured = providers.iter().map(|provider| Configured {
        provider: Arc::clone(provider) as Arc<dyn identity::provider::Provider>,
        settings: ProviderSettings::default(),
    });
    let names = providers.iter().map(|provider| provider.name.clone());
    let routing = Routing::new(
        names.chain([provider_name("builtin")]),
        Some(provider_name("builtin")),
    );
    branch
        .identity
        .set_providers(configured.collect(), routing, methods);
}

#[tokio::test]
async fn logins_ask_the_new_ones_and_nothing_is_remembered_of_the_old_ones() {
    let branch = Branch::new().await;
    let other_clone = branch.identity.clone();
    let mut begun = branch.login("bob@@ldap");
    assert!(begun.offer_key(&blob(0)).await.expect("a probe"));
    let old = Arc::downgrade(&branch.ldap);
    let new = Scripted::new("ldap", true);
    instead(&branch, &[&new], AuthenticationMethods::Password);
    assert_eq!(other_clone.methods(), AuthenticationMethods::Password);

    let outcome = branch.by_password("bob@@ldap", PASSWORD).await;
    assert_eq!(reason(&outcome), "refused_by_provider");
    assert_eq!((branch.ldap.asked(), new.asked()), (1, 1));
    let mut keys = branch.login("bob@@ldap");
    assert!(!keys.offer_key(&blob(0)).await.expect("a probe"));

    // Who had begun is still asked about where he began.
    begun.authenticate_key(&blob(0)).await.expect("in");
    let Branch { ldap, .. } = branch;
    drop((begun, ldap));
    assert_eq!(old.strong_count(), 0, "the old one is gone with him");
}

#[tokio::test]
async fn sessions_are_asked_about_with_the_new_ones() {
    let branch = Branch::new().await;
    let bob = branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
    let new = Scripted::new("ldap", true);
    new.says(knows_bob);
    let methods = AuthenticationMethods::default();
    instead(&branch, &[&new], methods);
    assert_eq!(
        branch.identity.reauthorise(&bob).await,
        Reauthorised::Stands
    );
    new.says(|_| Ok(Answer::Refused("locked".to_owned())));
    let lost = Reauthorised::Lost(StandingLost::Refused);
    assert_eq!(branch.identity.reauthorise(&bob).await, lost);
    instead(&branch, &[], methods);
    assert_eq!(
        branch.identity.reauthorise(&bob).await,
        lost,
        "nobody knows him"
    );
    let outcome = branch.by_password("bob@@ldap", PASSWORD).await;
    assert_eq!(reason(&outcome), "unknown_user");
}
