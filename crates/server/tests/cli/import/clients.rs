//! OpenSSH's `sftp`, as partners have it.

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a partner shows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shows<'a> {
    Password(&'a str),
    Key(&'a Path),
}

const ASKPASS: &str = "#!/bin/sh\nprintf '%s\\n' \"$LOGIN_PASSWORD\"\n";

/// Logs in and runs commands. What `sftp` printed; none where he is not let in. With `known_hosts`
/// the server must be the one that is known there.
pub(crate) fn sftp(
    address: SocketAddr,
    folder: &Path,
    user: &str,
    shows: Shows<'_>,
    known_hosts: Option<&Path>,
    commands: &str,
) -> Option<String> {
    let askpass = folder.join("askpass");
    if !askpass.exists() {
        std::fs::write(&askpass, ASKPASS).expect("written");
        std::fs::set_permissions(&askpass, std::fs::Permissions::from_mode(0o700)).expect("set");
    }
    let mut command = Command::new("sftp");
    command.args(["-F", "none", "-P", &address.port().to_string()]);
    let mut options: Vec<String> = [
        "NumberOfPasswordPrompts=1",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
    ]
    .map(str::to_owned)
    .to_vec();
    match known_hosts {
        Some(file) => options.extend([
            "StrictHostKeyChecking=yes".to_owned(),
            format!("UserKnownHostsFile={}", file.display()),
        ]),
        None => options.extend([
            "StrictHostKeyChecking=no".to_owned(),
            "UserKnownHostsFile=/dev/null".to_owned(),
        ]),
    }
    match shows {
        Shows::Key(file) => options.extend([
            "BatchMode=yes".to_owned(),
            "PreferredAuthentications=publickey".to_owned(),
            format!("IdentityFile={}", file.display()),
        ]),
        Shows::Password(password) => {
            // `-b` would forbid to ask for a password, unless this is said before it.
            options.extend([
                "BatchMode=no".to_owned(),
                "PreferredAuthentications=password".to_owned(),
            ]);
            command
                .env("LOGIN_PASSWORD", password)
                .env("SSH_ASKPASS", &askpass)
                .env("SSH_ASKPASS_REQUIRE", "force");
        }
    }
    for option in options {
        command.args(["-o", &option]);
    }
    let mut child = command
        .args(["-b", "-", &format!("{user}@{}", address.ip())])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sftp starts (package openssh-client)");
    // A client that is not let in reads nothing.
    let _ = child
        .stdin
        .take()
        .expect("piped")
        .write_all(commands.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(0) => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Some(255) if said.contains("Permission denied") => None,
        status => panic!("{user} by {shows:?} ({status:?}): {said}"),
    }
}
