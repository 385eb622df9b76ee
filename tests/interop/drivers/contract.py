"""The contract that every driver keeps, and what the drivers in Python share.

A driver is started once per operation:

    DRIVER [-VARIANT] HOST PORT USER PASSWORD KEYFILE WORKDIR OPERATION ARGUMENT...

PASSWORD or KEYFILE is `-`; beside KEYFILE stand KEYFILE.pub and KEYFILE.ppk. WORKDIR is the
driver's own scratch folder. Remote paths are absolute. The environment variable INTEROP_HOSTKEYS
lists the server's fingerprints. The operations:

    put LOCAL REMOTE             get REMOTE LOCAL            get-large REMOTE LOCAL
    put-tree LOCAL REMOTE        get-tree REMOTE LOCAL       (both folders; the target is new)
    ls REMOTE                    prints a name per line
    rename FROM TO               replace FROM TO             (TO exists; the client's own way)
    rm REMOTE                    mkdir REMOTE                rmdir REMOTE
    append WHOLE REMOTE LENGTH   REMOTE holds the first LENGTH bytes of WHOLE, and must hold all
    resume WHOLE REMOTE          REMOTE holds a beginning of WHOLE, and must hold all
    put-preserve LOCAL REMOTE    and REMOTE has LOCAL's time of modification
    mtime REMOTE                 prints it, in seconds

Exit status 0: done. 77: this client has no such operation. Anything else: it failed, and standard
error says how.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

UNSUPPORTED = 77


@dataclass
class Server:
    """Where to connect, and as whom."""

    variant: str
    host: str
    port: int
    user: str
    password: str | None
    keyfile: str | None
    workdir: Path


def main(operations):
    """Runs the operation that the command line names; ends the process."""
    arguments = sys.argv[1:]
    variant = arguments.pop(0) if arguments[0].startswith("-") else ""
    host, port, user, password, keyfile, workdir, operation, *rest = arguments
    server = Server(
        variant,
        host,
        int(port),
        user,
        None if password == "-" else password,
        None if keyfile == "-" else keyfile,
        Path(workdir),
    )
    fallback = {"replace": "rename", "get-large": "get"}.get(operation)
    function = operations.get(operation) or operations.get(fallback)
    if function is None:
        sys.exit(UNSUPPORTED)
    for line in function(server, *rest) or []:
        print(line)


def run(server, *command, stdin=None, env=None):
    """Runs a client to its end and returns what it printed; a failure ends the driver with its status."""
    done = subprocess.run(
        [str(word) for word in command],
        input=stdin,
        stdin=None if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        cwd=server.workdir,
        env={**os.environ, **(env or {})},
    )
    if done.returncode != 0:
        sys.stderr.write(done.stdout[-2000:])
        sys.exit(min(done.returncode, 76) if done.returncode > 0 else 1)
    return done.stdout


def ssh_options(server):
    """OpenSSH's options for a connection that depends on nobody's home directory."""
    options = [
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "GlobalKnownHostsFile=/dev/null",
        "LogLevel=ERROR",
        "BatchMode=no",
        "NumberOfPasswordPrompts=1",
        "ConnectTimeout=30",
    ]
    if server.keyfile:
        options += [
            f"IdentityFile={server.keyfile}",
            "IdentitiesOnly=yes",
            "PreferredAuthentications=publickey",
        ]
    else:
        options += ["PreferredAuthentications=password,keyboard-interactive"]
    words = ["-F", "none"]
    for option in options:
        words += ["-o", option]
    return words


def ssh_environment(server):
    """Lets OpenSSH ask a script for the password, since there is no terminal."""
    if server.keyfile:
        return {}
    script = server.workdir / "askpass"
    script.write_text('#!/bin/sh\nprintf "%s\\n" "$INTEROP_PASSWORD"\n')
    script.chmod(0o700)
    return {
        "SSH_ASKPASS": str(script),
        "SSH_ASKPASS_REQUIRE": "force",
        "INTEROP_PASSWORD": server.password,
    }


def tail(server, whole, length):
    """A file that holds WHOLE without its first LENGTH bytes."""
    path = server.workdir / "tail"
    path.write_bytes(Path(whole).read_bytes()[int(length):])
    return path


def host_keys():
    """The server's fingerprints, as `SHA256:...`."""
    return os.environ.get("INTEROP_HOSTKEYS", "").split()


def names_of_long_listing(text):
    """The names in lines as `ls -l` writes them, without `.` and `..`."""
    fields = (line.split(None, 8) for line in text.splitlines() if line[:1] in "-dl")
    names = (parts[8] for parts in fields if len(parts) == 9)
    return [name for name in names if name not in (".", "..")]
