//! The rows of the built-in users.

use super::{Method, NOT_ASKED, State, compare, logins};
use crate::clients::Client;
use crate::gate::{Gate, Known};

#[tokio::test(flavor = "multi_thread")]
async fn built_in_users_come_in_by_every_method_with_every_client() {
    let known = Method::ALL.map(|method| {
        let (methods, totp) = method.asked();
        Known {
            name: method.to_string(),
            provider: None,
            methods,
            totp,
        }
    });
    let gate = Gate::open_to("", &known).await;
    let outcome = |state, method: Method, client: usize, with: &Client| {
        if state != State::Up {
            return NOT_ASKED.to_owned();
        }
        match gate.admits(with, &method.to_string(), &method.login(client)) {
            true => "in".to_owned(),
            false => "refused".to_owned(),
        }
    };
    let found = tokio::task::block_in_place(|| logins(&State::ALL, &outcome));
    compare("built-in", &found);
    gate.assert_no_secret_is_logged();
}
