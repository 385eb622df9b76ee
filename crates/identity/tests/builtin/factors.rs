//! What users have to show: several factors, one-time passwords, from where and until when.

use std::time::Duration;

use aws_lc_rs::hmac;
use database::{User, UserChanges, UserNetworks};
use identity::{AuthenticationMethods, Factor, Login, Method, Peer, Refused, Totp, TotpSettings};
use model::{Clock, Secret};

use crate::login::{House, PASSWORD, blob, peer, secret};

impl House {
    async fn change(&self, user: &User, changes: UserChanges) {
        let users = self.database.users();
        let changed = users.update(user.id, changes, self.clock.now()).await;
        changed.expect("changed");
    }

    async fn asks(&self, user: &User, methods: &str) {
        let changes = UserChanges {
            methods: Some(Some(methods.to_owned())),
            ..UserChanges::default()
        };
        self.change(user, changes).await;
    }

    /// The code that an app shows now (RFC 6238): from the secret, as any app makes it.
    fn code(&self, totp: &Totp) -> Secret<String> {
        let key = data_encoding::BASE32_NOPAD.decode(totp.base32().expose().as_bytes());
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key.expect("base32"));
        let step = self.clock.now().as_seconds() / 30;
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let offset = usize::from(tag.as_ref()[19] & 15);
        let number = tag.as_ref()[offset..offset + 4]
            .try_into()
            .expect("four bytes");
        let number = (u32::from_be_bytes(number) & 0x7fff_ffff) % 1_000_000;
        secret(&format!("{number:06}"))
    }
}

async fn shows_password(login: &mut Login) -> Result<Vec<Method>, Refused> {
    let shown = login.authenticate_password(&secret(PASSWORD)).await;
    shown.map(|authenticated| authenticated.methods().to_vec())
}

async fn shows_key(login: &mut Login) -> Result<Vec<Method>, Refused> {
    let shown = login.authenticate_key(&blob(0)).await;
    shown.map(|authenticated| authenticated.methods().to_vec())
}

fn reason(shown: &Result<Vec<Method>, Refused>) -> &'static str {
    shown.as_ref().map_or_else(Refused::reason, |_| "in")
}

#[tokio::test]
async fn each_method_takes_what_it_names_and_nothing_else() {
    let house = House::new().await;
    let user = house.user("acme").await;
    for (methods, by_key, by_password) in [
        ("PASSWORD", "not_accepted", "in"),
        ("PUBLIC_KEY", "in", "not_accepted"),
        ("PUBLIC_KEY_OR_PASSWORD", "in", "in"),
        ("PUBLIC_KEY_AND_PASSWORD", "incomplete", "incomplete"),
        ("no such methods", "incomplete", "incomplete"),
    ] {
        house.asks(&user, methods).await;
        let mut login = house.login("acme");
        let offered = login.offer_key(&blob(0)).await.expect("probe");
        assert_eq!(offered, by_key != "not_accepted", "{methods}");
        assert_eq!(reason(&shows_key(&mut login).await), by_key, "{methods}");
        let hashes = house.identity.passwords().verifications();
        let shown = shows_password(&mut house.login("acme")).await;
        assert_eq!(reason(&shown), by_password, "{methods}");
        assert_eq!(house.identity.passwords().verifications(), hashes + 1);
    }
}

#[tokio::test]
async fn both_are_wanted_in_either_order_and_neither_counts_twice() {
    let house = House::new().await;
    let user = house.user("acme").await;
    house.asks(&user, "PUBLIC_KEY_AND_PASSWORD").await;
    let mut login = house.login("acme");
    assert_eq!(login.accepted(), None, "nothing was shown yet");
    assert_eq!(reason(&shows_key(&mut login).await), "incomplete");
    assert_eq!(login.accepted(), Some(vec![Factor::Password]));
    assert_eq!(reason(&shows_key(&mut login).await), "not_accepted");
    assert!(!login.offer_key(&blob(0)).await.expect("probe"));
    let wrong = login.authenticate_password(&secret("wrong")).await;
    assert_eq!(wrong.expect_err("wrong").reason(), "wrong_password");
    let shown = shows_password(&mut login).await.expect("in");
    assert!(matches!(
        &shown[..],
        [Method::PublicKey { .. }, Method::Password]
    ));

    let mut login = house.login("acme");
    assert_eq!(reason(&shows_password(&mut login).await), "incomplete");
    assert_eq!(login.accepted(), Some(vec![Factor::PublicKey]));
    let wrong = login.authenticate_key(&blob(1)).await;
    assert_eq!(wrong.expect_err("wrong").reason(), "wrong_key");
    let authenticated = login.authenticate_key(&blob(0)).await.expect("in");
    assert_eq!(
        authenticated.method().as_str(),
        "publickey",
        "the key is what is followed"
    );
}

#[tokio::test]
async fn a_server_asks_its_own_methods_of_whoever_has_none() {
    let house = House::new().await;
    let user = house.user("acme").await;
    let identity = house.identity.clone();
    let identity = identity.with_methods(AuthenticationMethods::PublicKey);
    let mut login = identity.login(&house.server.id, "acme", &peer());
    assert_eq!(reason(&shows_password(&mut login).await), "not_accepted");
    house.asks(&user, "PASSWORD").await;
    let mut login = identity.login(&house.server.id, "acme", &peer());
    assert_eq!(reason(&shows_password(&mut login).await), "in");
}

