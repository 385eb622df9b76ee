//! Users of identity providers: what a provider is asked, what its answers are worth, and that
//! one which does not answer admits nobody.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use database::{NewRole, User, UserChanges};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use identity::provider::{
    Answer, Configured, Credential, Home, PasswordCheck, Profile, Provider, ProviderError,
    ProviderSettings, Question,
};
use identity::{
    Authenticated, Identity, Login, ProviderName, PublicKey, Reauthorised, Refused, Routing,
    StandingLost, TestCredential,
};
use model::{Clock, ErrorKind};

use crate::login::{House, PASSWORD, blob, peer, secret};
use crate::public_keys::KEYS;

type Said = Result<Answer, ProviderError>;
type Script = Box<dyn Fn(&Question) -> BoxFuture<'static, Said> + Send + Sync>;

/// A provider that says what a test tells it to.
struct Scripted {
    name: ProviderName,
    script: Mutex<Script>,
    asked: AtomicUsize,
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
            asked: AtomicUsize::new(0),
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
        self.asked.load(SeqCst)
    }
}

impl Provider for Scripted {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Said> {
        self.asked.fetch_add(1, SeqCst);
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
        Credential::Keys => admitted(profile()),
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
    }
    assert_eq!(branch.ldap.asked(), 1);
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
async fn who_is_recorded_keeps_what_staff_decided() {
    let branch = Branch::new().await;
    let first = branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
    let id = first.user().id;
    let changes = UserChanges {
        permissions: Some(policy::Permissions::READ_ONLY),
        ..UserChanges::default()
    };
    let (users, now) = (branch.house.database.users(), branch.house.clock.now());
    users.update(id, changes, now).await.expect("changed");
    branch.ldap.says(|_| {
        admitted(Profile {
            home: Home {
                directory: "/bucket/elsewhere".to_owned(),
                ..Home::default()
            },
            password: PasswordCheck::Verified,
            ..profile()
        })
    });
    let second = branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
    assert_eq!(second.user().id, id);
    assert_eq!(second.user().permissions, policy::Permissions::READ_ONLY);
    assert_eq!(second.user().home_directory, "/bucket/elsewhere");
    let row = branch.row("bob@@ldap").await.expect("there");
    assert_eq!(row.home_directory, "/bucket/elsewhere");

    let changes = UserChanges {
        disabled: Some(true),
        ..UserChanges::default()
    };
    users.update(id, changes, now).await.expect("changed");
    let asked = branch.ldap.asked();
    assert_eq!(
        reason(&branch.by_password("bob@@ldap", PASSWORD).await),
        "disabled"
    );
    let mut login = branch.login("bob@@ldap");
    assert!(!login.offer_key(&blob(0)).await.expect("probe"));
    assert_eq!(
        branch.ldap.asked(),
        asked,
        "nobody is asked about who is kept out"
    );
}

#[tokio::test]
async fn another_external_id_is_another_user_who_inherits_nothing() {
    let branch = Branch::new().await;
    let first = branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
    let id = first.user().id;
    let epoch = branch
        .house
        .database
        .revocation()
        .epoch()
        .await
        .expect("read");
    let says = |external_id: Option<&'static str>| {
        branch.ldap.says(move |_| {
            admitted(Profile {
                external_id: external_id.map(str::to_owned),
                password: PasswordCheck::Verified,
                ..profile()
            })
        });
    };
    says(Some("8"));
    let second = branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
    assert_ne!(second.user().id, id);
    let users = branch.house.database.users();
    assert!(users.by_id(id).await.expect("read").is_none());
    let after = branch
        .house
        .database
        .revocation()
        .epoch()
        .await
        .expect("read");
    assert!(after > epoch, "the sessions of the first end");
    says(None);
    let third = branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
    assert_ne!(
        third.user().id,
        second.user().id,
        "without an id it might be anybody"
    );
    says(Some("9"));
    let fourth = branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
    assert_eq!(
        fourth.user().id,
        third.user().id,
        "the provider tells ids from now on"
    );
}

#[tokio::test]
async fn the_name_of_a_built_in_user_is_not_taken_over() {
    let branch = Branch::new().await;
    branch.house.user("bob@@ldap").await;
    let outcome = branch.by_password("bob@@ldap", PASSWORD).await;
    assert_eq!(reason(&outcome), "unknown_user");
    assert_eq!(branch.ldap.asked(), 0);
}

#[tokio::test]
async fn the_row_of_a_providers_user_admits_nobody_by_itself() {
    let branch = Branch::new().await;
    let bob = branch.by_password("bob@@ldap", PASSWORD).await.expect("in");
    let built_in = &branch.house.identity;
    built_in
        .set_password(bob.user().id, &bob.user().name, &secret(PASSWORD))
        .await
        .expect("set");
    built_in
        .add_key(bob.user().id, KEYS[0].0)
        .await
        .expect("key");
    let outcome = branch.house.by_password("bob@@ldap", PASSWORD).await;
    assert_eq!(outcome.expect_err("refused").reason(), "unknown_user");
    let mut login = branch.house.login("bob@@ldap");
    assert!(!login.offer_key(&blob(0)).await.expect("probe"));
}

#[tokio::test]
async fn a_role_must_be_known_here() {
    const ARN: &str = "arn:aws:iam::123456789012:role/partner";
    let roles = [("admins".to_owned(), "partner".to_owned())];
    let settings = ProviderSettings {
        roles: roles.into_iter().collect(),
        ..ProviderSettings::default()
    };
    let branch = Branch::with(settings, true).await;
    let role = NewRole {
        name: "partner".to_owned(),
        arn: Some(ARN.to_owned()),
        ..NewRole::default()
    };
    let roles = branch.house.database.roles();
    roles
        .create(&role, branch.house.clock.now())
        .await
        .expect("role");
    for (said, expected) in [
        (Some(ARN), Ok(Some("partner"))),
        (Some("admins"), Ok(Some("partner"))),
        (
            Some("arn:aws:iam::123456789012:role/other"),
            Err("unknown_role"),
        ),
        (Some("Admins"), Err("unknown_role")),
        (Some("  "), Ok(None)),
        (None, Ok(None)),
    ] {
        branch.ldap.says(move |_| {
            admitted(Profile {
                role: said.map(str::to_owned),
                password: PasswordCheck::Verified,
                ..profile()
            })
        });
        let outcome = branch.by_password("bob@@ldap", PASSWORD).await;
        let got = outcome.map(|bob| bob.user().role.clone());
        let got = got.as_ref().map(Option::as_deref).map_err(Refused::reason);
        assert_eq!(got, expected, "{said:?}");
    }
}

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
