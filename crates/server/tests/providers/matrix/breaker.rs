//! Providers of every kind that keep failing are left alone, and one broken user leaves nobody alone.

use testkit::ldap::{Authority, Slapd};

use super::NOBODY;
use crate::clients::{Client, Login};
use crate::gate::{DEADLINE, Gate};
use crate::ldap::{Directory, slapd_group};
use crate::web::Web;

/// What the log says of it. How long it lasts is the breaker's own tests' to say.
const ALONE: &str = "identity provider keeps failing and is left alone";

fn by_password(gate: &Gate, user: &str) -> bool {
    gate.admits(&Client::OpenSsh, user, &Login::Password)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_of_any_kind_that_keeps_failing_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new(folder.path()).expect("an authority");
    let url = format!("http://{NOBODY}");
    let directory = Directory {
        name: "ldap",
        deadline: DEADLINE,
        url: format!("ldaps://{NOBODY}"),
        ca_file: authority.ca_file(),
        account: Slapd::SERVICE,
        table: format!("base = {:?}", Slapd::BASE),
    };
    let tables = [
        crate::http::provider("http", &url),
        crate::lambda::provider("lambda", "accounts", &url),
        crate::moto::table("dynamodb", "users", &url),
        directory.settings(&slapd_group()),
    ];
    let gate = Gate::open(&tables.concat()).await;
    tokio::task::block_in_place(|| {
        std::thread::scope(|threads| {
            for name in ["http", "lambda", "dynamodb", "ldap"] {
                let gate = &gate;
                threads.spawn(move || {
                    for failures in 1..=5 {
                        assert!(!by_password(gate, &format!("bob@@{name}")), "{name}");
                        let alone = gate.told(ALONE, name).len();
                        assert_eq!(alone, usize::from(failures == 5), "{name}: {failures}");
                    }
                });
            }
        });
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_whose_answer_is_broken_keeps_nobody_else_out() {
    let web = Web::start().await;
    let url = format!("{}/picky", web.server.url());
    let gate = Gate::open(&crate::http::provider("picky", &url)).await;
    web.knows(gate.public_key());
    tokio::task::block_in_place(|| {
        for _ in 0..6 {
            assert!(!by_password(&gate, "broken@@picky"));
        }
        assert!(by_password(&gate, "bob@@picky"), "the provider is well");
    });
    let errors = gate.errors("picky");
    assert_eq!(errors.len(), 6, "{errors:?}");
    assert!(gate.told(ALONE, "picky").is_empty());
    let why = "Role: it must be a string";
    assert!(errors.iter().all(|error| error.contains(why)), "{errors:?}");
}
