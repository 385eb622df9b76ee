//! What users have to show, by OpenSSH's own client: each method, several, one-time passwords.

use aws_lc_rs::hmac;
use database::UserChanges;
use identity::Totp;
use model::{Clock, SystemClock};

use crate::world::{PASSWORD, World};

impl World {
    pub(crate) async fn asks(&self, methods: &str) {
        let changes = UserChanges {
            methods: Some(Some(methods.to_owned())),
            ..UserChanges::default()
        };
        let users = self.database.users();
        let changed = users.update(self.user.id, changes, SystemClock.now()).await;
        changed.expect("changed");
    }

    pub(crate) async fn enrol(&self) -> Totp {
        self.identity
            .enrol_totp(&self.user)
            .await
            .expect("enrolled")
    }
}

/// The code that an app shows so many periods from now (RFC 6238).
pub(crate) fn code(totp: &Totp, periods: i64) -> String {
    let key = data_encoding::BASE32_NOPAD.decode(totp.base32().expose().as_bytes());
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key.expect("base32"));
    let step = SystemClock.now().as_seconds() / 30 + periods;
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let offset = usize::from(tag.as_ref()[19] & 15);
    let number = tag.as_ref()[offset..offset + 4].try_into().expect("four");
    format!(
        "{:06}",
        (u32::from_be_bytes(number) & 0x7fff_ffff) % 1_000_000
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn openssh_gets_in_by_what_is_asked_for_and_by_nothing_else() {
    let world = World::new().await;
    for (methods, shown, expected) in [
        ("PASSWORD", "password", true),
        ("PASSWORD", "keyboard-interactive", true),
        ("PASSWORD", "publickey", false),
        ("PUBLIC_KEY", "publickey", true),
        ("PUBLIC_KEY", "password,keyboard-interactive", false),
        ("PUBLIC_KEY_OR_PASSWORD", "publickey", true),
        ("PUBLIC_KEY_OR_PASSWORD", "password", true),
        ("PUBLIC_KEY_AND_PASSWORD", "publickey,password", true),
        ("PUBLIC_KEY_AND_PASSWORD", "password,publickey", true),
        (
            "PUBLIC_KEY_AND_PASSWORD",
            "keyboard-interactive,publickey",
            true,
        ),
        ("PUBLIC_KEY_AND_PASSWORD", "publickey", false),
        (
            "PUBLIC_KEY_AND_PASSWORD",
            "password,keyboard-interactive",
            false,
        ),
    ] {
        world.asks(methods).await;
        let is_in = world.logs_in(shown, PASSWORD, "").await;
        assert_eq!(is_in, expected, "{methods} by {shown}");
    }
    assert!(!world.logs_in("publickey,password", "wrong", "").await);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openssh_is_asked_for_a_one_time_password_behind_the_rest() {
    let world = World::new().await;
    let totp = world.enrol().await;
    for shown in ["password", "publickey"] {
        assert!(!world.logs_in(shown, PASSWORD, "").await, "{shown} alone");
    }
    let both = "publickey,keyboard-interactive";
    assert!(!world.logs_in(both, PASSWORD, "000000x").await);
    assert!(
        !world
            .logs_in("keyboard-interactive", "wrong", &code(&totp, 0))
            .await
    );
    // Each from the window, and each taken once. The last is taken first, so that the clock may
    // move on meanwhile.
    let now = code(&totp, 0);
    assert!(world.logs_in("keyboard-interactive", PASSWORD, &now).await);
    assert!(!world.logs_in(both, PASSWORD, &now).await, "used");
    let next = code(&totp, 1);
    assert!(world.logs_in(both, PASSWORD, &next).await);
    world.asks("PUBLIC_KEY_AND_PASSWORD").await;
    let totp = world.enrol().await;
    let all = "publickey,password,keyboard-interactive";
    assert!(
        !world.logs_in(all, PASSWORD, &next).await,
        "of another secret"
    );
    assert!(world.logs_in(all, PASSWORD, &code(&totp, 0)).await);
    world.stop().await;
}
