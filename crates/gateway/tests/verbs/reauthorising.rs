//! Sessions that end with their account, or by the word of an identity provider.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use identity::provider::{
    Answer, Configured, Home, PasswordCheck, Profile, Provider, ProviderError, ProviderSettings,
    Question,
};
use identity::{Identity, ProviderName, Routing};
use model::{Clock, Secret};

use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

type Said = Result<Answer, ProviderError>;

/// Says the same to everybody.
#[derive(Debug)]
struct Oracle {
    name: ProviderName,
    says: Mutex<Said>,
}

impl Oracle {
    fn says(&self, said: Said) {
        *self.says.lock().expect("free") = said;
    }
}

impl Provider for Oracle {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn ask<'a>(&'a self, _: &'a Question) -> BoxFuture<'a, Said> {
        futures::future::ready(self.says.lock().expect("free").clone()).boxed()
    }

    fn knows_users_without_password(&self) -> bool {
        true
    }
}

fn admitted(directory: &str) -> Said {
    Ok(Answer::Admitted(Box::new(Profile {
        home: Home {
            directory: directory.to_owned(),
            ..Home::default()
        },
        password: PasswordCheck::Verified,
        ..Profile::default()
    })))
}

/// A provider that admits everybody to `/b/ann`, and who asks it.
fn oracle(world: &World) -> (Arc<Oracle>, Identity) {
    let name = |name: &str| ProviderName::parse(name).expect("a provider");
    let oracle = Arc::new(Oracle {
        name: name("ldap"),
        says: Mutex::new(admitted("/b/${transfer:UserName}")),
    });
    let configured = Configured {
        provider: oracle.clone(),
        settings: ProviderSettings::default(),
    };
    let routing = Routing::new([name("ldap"), name("builtin")], Some(name("builtin")));
    let identity = world
        .identity
        .clone()
        .with_providers(vec![configured], routing);
    (oracle, identity)
}

async fn session(world: &World, identity: &Identity, name: &str) -> Arc<gateway::Session> {
    let peer = identity::Peer::new("192.0.2.7:4711".parse().expect("an address"));
    let password = Secret::new("any password".to_owned());
    let login = identity.authenticate_password(&world.server, name, &password, &peer);
    let authenticated = Box::pin(login).await.expect("in");
    world.open(authenticated).await.expect("a session")
}

#[tokio::test]
async fn a_session_ends_with_its_account() {
    let world = World::new().await;
    let end = world.clock.now().plus(MINUTE);
    let ann = world
        .session_of("/b/ann", |new| new.expires = Some(end))
        .await;
    let ben = world.session("/b/ben").await;
    assert_eq!(world.gateway.review_sessions().await.expect("read"), 0);
    world.clock.advance(MINUTE);
    assert_eq!(world.gateway.review_sessions().await.expect("read"), 1);
    let reason = ann.revoked().await;
    assert_eq!(reason, Some("your account or your certificate has expired"));
    assert!(ben.revoked().now_or_never().is_none());
    assert_eq!(world.gateway.review_sessions().await.expect("read"), 0);
}

#[tokio::test]
async fn a_providers_user_stays_for_as_long_as_his_provider_says_the_same() {
    let world = World::new().await;
    let (oracle, identity) = oracle(&world);
    let built_in = world.session("/b/ben").await;
    let again = async || {
        world
            .gateway
            .reauthorise_sessions(&identity, MINUTE, HOUR)
            .await
    };
    for (said, reason) in [
        (
            Ok(Answer::Refused("locked".to_owned())),
            "your identity provider lets you in no longer",
        ),
        (
            admitted("/b/elsewhere"),
            "your account was changed; connect again",
        ),
    ] {
        oracle.says(admitted("/b/${transfer:UserName}"));
        let ann = session(&world, &identity, "ann@@ldap").await;
        world.clock.advance(MINUTE);
        assert_eq!(again().await, 0);
        oracle.says(said);
        assert_eq!(again().await, 0, "it was asked a moment ago");
        world.clock.advance(MINUTE);
        assert_eq!(
            world
                .gateway
                .reauthorise_sessions(&identity, Duration::ZERO, HOUR)
                .await,
            0
        );
        assert_eq!(again().await, 1);
        assert_eq!(ann.revoked().await, Some(reason));
    }
    assert!(built_in.revoked().now_or_never().is_none());
}

#[tokio::test]
async fn a_provider_that_does_not_answer_ends_sessions_after_the_grace_alone() {
    let world = World::new().await;
    let (oracle, identity) = oracle(&world);
    let ann = session(&world, &identity, "ann@@ldap").await;
    let again = async || {
        world
            .gateway
            .reauthorise_sessions(&identity, MINUTE, HOUR)
            .await
    };
    let down = || Err(ProviderError::unavailable("connection refused"));
    oracle.says(down());
    for _ in 0..30 {
        world.clock.advance(MINUTE);
        assert_eq!(again().await, 0);
    }
    oracle.says(admitted("/b/${transfer:UserName}"));
    world.clock.advance(MINUTE);
    assert_eq!(again().await, 0, "it is back, and so is the grace");
    oracle.says(down());
    for _ in 0..60 {
        world.clock.advance(MINUTE);
        assert_eq!(again().await, 0);
    }
    world.clock.advance(MINUTE);
    assert_eq!(again().await, 1);
    let reason = ann.revoked().await;
    assert_eq!(
        reason,
        Some("your identity provider has not answered for too long")
    );
}

/// What a later login of the same user was told widens nothing in a session that runs.
#[tokio::test]
async fn each_session_keeps_what_its_own_login_was_told() {
    const NOTHING: &str =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
    let world = World::new().await;
    let (oracle, identity) = oracle(&world);
    let with_policy = |policy: Option<&str>| {
        oracle.says(Ok(Answer::Admitted(Box::new(Profile {
            home: Home {
                directory: "/b/${transfer:UserName}".to_owned(),
                ..Home::default()
            },
            password: PasswordCheck::Verified,
            policy: policy.map(str::to_owned),
            ..Profile::default()
        }))));
    };
    with_policy(Some(NOTHING));
    let narrow = session(&world, &identity, "ann@@ldap").await;
    with_policy(None);
    let wide = session(&world, &identity, "ann@@ldap").await;
    world.database.revocation().advance().await.expect("grown");
    assert_eq!(world.gateway.review_sessions().await.expect("read"), 0);
    let path = crate::world::path("/b/ann/f");
    let flags = crate::world::flags("WCT");
    let refused = narrow.open(&path, &flags).await.expect_err("denied");
    assert_eq!(refused.kind(), model::ErrorKind::Denied);
    let handle = wide.open(&path, &flags).await.expect("allowed");
    wide.close(handle).await.expect("stored");
    assert!(
        world.object("ann/f").await.is_some(),
        "at home under the plain name"
    );
}
