//! paramiko, which partners script with: each method, several, and one-time passwords by
//! `keyboard-interactive`.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use crate::methods::code;
use crate::world::{PASSWORD, World};

/// Logs in by the methods that it is given, one after the other, and lists the home.
const SCRIPT: &str = r#"
import sys
import threading
import paramiko
from paramiko.auth_handler import AuthOnlyHandler
from paramiko.transport import ServiceRequestingTransport

port, methods, password, code = int(sys.argv[1]), sys.argv[2].split(","), sys.argv[3], sys.argv[4]
key = paramiko.Ed25519Key.from_private_key_file("id")

def answers(title, instructions, prompts):
    return [code if "erification" in prompt else password for prompt, _ in prompts]

class Handler(AuthOnlyHandler):
    """paramiko's own makes its event behind the request, and waits in vain where the answer was
    faster; this one makes it before."""

    answered = None

    def send_auth_request(self, *arguments, **named):
        self.answered = threading.Event()
        return super().send_auth_request(*arguments, **named)

    @property
    def auth_event(self):
        return self.answered

    @auth_event.setter
    def auth_event(self, event):
        pass

# The older Transport asks for the authentication service again before each method; russh answers
# that once, as docs/IDENTITY.md says.
class Transport(ServiceRequestingTransport):
    def get_auth_handler(self):
        return Handler(self)

transport = Transport(("127.0.0.1", port))
try:
    transport.start_client(timeout=30)
    for method in methods:
        if method == "publickey":
            transport.auth_publickey("acme", key)
        elif method == "password":
            transport.auth_password("acme", password, fallback=False)
        else:
            transport.auth_interactive("acme", answers)
    if not transport.is_authenticated():
        raise paramiko.AuthenticationException("more is wanted")
    paramiko.SFTPClient.from_transport(transport).listdir(".")
    print("in")
except (paramiko.AuthenticationException, paramiko.SSHException, EOFError) as error:
    print("refused", type(error).__name__, error)
finally:
    transport.close()
"#;

/// The interpreter beside moto's server, in the environment that `cargo xtask setup` makes.
fn python() -> PathBuf {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests are told by their runner, through the environment"
    )]
    let moto = std::env::var("PIERHEAD_TEST_MOTO").expect("PIERHEAD_TEST_MOTO names moto_server");
    PathBuf::from(moto).with_file_name("python3")
}

impl World {
    async fn paramiko(&self, methods: &str, password: &str, code: &str) -> bool {
        self.shown_by_paramiko(methods, password, code)
            .await
            .starts_with("in")
    }

    /// What the script said.
    async fn shown_by_paramiko(&self, methods: &str, password: &str, code: &str) -> String {
        let port = self.address.port().to_string();
        let mut command = Command::new(python());
        command
            .current_dir(self.folder.path())
            .args(["-c", SCRIPT, &port, methods, password, code])
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = command.output().await.expect("python runs");
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{shown}\n{errors}");
        assert!(
            shown.starts_with("in") || shown.starts_with("refused"),
            "{shown}"
        );
        shown
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs paramiko, beside the moto_server that PIERHEAD_TEST_MOTO names; cargo xtask test runs it"]
async fn gets_in_by_what_is_asked_for_and_by_nothing_else() {
    let world = World::new().await;
    for (methods, shown, expected) in [
        ("PASSWORD", "password", true),
        ("PUBLIC_KEY", "publickey", true),
        ("PUBLIC_KEY_OR_PASSWORD", "password", true),
        ("PUBLIC_KEY_AND_PASSWORD", "publickey", false),
        ("PUBLIC_KEY_AND_PASSWORD", "publickey,password", true),
        ("PUBLIC_KEY_AND_PASSWORD", "password,publickey", true),
        (
            "PUBLIC_KEY_AND_PASSWORD",
            "publickey,keyboard-interactive",
            true,
        ),
    ] {
        world.asks(methods).await;
        let said = world.shown_by_paramiko(shown, PASSWORD, "").await;
        assert_eq!(
            said.starts_with("in"),
            expected,
            "{methods} by {shown}: {said}"
        );
    }
    assert!(!world.paramiko("password", "wrong", "").await);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs paramiko, beside the moto_server that PIERHEAD_TEST_MOTO names; cargo xtask test runs it"]
async fn answers_two_prompts_where_a_one_time_password_is_wanted() {
    let world = World::new().await;
    let totp = world.enrol().await;
    assert!(!world.paramiko("password", PASSWORD, "").await);
    assert!(
        !world
            .paramiko("keyboard-interactive", PASSWORD, "000000x")
            .await
    );
    let now = code(&totp, 0);
    assert!(world.paramiko("keyboard-interactive", PASSWORD, &now).await);
    assert!(
        !world.paramiko("keyboard-interactive", PASSWORD, &now).await,
        "used"
    );
    let next = code(&totp, 1);
    assert!(
        world
            .paramiko("publickey,keyboard-interactive", PASSWORD, &next)
            .await
    );
    world.stop().await;
}
