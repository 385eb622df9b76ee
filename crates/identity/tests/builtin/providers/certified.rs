//! Users of providers who come by a certificate: the provider says who they are, the certificate
//! proves it.

use identity::certificate::{CertificateAuthorities, Revocations, Trust};
use identity::provider::{Answer, Credential, Profile, ProviderError};
use identity::{Authenticated, Method, PublicKey, Reauthorised, Refused, Routing, StandingLost};
use ssh_key::certificate::{Builder, CertType};
use ssh_key::private::{Ed25519Keypair, PrivateKey};

use super::{Branch, admitted, knows_bob, profile, provider_name};
use crate::login::{NOW, PASSWORD, blob, secret};

fn key(seed: u8) -> PrivateKey {
    Ed25519Keypair::from_seed(&[seed; 32]).into()
}

/// A certificate of the authority `seed` for these.
fn certificate(seed: u8, principals: &[&str]) -> Vec<u8> {
    let now = u64::try_from(NOW.as_seconds()).expect("after 1970");
    let subject = key(9).public_key().key_data().clone();
    let mut builder = Builder::new(vec![7; 16], subject, now - 60, now + 60).expect("a builder");
    builder.cert_type(CertType::User).expect("a type");
    builder.key_id("a test").expect("a name");
    for principal in principals {
        builder.valid_principal(*principal).expect("a principal");
    }
    let signed = builder.sign(&key(seed)).expect("signed");
    signed.to_bytes().expect("encoded")
}

const OURS: u8 = 1;

async fn branch(default: &str) -> Branch {
    let mut branch = Branch::new().await;
    let names = ["builtin", "ldap"].map(provider_name);
    let routing = Routing::new(names, Some(provider_name(default)));
    branch.identity.set_providers(
        vec![identity::provider::Configured {
            provider: branch.ldap.clone(),
            settings: identity::provider::ProviderSettings::default(),
        }],
        routing,
        identity::AuthenticationMethods::default(),
    );
    let authority = key(OURS).public_key().to_openssh().expect("encoded");
    let trusted = vec![PublicKey::parse(&authority).expect("a key")];
    let known = CertificateAuthorities::new(trusted, Revocations::default());
    branch.identity.set_trust(Trust::new(known));
    branch.house.identity = branch.identity.clone();
    branch
}

async fn shows(branch: &Branch, name: &str, certificate: &[u8]) -> Result<Authenticated, Refused> {
    branch
        .login(name)
        .authenticate_certificate(certificate)
        .await
}

#[tokio::test]
async fn a_certificate_proves_who_a_provider_says_he_is() {
    let branch = branch("builtin").await;
    // A user who has no keys with his provider.
    branch.ldap.says(|question| match question.user.as_str() {
        "bob" => admitted(Profile {
            keys: Vec::new(),
            ..profile()
        }),
        _ => Ok(Answer::Refused("no such user".to_owned())),
    });
    let bob = shows(&branch, "bob@@ldap", &certificate(OURS, &["bob@@ldap"]))
        .await
        .expect("in");
    assert_eq!(bob.user().name.as_str(), "bob@@ldap");
    assert_eq!(bob.user().home_directory, "/bucket/bob");
    assert!(matches!(bob.method(), Method::Certificate(_)));
    assert_eq!(branch.ldap.asked(), 1);
    let eve = shows(&branch, "eve@@ldap", &certificate(OURS, &["eve@@ldap"])).await;
    assert_eq!(eve.expect_err("refused").reason(), "refused_by_provider");
    assert!(branch.row("eve@@ldap").await.is_none());
}

#[tokio::test]
async fn a_principal_is_a_login_name_that_leads_to_him() {
    for (default, login, principal, expected) in [
        ("builtin", "bob@@ldap", "bob@@ldap", "in"),
        ("builtin", "bob@@LDAP", "bob@@ldap", "in"),
        // That is a built-in user's, whatever the provider's are called.
        ("builtin", "bob@@ldap", "bob", "certificate"),
        ("ldap", "bob", "bob", "in"),
        ("ldap", "bob@@ldap", "bob", "in"),
        ("ldap", "bob", "bob@@ldap", "in"),
        ("ldap", "bob@@builtin", "bob", "certificate"),
        ("ldap", "bob@@builtin", "bob@@builtin", "in"),
        ("builtin", "bob@@ldap", "eve@@ldap", "certificate"),
        ("builtin", "bob@@nowhere", "bob@@nowhere", "unknown_user"),
    ] {
        let branch = branch(default).await;
        branch.house.user("bob").await;
        let outcome = shows(&branch, login, &certificate(OURS, &[principal])).await;
        let got = outcome.as_ref().map_or_else(Refused::reason, |_| "in");
        assert_eq!(got, expected, "{login} as {principal}, default {default}");
    }
}

#[tokio::test]
async fn nobody_is_asked_about_a_certificate_that_is_not_taken() {
    let branch = branch("builtin").await;
    let others = certificate(2, &["bob@@ldap"]);
    let outcome = shows(&branch, "bob@@ldap", &others).await;
    assert_eq!(outcome.expect_err("refused").reason(), "certificate");
    assert_eq!(branch.ldap.asked(), 0);
    branch
        .ldap
        .says(|_| Err(ProviderError::unavailable("connection refused")));
    let outcome = shows(&branch, "bob@@ldap", &certificate(OURS, &["bob@@ldap"])).await;
    assert_eq!(
        outcome.expect_err("down").reason(),
        "unavailable",
        "a provider that is down admits nobody"
    );
}

/// Where certificates are taken a key is offered before one shows itself, so an API that knows no
/// keys is asked for them, too.
#[tokio::test]
async fn whose_keys_cannot_be_used_may_show_something_else() {
    let branch = branch("builtin").await;
    branch.ldap.says(|question| match &question.credential {
        Credential::Keys => Err(ProviderError::unusable("PublicKeys: it is missing")),
        Credential::Certificate => admitted(Profile {
            keys: Vec::new(),
            ..profile()
        }),
        Credential::Password(_) => knows_bob(question),
    });
    let mut login = branch.login("bob@@ldap");
    for _ in 0..2 {
        assert!(!login.offer_key(&blob(0)).await.expect("a probe"));
    }
    let proof = certificate(OURS, &["bob@@ldap"]);
    login.authenticate_certificate(&proof).await.expect("in");
    assert_eq!(branch.ldap.asked(), 2);
    let mut login = branch.login("bob@@ldap");
    assert!(!login.offer_key(&blob(0)).await.expect("a probe"));
    let by_password = login.authenticate_password(&secret(PASSWORD)).await;
    by_password.expect("in");
}

#[tokio::test]
async fn whoever_came_by_a_certificate_is_asked_about_again() {
    let branch = branch("builtin").await;
    let bob = shows(&branch, "bob@@ldap", &certificate(OURS, &["bob@@ldap"]))
        .await
        .expect("in");
    assert_eq!(
        branch.identity.reauthorise(&bob).await,
        Reauthorised::Stands
    );
    branch
        .ldap
        .says(|_| Ok(Answer::Refused("locked".to_owned())));
    let lost = Reauthorised::Lost(StandingLost::Refused);
    assert_eq!(branch.identity.reauthorise(&bob).await, lost);
    assert!(branch.by_password("bob@@ldap", PASSWORD).await.is_err());
}
