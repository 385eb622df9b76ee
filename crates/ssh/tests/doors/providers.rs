//! Users of an identity provider, by OpenSSH's own client.

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::BoxFuture;
use identity::provider::{
    Answer, Configured, Credential, Home, PasswordCheck, Profile, Provider, ProviderError,
    ProviderSettings, Question,
};
use identity::{ProviderName, PublicKey, Routing};
use model::UserName;

use crate::world::{PASSWORD, World};

/// Knows one user; is up or down.
#[derive(Debug)]
struct Staff {
    name: ProviderName,
    key: Mutex<Option<PublicKey>>,
    down: Mutex<bool>,
}

impl Staff {
    fn answer(&self, question: &Question) -> Result<Answer, ProviderError> {
        if *self.down.lock().expect("free") {
            return Err(ProviderError::unavailable("connect: connection refused"));
        }
        if question.user.as_str() != "bob" {
            return Ok(Answer::Refused("no such user".to_owned()));
        }
        let mut profile = Profile {
            home: Home {
                directory: "/b/home".to_owned(),
                ..Home::default()
            },
            ..Profile::default()
        };
        match &question.credential {
            Credential::Keys => profile.keys.extend(self.key.lock().expect("free").clone()),
            Credential::Password(password) if password.expose() == PASSWORD => {
                profile.password = PasswordCheck::Verified;
            }
            Credential::Password(_) => return Ok(Answer::Refused("wrong password".to_owned())),
            Credential::Certificate => {}
        }
        Ok(Answer::Admitted(Box::new(profile)))
    }
}

impl Provider for Staff {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, ProviderError>> {
        futures::future::ready(self.answer(question)).boxed()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn openssh_gets_in_by_what_the_provider_says_and_not_while_it_is_down() {
    let name = |name: &str| ProviderName::parse(name).expect("a provider");
    let staff = Arc::new(Staff {
        name: name("staff"),
        key: Mutex::default(),
        down: Mutex::default(),
    });
    let configured = Configured {
        provider: staff.clone(),
        settings: ProviderSettings {
            key_cache: std::time::Duration::ZERO,
            ..ProviderSettings::default()
        },
    };
    let routing = Routing::new([name("staff"), name("builtin")], Some(name("builtin")));
    let world = World::asking(|identity| identity.with_providers(vec![configured], routing)).await;
    let text = std::fs::read_to_string(world.path("id")).expect("there");
    let own = ssh::HostKey::import(&text, None)
        .expect("a key")
        .public_key();
    *staff.key.lock().expect("free") = Some(PublicKey::parse(&own).expect("a key"));

    for (user, methods, password, expected) in [
        ("bob@@staff", "publickey", "", true),
        ("bob@@staff", "password", PASSWORD, true),
        ("bob@@STAFF", "keyboard-interactive", PASSWORD, true),
        ("bob@@staff", "password", "wrong", false),
        ("eve@@staff", "publickey", "", false),
        ("eve@@staff", "password", PASSWORD, false),
        ("bob@@nowhere", "password", PASSWORD, false),
        ("acme", "password", PASSWORD, true),
    ] {
        let output = world.try_as(user, methods, password, "").await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.success(),
            expected,
            "{user} by {methods}: {said}"
        );
        assert!(expected || said.contains("Permission denied"), "{said}");
    }
    let recorded = UserName::parse("bob@@staff").expect("a name");
    let users = world.database.users();
    let row = users.by_name(&world.user.server, &recorded).await;
    let row = row.expect("read").expect("recorded");
    assert_eq!(
        (row.plain_name(), row.home_directory.as_str()),
        ("bob", "/b/home")
    );

    *staff.down.lock().expect("free") = true;
    for methods in ["publickey", "password"] {
        let output = world.try_as("bob@@staff", methods, PASSWORD, "").await;
        assert!(!output.status.success());
    }
    assert!(
        world.logs_in("password", PASSWORD, "").await,
        "others are not concerned"
    );
    world.stop().await;
}
