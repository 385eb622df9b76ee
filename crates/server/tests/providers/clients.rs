//! Real clients that log in, put a file and go.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::gate::PASSWORD;

/// What the user shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login {
    Key,
    Password,
    WrongPassword,
    /// His key, then his password.
    KeyAndPassword,
    /// His password, by `keyboard-interactive`.
    Interactive,
    /// His password and this one-time password, by `keyboard-interactive`.
    Code(u32),
}

impl Login {
    pub(crate) const ALL: [Self; 2] = [Self::Key, Self::Password];

    fn password(self) -> &'static str {
        match self {
            Self::WrongPassword => "fawrawt45245 wrong",
            _ => PASSWORD,
        }
    }

    /// As SSH names what is tried, in this order.
    fn methods(self) -> &'static str {
        match self {
            Self::Key => "publickey",
            Self::Password | Self::WrongPassword => "password",
            Self::KeyAndPassword => "publickey,password",
            Self::Interactive | Self::Code(_) => "keyboard-interactive",
        }
    }
}

/// A program that people log in with.
#[derive(Debug, Clone)]
pub(crate) enum Client {
    /// OpenSSH's `sftp`; passwords come from a real `SSH_ASKPASS`.
    OpenSsh,
    /// paramiko, by the interpreter that has it.
    Paramiko(PathBuf),
}

/// What OpenSSH says of a refusal. Where nobody could decide it is told so and put out, maybe while
/// it sends the next of what it has.
const REFUSED: [&str; 5] = [
    "Permission denied",
    "logins cannot be checked at the moment",
    "Connection closed by",
    "Connection reset by",
    "Broken pipe",
];

const ASKPASS: &str = r#"#!/bin/sh
case "$1" in
*erification*) printf '%s\n' "$LOGIN_CODE" ;;
*) printf '%s\n' "$LOGIN_PASSWORD" ;;
esac
"#;

/// paramiko's own handler makes its event behind the request, and waits in vain where the answer
/// was faster; this one makes it before. The older `Transport` asks for the authentication service
/// before each method, which is answered once.
const PARAMIKO: &str = r"
import os, sys, threading, paramiko
from paramiko.auth_handler import AuthOnlyHandler
from paramiko.transport import ServiceRequestingTransport

host, port, user, key, methods = sys.argv[1:]
password, code = os.environ.get('LOGIN_PASSWORD'), os.environ.get('LOGIN_CODE')

class Handler(AuthOnlyHandler):
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

class Transport(ServiceRequestingTransport):
    def get_auth_handler(self):
        return Handler(self)

def answers(title, instructions, prompts):
    return [code if 'erification' in prompt else password for prompt, _ in prompts]

transport = Transport((host, int(port)))
transport.auth_timeout = 60
try:
    transport.start_client(timeout=30)
    for method in methods.split(','):
        if method == 'publickey':
            transport.auth_publickey(user, paramiko.Ed25519Key.from_private_key_file(key))
        elif method == 'password':
            transport.auth_password(user, password, fallback=False)
        else:
            transport.auth_interactive(user, answers)
except (paramiko.AuthenticationException, paramiko.SSHException, EOFError) as error:
    print(type(error).__name__, error, file=sys.stderr)
    sys.exit(255)
if not transport.is_authenticated():
    sys.exit(255)
with paramiko.SFTPClient.from_transport(transport) as sftp, sftp.open('hello', 'w') as file:
    file.write('hello')
transport.close()
";

/// Both clients. paramiko is what `cargo xtask setup` installed.
pub(crate) fn both() -> [Client; 2] {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join(".tools/venv/bin/python3");
    assert!(
        python.exists(),
        "there is no paramiko: run `cargo xtask setup`"
    );
    [Client::OpenSsh, Client::Paramiko(python)]
}

impl Client {
    /// As the table of all logins names it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::OpenSsh => "openssh",
            Self::Paramiko(_) => "paramiko",
        }
    }

    /// Logs in and puts a file `hello`. False where he is not let in; anything else that fails
    /// fails the test.
    pub(crate) fn login(
        &self,
        address: SocketAddr,
        folder: &Path,
        user: &str,
        login: &Login,
    ) -> bool {
        let (mut command, input) = match self {
            Self::OpenSsh => (sftp(address, folder, user, *login), "put hello\n"),
            Self::Paramiko(python) => (paramiko(python, address, folder, user, *login), ""),
        };
        if *login != Login::Key {
            command.env("LOGIN_PASSWORD", login.password());
        }
        if let Login::Code(code) = login {
            command.env("LOGIN_CODE", format!("{code:06}"));
        }
        std::fs::write(folder.join("hello"), "hello").expect("written");
        let mut child = command
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the client starts");
        let mut stdin = child.stdin.take().expect("piped");
        // A client that is not let in reads nothing.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            Some(0) => true,
            Some(255) => {
                let refused = REFUSED.iter().any(|text| said.contains(text));
                let refused = refused || matches!(self, Self::Paramiko(_));
                assert!(refused, "{user} by {login:?}: {said}");
                false
            }
            status => panic!("{user} by {login:?} ({status:?}): {said}"),
        }
    }
}

fn sftp(address: SocketAddr, folder: &Path, user: &str, login: Login) -> Command {
    let mut command = Command::new("sftp");
    command.args(["-F", "none", "-P", &address.port().to_string()]);
    let mut options = vec![
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "NumberOfPasswordPrompts=1",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
    ];
    let key = format!("IdentityFile={}", folder.join("key").display());
    let methods = format!("PreferredAuthentications={}", login.methods());
    options.push(&methods);
    if matches!(login, Login::Key | Login::KeyAndPassword) {
        options.push(&key);
    }
    options.push(match login {
        Login::Key => "BatchMode=yes",
        // `-b` would forbid to ask for a password, unless this is said before it.
        _ => "BatchMode=no",
    });
    for option in options {
        command.args(["-o", option]);
    }
    command.args(["-b", "-", &format!("{user}@{}", address.ip())]);
    command.env("SSH_ASKPASS", askpass(folder));
    command.env("SSH_ASKPASS_REQUIRE", "force");
    command
}

/// Made once, in a way that nobody runs it half written.
fn askpass(folder: &Path) -> PathBuf {
    let file = folder.join("askpass");
    if !file.exists() {
        let new = tempfile::NamedTempFile::new_in(folder).expect("a file");
        std::fs::write(new.path(), ASKPASS).expect("written");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(new.path(), mode).expect("set");
        let (_, path) = new.keep().expect("kept");
        std::fs::rename(path, &file).expect("renamed");
    }
    file
}

fn paramiko(
    python: &Path,
    address: SocketAddr,
    folder: &Path,
    user: &str,
    login: Login,
) -> Command {
    let key = folder.join("key").display().to_string();
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let mut command = Command::new(python);
    command.args(["-c", PARAMIKO, &host, &port, user, &key, login.methods()]);
    command
}
