//! Users of identity providers, by way of one that says what a test tells it to.

mod answers;
mod bounds;
mod certified;
mod nowhere;
mod records;
mod replaced;
mod staying;
mod trying;

use std::sync::{Arc, Mutex};

use database::User;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use identity::provider::{
    Answer, Configured, Credential, Home, PasswordCheck, Profile, Provider, ProviderError,
    ProviderSettings, Question,
};
use identity::{Authenticated, Identity, Login, ProviderName, PublicKey, Refused, Routing};

use crate::login::{House, PASSWORD, peer, secret};
use crate::public_keys::KEYS;

type Said = Result<Answer, ProviderError>;
type Script = Box<dyn Fn(&Question) -> BoxFuture<'static, Said> + Send + Sync>;

/// A provider that says what a test tells it to.
struct Scripted {
    name: ProviderName,
    script: Mutex<Script>,
    questions: Mutex<Vec<Question>>,
    knows_all: bool,
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

impl Scripted {
    fn new(name: &str, knows_all: bool) -> Arc<Self> {
        Arc::new(Self {
            name: provider_name(name),
            script: Mutex::new(Box::new(|_| {
                futures::future::ready(Ok(Answer::Refused("nobody".to_owned()))).boxed()
            })),
            questions: Mutex::default(),
            knows_all,
        })
    }

    fn says(&self, script: impl Fn(&Question) -> Said + Send + Sync + 'static) {
        self.does(move |question| futures::future::ready(script(question)).boxed());
    }

    fn does(&self, script: impl Fn(&Question) -> BoxFuture<'static, Said> + Send + Sync + 'static) {
        *self.script.lock().expect("script") = Box::new(script);
    }

    fn asked(&self) -> usize {
        self.questions.lock().expect("questions").len()
    }

    /// The name that it was asked about last, and the password, where it was one about a password.
    fn asked_last(&self) -> (String, Option<String>) {
        let questions = self.questions.lock().expect("questions");
        let last = questions.last().expect("a question");
        let password = match &last.credential {
            Credential::Password(password) => Some(password.expose().clone()),
            Credential::Keys | Credential::Certificate => None,
        };
        (last.user.to_string(), password)
    }
}

impl Provider for Scripted {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Said> {
        let mut questions = self.questions.lock().expect("questions");
        questions.push(question.clone());
        drop(questions);
        (self.script.lock().expect("script"))(question)
    }

    fn knows_users_without_password(&self) -> bool {
        self.knows_all
    }
}

fn provider_name(name: &str) -> ProviderName {
    ProviderName::parse(name).expect("provider")
}

fn profile() -> Profile {
    Profile {
        external_id: Some("7".to_owned()),
        home: Home {
            directory: "/bucket/bob".to_owned(),
            ..Home::default()
        },
        keys: KEYS[..2]
            .iter()
            .map(|(text, _)| PublicKey::parse(text).expect("key"))
            .collect(),
        ..Profile::default()
    }
}

fn admitted(profile: Profile) -> Said {
    Ok(Answer::Admitted(Box::new(profile)))
}

/// Knows bob, his keys and his password.
fn knows_bob(question: &Question) -> Said {
    let verified = Profile {
        keys: Vec::new(),
        password: PasswordCheck::Verified,
        ..profile()
    };
    match &question.credential {
        _ if question.user.as_str() != "bob" => Ok(Answer::Refused("no such user".to_owned())),
        Credential::Keys | Credential::Certificate => admitted(profile()),
        Credential::Password(password) if password.expose() == PASSWORD => admitted(verified),
        Credential::Password(_) => Ok(Answer::Refused("wrong password".to_owned())),
    }
}

struct Branch {
    house: House,
    identity: Identity,
    ldap: Arc<Scripted>,
}

impl Branch {
    async fn new() -> Self {
        Self::with(ProviderSettings::default(), true).await
    }

    async fn with(settings: ProviderSettings, knows_all: bool) -> Self {
        let house = House::new().await;
        let ldap = Scripted::new("ldap", knows_all);
        ldap.says(knows_bob);
        let configured = Configured {
            provider: ldap.clone(),
            settings,
        };
        let names = [provider_name("builtin"), provider_name("ldap")];
        let routing = Routing::new(names, Some(provider_name("builtin")));
        let identity = house
            .identity
            .clone()
            .with_providers(vec![configured], routing);
        Self {
            house,
            identity,
            ldap,
        }
    }

    fn login(&self, name: &str) -> Login {
        self.identity.login(&self.house.server.id, name, &peer())
    }

    async fn by_password(&self, name: &str, password: &str) -> Result<Authenticated, Refused> {
        self.login(name)
            .authenticate_password(&secret(password))
            .await
    }

    async fn row(&self, name: &str) -> Option<User> {
        let name = model::UserName::parse(name).expect("name");
        let users = self.house.database.users();
        users
            .by_name(&self.house.server.id, &name)
            .await
            .expect("read")
    }
}

fn reason(outcome: &Result<Authenticated, Refused>) -> &'static str {
    outcome.as_ref().map_or_else(Refused::reason, |_| "in")
}