#[tokio::test]
async fn a_one_time_password_comes_last_and_is_taken_once() {
    let house = House::new().await;
    let user = house.user("acme").await;
    let totp = house.identity.enrol_totp(&user).await.expect("enrolled");
    let code = house.code(&totp);
    let mut login = house.login("acme");
    let early = login.authenticate_code(&code).await.expect_err("early");
    assert_eq!(early.reason(), "not_accepted");
    assert_eq!(reason(&shows_password(&mut login).await), "incomplete");
    assert_eq!(login.accepted(), Some(vec![Factor::OneTimePassword]));
    for wrong in ["", "000", "abcdef"] {
        let wrong = login.authenticate_code(&secret(wrong)).await;
        assert_eq!(wrong.expect_err("wrong").reason(), "wrong_code");
    }
    // Somebody else has read it over the user's shoulder.
    let mut thief = house.login("acme");
    assert_eq!(reason(&shows_key(&mut thief).await), "incomplete");
    let (one, two) = tokio::join!(
        login.authenticate_code(&code),
        thief.authenticate_code(&code)
    );
    let outcomes = [one, two].map(|outcome| outcome.map_or_else(|no| no.reason(), |_| "in"));
    assert!(
        outcomes.contains(&"in") && outcomes.contains(&"used_code"),
        "{outcomes:?}"
    );

    house.clock.advance(Duration::from_secs(30));
    let mut again = house.login("acme");
    assert_eq!(reason(&shows_password(&mut again).await), "incomplete");
    let used = again.authenticate_code(&code).await.expect_err("used");
    assert_eq!(used.reason(), "used_code", "still of the window");
    let next = house.code(&totp);
    let authenticated = again.authenticate_code(&next).await.expect("in");
    assert_eq!(authenticated.methods().len(), 2);
}

#[tokio::test]
async fn one_time_passwords_are_taken_away_and_made_anew() {
    let house = House::new().await;
    let user = house.user("acme").await;
    let first = house.identity.enrol_totp(&user).await.expect("enrolled");
    let second = house.identity.enrol_totp(&user).await.expect("enrolled");
    assert_ne!(first.base32().expose(), second.base32().expose());
    let mut login = house.login("acme");
    assert_eq!(reason(&shows_password(&mut login).await), "incomplete");
    let old = login.authenticate_code(&house.code(&first)).await;
    assert_eq!(old.expect_err("old").reason(), "wrong_code");
    let now = house.clock.now();
    let users = house.database.users();
    users.set_totp(user.id, None, now).await.expect("removed");
    assert_eq!(
        reason(&shows_password(&mut house.login("acme")).await),
        "in"
    );
    let unknown = Totp::generate(TotpSettings::default()).expect("a secret");
    let mut login = house.login("nobody");
    let code = login.authenticate_code(&house.code(&unknown)).await;
    assert_eq!(code.expect_err("nobody").reason(), "not_accepted");
}

#[tokio::test]
async fn an_account_ends_when_it_expires() {
    let house = House::new().await;
    let user = house.user("acme").await;
    let end = house.clock.now().plus(Duration::from_secs(60));
    let changes = UserChanges {
        expires: Some(Some(end)),
        ..UserChanges::default()
    };
    house.change(&user, changes).await;
    let mut login = house.login("acme");
    let authenticated = login.authenticate_key(&blob(0)).await.expect("in");
    assert_eq!(authenticated.until(), Some(end));
    house.clock.advance(Duration::from_secs(60));
    let mut login = house.login("acme");
    assert!(!login.offer_key(&blob(0)).await.expect("probe"));
    assert_eq!(reason(&shows_key(&mut login).await), "expired");
    assert_eq!(reason(&shows_password(&mut login).await), "expired");
    let wrong = login.authenticate_password(&secret("wrong")).await;
    assert_eq!(wrong.expect_err("wrong").reason(), "wrong_password");
}

#[tokio::test]
async fn a_user_comes_from_his_networks_alone() {
    let house = House::new().await;
    let user = house.user("acme").await;
    for (allow, deny, expected) in [
        (&["192.0.2.0/24"][..], &[][..], "in"),
        (&["192.0.2.0/24"], &["192.0.2.1"], "network"),
        (&["198.51.100.0/24"], &[], "network"),
        (&[], &["192.0.2.0/24"], "network"),
        (&["nonsense"], &[], "network"),
    ] {
        let texts = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let changes = UserChanges {
            networks: Some(UserNetworks {
                allow: texts(allow),
                deny: texts(deny),
            }),
            ..UserChanges::default()
        };
        house.change(&user, changes).await;
        let shown = shows_password(&mut house.login("acme")).await;
        assert_eq!(reason(&shown), expected, "{allow:?} {deny:?}");
    }
    let mapped = Peer::new("[::ffff:192.0.2.1]:50000".parse().expect("address"));
    let mut login = house.identity.login(&house.server.id, "acme", &mapped);
    assert_eq!(reason(&shows_password(&mut login).await), "network");
}

#[tokio::test]
async fn the_last_login_is_noted_to_the_minute() {
    let house = House::new().await;
    let user = house.user("acme").await;
    let noted = async || {
        let read = house.database.users().by_id(user.id).await;
        read.expect("read").expect("there").last_login
    };
    assert_eq!(noted().await, None);
    shows_password(&mut house.login("acme")).await.expect("in");
    let first = house.clock.now();
    assert_eq!(noted().await, Some(first));
    house.clock.advance(Duration::from_secs(59));
    shows_key(&mut house.login("acme")).await.expect("in");
    assert_eq!(noted().await, Some(first));
    house.clock.advance(Duration::from_secs(1));
    shows_key(&mut house.login("acme")).await.expect("in");
    assert_eq!(noted().await, Some(house.clock.now()));
}
