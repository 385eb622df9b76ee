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
}

impl Login {
    pub(crate) const ALL: [Self; 2] = [Self::Key, Self::Password];

    fn password(self) -> &'static str {
        match self {
            Self::WrongPassword => "fawrawt45245 wrong",
            _ => PASSWORD,
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

const ASKPASS: &str = "#!/bin/sh\nprintf '%s\\n' \"$LOGIN_PASSWORD\"\n";

const PARAMIKO: &str = r"
import os, sys, paramiko
host, port, user, key = sys.argv[1:]
client = paramiko.SSHClient()
client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
try:
    client.connect(host, int(port), user, os.environ.get('LOGIN_PASSWORD'), key_filename=key or None,
                   allow_agent=False, look_for_keys=False, timeout=30, auth_timeout=60)
except paramiko.AuthenticationException:
    sys.exit(255)
with client.open_sftp() as sftp, sftp.open('hello', 'w') as file:
    file.write('hello')
client.close()
";

impl Client {
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
                let refused =
                    matches!(self, Self::Paramiko(_)) || said.contains("Permission denied");
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
    match login {
        Login::Key => {
            options.extend(["BatchMode=yes", "PreferredAuthentications=publickey", &key]);
        }
        // `-b` would forbid to ask for a password, unless this is said before it.
        _ => options.extend(["BatchMode=no", "PreferredAuthentications=password"]),
    }
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
    let key = match login {
        Login::Key => folder.join("key").display().to_string(),
        _ => String::new(),
    };
    let mut command = Command::new(python);
    let host = address.ip().to_string();
    command.args([
        "-c",
        PARAMIKO,
        &host,
        &address.port().to_string(),
        user,
        &key,
    ]);
    command
}
