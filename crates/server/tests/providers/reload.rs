//! `[identity]` that is changed while the node runs: `pierhead reload`, by way of OpenSSH's client.

use std::process::Command;

use crate::clients::{Client, Login};
use crate::gate::Gate;
use crate::http::provider;
use crate::web::Web;

const USER: &str = "bob@@partners";

fn partners(url: &str) -> String {
    provider("partners", url)
}

fn comes_in(gate: &Gate, user: &str, login: Login) -> bool {
    tokio::task::block_in_place(|| gate.admits(&Client::OpenSsh, user, &login))
}

fn taken(gate: &Gate, providers: &str) -> String {
    let (taken, said) = tokio::task::block_in_place(|| gate.reload(providers));
    assert!(taken && !said.contains("needs restart"), "{said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_come_change_and_go_while_the_node_runs() {
    let web = Web::start().await;
    let url = web.server.url();
    let gate = Gate::open("").await;
    web.knows(gate.public_key());
    assert!(
        !comes_in(&gate, USER, Login::Password),
        "there is no provider"
    );

    let said = taken(&gate, &partners(&format!("{url}/honest")));
    assert!(
        said.contains("applied        identity.provider\n"),
        "{said}"
    );
    for login in Login::ALL {
        assert!(comes_in(&gate, USER, login), "{login:?}");
    }
    let plain = format!(
        "identity.default = \"partners\"\nidentity.methods = \"PUBLIC_KEY\"\n{}",
        partners(&format!("{url}/honest"))
    );
    taken(&gate, &plain);
    assert!(comes_in(&gate, "bob", Login::Key), "it is the default now");
    assert!(
        !comes_in(&gate, "bob", Login::Password),
        "keys alone are asked for"
    );

    taken(&gate, &partners(&format!("{url}/broken")));
    for login in Login::ALL {
        assert!(
            !comes_in(&gate, USER, login),
            "nothing is remembered of before"
        );
    }
    taken(&gate, "");
    assert!(!comes_in(&gate, USER, Login::Key), "it is gone");
    gate.assert_no_secret_is_logged();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_cannot_be_taken_over_changes_nothing() {
    let web = Web::start().await;
    let honest = partners(&format!("{}/honest", web.server.url()));
    let gate = Gate::open(&honest).await;
    web.knows(gate.public_key());
    for (wrong, why) in [
        (
            format!("{honest}ca_file = \"/no/such/file\"\n"),
            "/no/such/file",
        ),
        (
            format!("identity.revoked_keys = [\"/no/list\"]\n{honest}"),
            "/no/list",
        ),
        (
            format!("identity.default = \"nowhere\"\n{honest}"),
            "no provider",
        ),
    ] {
        // What could be taken over by itself is not.
        let wrong = format!("sftp.max_sessions = 1234\nidentity.methods = \"PASSWORD\"\n{wrong}");
        let (taken, said) = tokio::task::block_in_place(|| gate.reload(&wrong));
        assert!(!taken && said.contains(why), "{said}");
        assert!(comes_in(&gate, USER, Login::Key), "as before: {why}");
    }
    let said = taken(&gate, &format!("sftp.max_sessions = 1234\n{honest}"));
    assert!(
        said.contains("applied        sftp.max_sessions\n"),
        "{said}"
    );
}

/// Runs `ssh-keygen` where the node's files are.
fn keygen(gate: &Gate, arguments: &[&str]) {
    let mut command = Command::new("ssh-keygen");
    let made = command.current_dir(gate.folder()).args(arguments).output();
    let made = made.expect("ssh-keygen is installed");
    assert!(made.status.success(), "{arguments:?}: {made:?}");
}

/// The provider says who he is and knows no key of his; the certificate proves that it is he.
#[tokio::test(flavor = "multi_thread")]
async fn users_of_a_provider_come_in_by_certificates_while_their_authority_is_trusted() {
    let web = Web::start().await;
    let provider = partners(&format!("{}/certified", web.server.url()));
    let gate = Gate::open(&provider).await;
    web.knows(gate.public_key());
    keygen(&gate, &["-q", "-t", "ed25519", "-N", "", "-f", "ca"]);
    // OpenSSH shows `key-cert.pub` beside the key by itself.
    let sign = |principal: &str| {
        keygen(
            &gate,
            &["-q", "-s", "ca", "-I", "a test", "-n", principal, "key.pub"],
        );
    };
    sign(USER);
    assert!(
        !comes_in(&gate, USER, Login::Key),
        "there is no authority yet"
    );
    let file = gate.folder().join("ca.pub").display().to_string();
    let trusting = format!("identity.certificate_authorities = [{file:?}]\n{provider}");
    let said = taken(&gate, &trusting);
    assert!(
        said.contains("applied        identity.certificate_authorities\n"),
        "{said}"
    );
    assert!(comes_in(&gate, USER, Login::Key));
    sign("bob");
    assert!(
        !comes_in(&gate, USER, Login::Key),
        "that is a built-in user's name"
    );
    sign(USER);
    assert!(comes_in(&gate, USER, Login::Key));
    taken(&gate, &provider);
    assert!(
        !comes_in(&gate, USER, Login::Key),
        "nobody trusts it any more"
    );
}
