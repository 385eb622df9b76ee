//! The provider `http`, by way of OpenSSH's client.

use crate::clients::{Client, Login};
use crate::gate::{DEADLINE, Gate, ROLE};
use crate::web::{LIES, Web};

/// A provider of this name and URL.
pub(crate) fn provider(name: &str, url: &str) -> String {
    format!(
        "[[identity.provider]]\nname = {name:?}\nkind = \"http\"\n{DEADLINE}\n\
         [identity.provider.http]\nurl = {url:?}\n"
    )
}

async fn gate(web: &Web) -> Gate {
    let url = web.server.url();
    let mut providers = String::new();
    let names = LIES.map(|(name, _)| name);
    for name in names.into_iter().chain(["honest", "role"]) {
        providers += &provider(name, &format!("{url}/{name}"));
    }
    // Nobody listens on the port of discarded things.
    providers += &provider("down", "http://127.0.0.1:9");
    let gate = Gate::open(&providers).await;
    web.knows(gate.public_key());
    gate
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_an_api_come_in_by_key_and_by_password() {
    let web = Web::start().await;
    let gate = gate(&web).await;
    tokio::task::block_in_place(|| {
        for login in Login::ALL {
            assert!(
                gate.admits(&Client::OpenSsh, "bob@@honest", &login),
                "{login:?}"
            );
        }
        assert!(!gate.admits(&Client::OpenSsh, "bob@@honest", &Login::WrongPassword));
    });
    assert_eq!(
        gate.told("identity provider refused a user", "honest")
            .len(),
        1
    );
    let users = gate.node.command(&["user", "list"]).expect("listed");
    assert!(users.contains("bob@@honest"), "{users}");
    gate.assert_no_secret_is_logged();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_is_down_slow_or_lying_admits_nobody() {
    let web = Web::start().await;
    let gate = gate(&web).await;
    let all = LIES.into_iter().chain([("down", "Connection refused")]);
    tokio::task::block_in_place(|| {
        std::thread::scope(|threads| {
            let gate = &gate;
            for (name, text) in all {
                threads.spawn(move || {
                    for login in Login::ALL {
                        let user = format!("bob@@{name}");
                        assert!(
                            !gate.admits(&Client::OpenSsh, &user, &login),
                            "{name} {login:?}"
                        );
                    }
                    let errors = gate.errors(name);
                    assert_eq!(errors.len(), 2, "{name}: {errors:?}");
                    assert!(
                        errors.iter().all(|error| error.contains(text)),
                        "{errors:?}"
                    );
                });
            }
        });
    });
    assert_eq!(web.asked("/honest"), 0, "a redirect was followed");
    gate.assert_no_secret_is_logged();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_not_known_admits_nobody_and_is_named() {
    let web = Web::start().await;
    let mut gate = gate(&web).await;
    tokio::task::block_in_place(|| {
        for login in Login::ALL {
            assert!(
                !gate.admits(&Client::OpenSsh, "bob@@role", &login),
                "{login:?}"
            );
        }
    });
    let log = gate.node.log().expect("a log");
    assert!(log.contains("role/nobody-knows"), "{log}");
    assert!(!log.contains(ROLE), "{log}");
    let refused = gate.refusals().await;
    let users: Vec<&str> = refused.iter().map(|(user, _)| user.as_str()).collect();
    assert_eq!(users, ["bob@@role"; 2], "{refused:?}");
    for (_, detail) in &refused {
        assert_eq!(detail["reason"], "unknown_role", "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_keeps_failing_is_left_alone() {
    let web = Web::start().await;
    let gate = gate(&web).await;
    tokio::task::block_in_place(|| {
        for _ in 0..7 {
            assert!(!gate.admits(&Client::OpenSsh, "bob@@broken", &Login::Password));
        }
        assert!(gate.admits(&Client::OpenSsh, "bob@@honest", &Login::Password));
    });
    assert_eq!(web.asked("/broken"), 5);
    let alone = "identity provider keeps failing and is left alone";
    assert_eq!(gate.told(alone, "broken").len(), 1);
}
