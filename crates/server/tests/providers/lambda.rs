//! The provider `lambda`, by way of OpenSSH's client, with functions that Python really runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use testkit::functions::{Function, Functions};

use crate::clients::{Client, Login};
use crate::gate::{DEADLINE, Gate, PASSWORD, ROLE};
use crate::web::{LIES, Web};

/// A provider of this name and function.
pub(crate) fn provider(name: &str, function: &str, endpoint: &str) -> String {
    format!(
        "[[identity.provider]]\nname = {name:?}\nkind = \"lambda\"\n{DEADLINE}\n\
         [identity.provider.lambda]\nfunction = {function:?}\nregion = \"eu-west-1\"\n\
         endpoint = {endpoint:?}\nserver_id = \"s-36d2dbb2bb8941f59\"\n\
         access_key_id = \"testing\"\nsecret_access_key = \"testing\"\n"
    )
}

/// A handler of `tests/identity`.
pub(crate) fn handler(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join("tests/identity").join(name)
}

/// What functions do that admit nobody, and what the log says of it.
const FUNCTIONS: [(&str, &str); 3] = [
    ("slow", "it did not answer within 2s"),
    ("crashing", "the function failed with KeyError"),
    ("unknown", "ResourceNotFoundException"),
];

/// The file that holds the accounts, once the users' key is known.
async fn functions(accounts: &Path) -> Functions {
    let mut directory = Function::new("accounts", &handler("accounts.py"));
    directory
        .environment
        .push(("ACCOUNTS_FILE", accounts.display().to_string()));
    let mut slow = Function::new("slow", &handler("slow.py"));
    slow.timeout = Duration::from_secs(900);
    let rest = ["crashing", "refusing"];
    let rest = rest.map(|name| Function::new(name, &handler(&format!("{name}.py"))));
    let all = [directory, slow].into_iter().chain(rest).collect();
    let functions = Functions::start(Path::new("/usr/bin/python3"), all).await;
    functions.expect("functions")
}

async fn gate(functions: &Functions, web: &Web) -> Gate {
    let mut providers = provider("honest", "accounts", &functions.url());
    providers += &provider("refusing", "refusing", &functions.url());
    for (name, _) in FUNCTIONS {
        providers += &provider(name, name, &functions.url());
    }
    // An endpoint that is everything but Lambda.
    for (name, _) in LIES {
        let endpoint = format!("{}/{name}", web.server.url());
        providers += &provider(&format!("no-{name}"), "accounts", &endpoint);
    }
    providers += &provider("down", "accounts", "http://127.0.0.1:9");
    Gate::open(&providers).await
}

pub(crate) fn write_accounts(file: &Path, key: &str) {
    let answer = json!({ "Role": ROLE, "HomeDirectoryType": "LOGICAL",
        "HomeDirectoryDetails": r#"[{"Entry":"/","Target":"/inbox/bob"}]"# });
    let bob = json!({ "bob": { "password": PASSWORD, "keys": [key], "answer": answer } });
    std::fs::write(file, bob.to_string()).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_a_function_come_in_by_key_and_by_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let accounts = folder.path().join("accounts.json");
    let (functions, web) = (functions(&accounts).await, Web::start().await);
    let gate = gate(&functions, &web).await;
    write_accounts(&accounts, &gate.public_key());
    tokio::task::block_in_place(|| {
        for login in Login::ALL {
            assert!(
                gate.admits(&Client::OpenSsh, "bob@@honest", &login),
                "{login:?}"
            );
        }
        assert!(!gate.admits(&Client::OpenSsh, "bob@@honest", &Login::WrongPassword));
        assert!(!gate.admits(&Client::OpenSsh, "bob@@refusing", &Login::Password));
    });
    gate.assert_no_secret_is_logged();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_down_slow_or_lying_admits_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let (functions, web) = (
        functions(&folder.path().join("none")).await,
        Web::start().await,
    );
    let gate = gate(&functions, &web).await;
    let lying = LIES.map(|(name, _)| (format!("no-{name}"), ""));
    let ours = FUNCTIONS.map(|(name, text)| (name.to_owned(), text));
    let down = [("down".to_owned(), "Connection refused")];
    tokio::task::block_in_place(|| {
        std::thread::scope(|threads| {
            let gate = &gate;
            for (name, text) in ours.into_iter().chain(lying).chain(down) {
                threads.spawn(move || {
                    for login in Login::ALL {
                        let user = format!("bob@@{name}");
                        assert!(
                            !gate.admits(&Client::OpenSsh, &user, &login),
                            "{name} {login:?}"
                        );
                    }
                    let errors = gate.errors(&name);
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
