//! Logins: who gets in, what it costs, and what outsiders can learn from it.

use std::sync::Arc;

use database::{Database, DatabaseUrl, NewServer, NewUser, Server, User, UserChanges};
use identity::{HashCost, Identity, Method, Peer, PublicKey, Refused, Settings};
use model::{Clock, ErrorKind, ManualClock, Secret, Timestamp, UserName};

use crate::public_keys::KEYS;

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);
pub(crate) const PASSWORD: &str = "correct horse";

pub(crate) struct House {
    pub(crate) identity: Identity,
    pub(crate) database: Database,
    pub(crate) server: Server,
    pub(crate) clock: ManualClock,
    _folder: tempfile::TempDir,
}

fn cost(memory_kib: u32) -> Settings {
    Settings {
        hash_cost: HashCost {
            memory_kib,
            passes: 1,
            lanes: 1,
        },
        hashes_at_once: 2,
    }
}

pub(crate) fn peer() -> Peer {
    Peer::new("192.0.2.1:50000".parse().expect("address"))
}

pub(crate) fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

pub(crate) fn blob(which: usize) -> Vec<u8> {
    PublicKey::parse(KEYS[which].0)
        .expect("key")
        .blob()
        .to_vec()
}

impl House {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let url = DatabaseUrl::Sqlite(folder.path().join("p.db"));
        let database = Database::open(&url, database::Settings::default()).await;
        let database = database.expect("open");
        let server = database
            .servers()
            .create(&NewServer::named("main"), NOW)
            .await;
        let clock = ManualClock::new(NOW);
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        Self {
            identity: Identity::new(database.clone(), cost(64), shared).expect("identity"),
            server: server.expect("server"),
            database,
            clock,
            _folder: folder,
        }
    }

    /// A user with a password and the first of [`KEYS`].
    pub(crate) async fn user(&self, name: &str) -> User {
        let user = self.user_without_credentials(name).await;
        self.identity
            .set_password(user.id, &user.name, &secret(PASSWORD))
            .await
            .expect("password");
        self.identity
            .add_key(user.id, KEYS[0].0)
            .await
            .expect("key");
        user
    }

    pub(crate) async fn user_without_credentials(&self, name: &str) -> User {
        let name = UserName::parse(name).expect("name");
        let new = NewUser::new(self.server.id.clone(), name, "/bucket/home");
        self.database.users().create(new, NOW).await.expect("user")
    }

    async fn disable(&self, user: &User) {
        let changes = UserChanges {
            disabled: Some(true),
            ..UserChanges::default()
        };
        self.database
            .users()
            .update(user.id, changes, NOW)
            .await
            .expect("disable");
    }

    pub(crate) fn login(&self, name: &str) -> identity::Login {
        self.identity.login(&self.server.id, name, &peer())
    }

    pub(crate) async fn by_password(&self, name: &str, password: &str) -> Result<User, Refused> {
        let mut login = self.login(name);
        let done = login.authenticate_password(&secret(password)).await;
        done.map(|authenticated| authenticated.user().clone())
    }
}

#[tokio::test]
async fn a_user_gets_in_by_password() {
    let house = House::new().await;
    let user = house.user("acme").await;
    house.clock.advance(std::time::Duration::from_secs(5));
    let mut login = house.login("acme");
    let authenticated = login
        .authenticate_password(&secret(PASSWORD))
        .await
        .expect("in");
    assert_eq!(authenticated.user().id, user.id);
    assert_eq!(authenticated.server(), &house.server.id);
    assert_eq!(authenticated.method(), &Method::Password);
    assert_eq!(authenticated.peer(), &peer());
    assert_eq!(authenticated.time(), house.clock.now());
}

#[tokio::test]
async fn a_user_gets_in_by_any_of_his_keys() {
    let house = House::new().await;
    let user = house.user("acme").await;
    for (text, _) in &KEYS[1..] {
        house.identity.add_key(user.id, text).await.expect("key");
    }
    for (which, (_, fingerprint)) in KEYS.into_iter().enumerate() {
        let mut login = house.login("acme");
        assert!(login.offer_key(&blob(which)).await.expect("probe"));
        let authenticated = login.authenticate_key(&blob(which)).await.expect("in");
        let fingerprint = fingerprint.to_owned();
        assert_eq!(authenticated.method(), &Method::PublicKey { fingerprint });
    }
}

#[tokio::test]
async fn everybody_else_is_refused_alike_for_one_hash() {
    let house = House::new().await;
    house.user("acme").await;
    house.user_without_credentials("keys-only").await;
    let disabled = house.user("disabled").await;
    house.disable(&disabled).await;
    let too_long = "x".repeat(100_000);
    for (name, password, reason) in [
        ("acme", "wrong", "wrong_password"),
        ("acme", "", "wrong_password"),
        ("acme", &too_long, "wrong_password"),
        ("disabled", PASSWORD, "disabled"),
        ("disabled", "wrong", "wrong_password"),
        ("keys-only", PASSWORD, "no_password"),
        ("keys-only", "", "no_password"),
        ("nobody", PASSWORD, "unknown_user"),
        ("nobody", "", "unknown_user"),
        ("ACME", PASSWORD, "unknown_user"),
        ("acme ", PASSWORD, "unknown_user"),
        ("acme\0", PASSWORD, "unknown_user"),
        ("", PASSWORD, "unknown_user"),
        ("no/name", PASSWORD, "unknown_user"),
    ] {
        let before = house.identity.passwords().verifications();
        let refused = house.by_password(name, password).await.expect_err(name);
        assert_eq!(refused.reason(), reason, "{name}");
        assert_eq!(refused.kind(), ErrorKind::Denied);
        assert_eq!(refused.to_string(), "permission denied");
        let hashes = house.identity.passwords().verifications() - before;
        assert_eq!(hashes, 1, "{name}");
    }
}

