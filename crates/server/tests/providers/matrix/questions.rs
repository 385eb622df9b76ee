//! The rows of providers that are asked by AWS Transfer's contract: an API, and a function that
//! Python really runs.

use std::path::Path;
use std::time::Duration;

use testkit::functions::{Function, Functions};

use super::{Kind, Method, NOBODY, State};
use crate::gate::DEADLINE;
use crate::lambda::{handler, write_accounts};
use crate::web::Web;

/// The lie that is told to each method: of those that are no answer, by their paths.
pub(super) const LIES: [&str; 5] = ["json", "huge", "redirect", "broken", "list"];

#[tokio::test(flavor = "multi_thread")]
async fn users_of_an_api_come_in_while_it_is_up_and_honest() {
    let web = Web::start().await;
    let table = |name: &str, state: State, method: Method| {
        let url = match state {
            State::Up | State::Role => format!("{}/honest", web.server.url()),
            State::Down => format!("http://{NOBODY}"),
            State::Slow => format!("{}/slow", web.server.url()),
            State::Lying => format!("{}/{}", web.server.url(), LIES[method.index()]),
        };
        crate::http::provider(name, &url).replace(DEADLINE, &state.bounds())
    };
    let kind = Kind {
        name: "http",
        user: "bob",
        table: &table,
    };
    kind.fill(async |gate| web.knows(gate.public_key())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_a_function_come_in_while_it_is_up_and_honest() {
    let folder = tempfile::tempdir().expect("a folder");
    let accounts = folder.path().join("accounts.json");
    let mut honest = Function::new("accounts", &handler("accounts.py"));
    let file = accounts.display().to_string();
    honest.environment.push(("ACCOUNTS_FILE", file));
    // The gateway's deadline is shorter.
    honest.timeout = Duration::from_secs(60);
    let mut slow = Function::new("slow", &handler("slow.py"));
    slow.timeout = Duration::from_secs(900);
    let functions = Functions::start(Path::new("/usr/bin/python3"), vec![honest, slow]).await;
    let (functions, web) = (functions.expect("functions"), Web::start().await);
    let table = |name: &str, state: State, method: Method| {
        let (function, endpoint) = match state {
            State::Up | State::Role => ("accounts", functions.url()),
            State::Down => ("accounts", format!("http://{NOBODY}")),
            State::Slow => ("slow", functions.url()),
            State::Lying => (
                "accounts",
                format!("{}/{}", web.server.url(), LIES[method.index()]),
            ),
        };
        crate::lambda::provider(name, function, &endpoint).replace(DEADLINE, &state.bounds())
    };
    let kind = Kind {
        name: "lambda",
        user: "bob",
        table: &table,
    };
    kind.fill(async |gate| write_accounts(&accounts, &gate.public_key()))
        .await;
}