#[tokio::test]
async fn wrong_keys_are_refused_alike_without_a_hash() {
    let house = House::new().await;
    house.user("acme").await;
    house.user_without_credentials("no-keys").await;
    let disabled = house.user("disabled").await;
    house.disable(&disabled).await;
    for (name, key, reason) in [
        ("acme", blob(1), "wrong_key"),
        ("acme", Vec::new(), "wrong_key"),
        ("acme", b"no key".to_vec(), "wrong_key"),
        ("no-keys", blob(0), "wrong_key"),
        ("disabled", blob(0), "disabled"),
        ("disabled", blob(1), "wrong_key"),
        ("nobody", blob(0), "unknown_user"),
        ("", blob(0), "unknown_user"),
    ] {
        let mut login = house.login(name);
        assert!(!login.offer_key(&key).await.expect("probe"), "{name}");
        let refused = login.authenticate_key(&key).await.expect_err(name);
        assert_eq!(refused.reason(), reason, "{name}");
        assert_eq!(refused.to_string(), "permission denied");
    }
    assert_eq!(house.identity.passwords().verifications(), 0);
}

#[tokio::test]
async fn a_connection_looks_a_user_up_once() {
    let house = House::new().await;
    let user = house.user("acme").await;
    let mut login = house.login("acme");
    assert!(!login.offer_key(&blob(1)).await.expect("probe"));
    house
        .database
        .users()
        .remove(user.id)
        .await
        .expect("remove");
    assert!(
        login
            .offer_key(&blob(0))
            .await
            .expect("still what was looked up")
    );
    assert!(login.authenticate_password(&secret(PASSWORD)).await.is_ok());
    let mut unknown = house.login("acme");
    assert!(!unknown.offer_key(&blob(0)).await.expect("probe"));
    house.user("acme").await;
    assert!(
        !unknown
            .offer_key(&blob(0))
            .await
            .expect("also where there was none")
    );
    assert!(
        house
            .login("acme")
            .offer_key(&blob(0))
            .await
            .expect("probe")
    );
}

#[tokio::test]
async fn a_user_of_another_server_is_unknown() {
    let house = House::new().await;
    house.user("acme").await;
    let other = NewServer::named("other");
    let other = house
        .database
        .servers()
        .create(&other, NOW)
        .await
        .expect("server");
    let mut login = house.identity.login(&other.id, "acme", &peer());
    assert!(!login.offer_key(&blob(0)).await.expect("probe"));
    let refused = login.authenticate_password(&secret(PASSWORD)).await;
    assert_eq!(refused.expect_err("unknown").reason(), "unknown_user");
}

#[tokio::test]
async fn a_database_that_is_away_is_not_the_users_fault() {
    let house = House::new().await;
    house.user("acme").await;
    house.database.close().await;
    let refused = house.by_password("acme", PASSWORD).await.expect_err("away");
    assert_eq!(
        (refused.kind(), refused.reason()),
        (ErrorKind::Unavailable, "unavailable")
    );
    assert_eq!(refused.to_string(), "permission denied");
    let mut login = house.login("acme");
    let refused = login.offer_key(&blob(0)).await.expect_err("away");
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_password_is_hashed_again_when_the_cost_has_changed() {
    let house = House::new().await;
    let user = house.user("acme").await;
    let clock: Arc<dyn Clock> = Arc::new(house.clock.clone());
    let dearer = Identity::new(house.database.clone(), cost(128), clock).expect("identity");
    let hash = async || {
        let read = house.database.users().by_id(user.id).await.expect("read");
        let hash = read.expect("there").password_hash.expect("set");
        hash.expose().split('$').nth(3).expect("cost").to_owned()
    };
    let mut wrong = dearer.login(&house.server.id, "acme", &peer());
    assert!(wrong.authenticate_password(&secret("wrong")).await.is_err());
    assert_eq!(hash().await, "m=64,t=1,p=1");
    let mut right = dearer.login(&house.server.id, "acme", &peer());
    assert!(right.authenticate_password(&secret(PASSWORD)).await.is_ok());
    assert_eq!(hash().await, "m=128,t=1,p=1");
    assert!(house.by_password("acme", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_new_password_replaces_the_old_one() {
    let house = House::new().await;
    let user = house.user("acme").await;
    let generated = identity::generate_password();
    house
        .identity
        .set_password(user.id, &user.name, &generated)
        .await
        .expect("set");
    assert!(house.by_password("acme", generated.expose()).await.is_ok());
    assert!(house.by_password("acme", PASSWORD).await.is_err());
    let short = house
        .identity
        .set_password(user.id, &user.name, &secret("short"))
        .await;
    assert_eq!(short.expect_err("short").kind(), ErrorKind::Invalid);
    let nobody = house
        .identity
        .set_password(model::UserId::generate(), &user.name, &generated)
        .await;
    assert_eq!(nobody.expect_err("nobody").kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_key_is_stored_once_and_only_if_it_is_one() {
    let house = House::new().await;
    let user = house.user("acme").await;
    let twice = house
        .identity
        .add_key(user.id, KEYS[0].0)
        .await
        .expect_err("twice");
    assert_eq!(twice.kind(), ErrorKind::Conflict);
    let wrong = house
        .identity
        .add_key(user.id, "nonsense")
        .await
        .expect_err("no key");
    assert_eq!(wrong.kind(), ErrorKind::Invalid);
    let row = house
        .identity
        .add_key(user.id, KEYS[4].0)
        .await
        .expect("key");
    assert_eq!(
        (row.algorithm.as_str(), row.fingerprint.as_str()),
        ("ssh-rsa", KEYS[4].1)
    );
    assert_eq!(row.comment, "me@laptop");
}
