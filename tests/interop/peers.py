"""What clients connect to: the gateway over one of its stores, or OpenSSH's server for reference."""

import contextlib
import json
import os
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from buckets import FolderBucket, S3Bucket

START_SECONDS = 60

MOTO_SERVER = Path(__file__).parents[2] / "crates/testkit/src/moto/server.py"

# Processes that lead a session of their own, to be ended if the run is.
running = set()


@dataclass
class Peer:
    """A running server, and the bucket behind it."""

    port: int
    user: str
    password: str | None
    bucket: object
    # What remote paths begin with.
    root: str = ""
    host: str = "127.0.0.1"

    def fingerprints(self):
        scan = subprocess.run(
            ["ssh-keyscan", "-p", str(self.port), self.host], capture_output=True, text=True, timeout=60
        ).stdout
        listed = subprocess.run(
            ["ssh-keygen", "-l", "-f", "-"], input=scan, capture_output=True, text=True, check=True
        ).stdout
        return [line.split()[1] for line in listed.splitlines()]


@contextlib.contextmanager
def started(command, log, env=None):
    """A process with its output in `log`; ended, and waited for, at the end."""
    with open(log, "ab") as stderr:
        process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=stderr, env={**os.environ, **(env or {})}, start_new_session=True,
        )
    running.add(process.pid)
    try:
        yield process
    finally:
        running.discard(process.pid)
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def first_object(process, what):
    """The first JSON object that a process prints; its later output is drained."""
    timer = threading.Timer(START_SECONDS, process.kill)
    timer.start()
    text = ""
    try:
        for line in process.stdout:
            text += line.decode()
            with contextlib.suppress(ValueError):
                found = json.loads(text)
                threading.Thread(target=process.stdout.read, daemon=True).start()
                return found
    finally:
        timer.cancel()
    raise RuntimeError(f"{what} ended, or printed no JSON object within {START_SECONDS} s: {text!r}")


def wait_for_port(port, process):
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"nothing listens on port {port}")
        time.sleep(0.05)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def gateway(settings, store, workdir, key):
    """`pierhead up` over `store`: local, s3 (testkit's server) or moto."""
    data = workdir / "data"
    with contextlib.ExitStack() as stack:
        command = [settings.binary, "up", "--data", data, "--json"]
        command += ["--sftp", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
        environment = {}
        bucket = None
        if store != "local":
            account = stack.enter_context(S3_SERVERS[store](settings, workdir))
            environment = {
                "AWS_ACCESS_KEY_ID": account.access_key,
                "AWS_SECRET_ACCESS_KEY": account.secret_key,
                "AWS_REGION": "us-east-1",
            }
            bucket = account.bucket()
            command += ["--s3", f"s3://{bucket.bucket}/partners", "--endpoint", account.endpoint]
        process = stack.enter_context(started(command, workdir / "pierhead.log", environment))
        said = first_object(process, "pierhead up")
        subprocess.run(
            [settings.binary, "user", "key", "add", said["user"], f"{key}.pub", "--data", data],
            check=True, stdout=subprocess.DEVNULL, env={**os.environ, **environment},
        )
        yield Peer(
            port=int(said["sftp"].rsplit(":", 1)[1]),
            user=said["user"],
            password=said["password"],
            bucket=bucket or FolderBucket(data),
        )


@dataclass
class Account:
    """An S3 endpoint, and who may use it."""

    endpoint: str
    access_key: str
    secret_key: str

    def bucket(self, name="interop"):
        """A new bucket."""
        import boto3
        from botocore.config import Config

        client = boto3.client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1",
            aws_access_key_id=self.access_key, aws_secret_access_key=self.secret_key,
            config=Config(s3={"addressing_style": "path"}, max_pool_connections=16),
        )
        client.create_bucket(Bucket=name)
        return S3Bucket(client, name)


@contextlib.contextmanager
def testkit_server(settings, workdir):
    """testkit's in-memory S3, as a process of its own."""
    with started([settings.s3_server], workdir / "s3-server.log") as process:
        yield Account(**first_object(process, "the S3 server of testkit"))


@contextlib.contextmanager
def moto_server(settings, workdir):
    port = free_port()
    command = [settings.tools / "venv/bin/python3", MOTO_SERVER, "-H", "127.0.0.1", "-p", port]
    with started(command, workdir / "moto.log") as process:
        threading.Thread(target=process.stdout.read, daemon=True).start()
        wait_for_port(port, process)
        yield Account(f"http://127.0.0.1:{port}", "interop", "interop-secret")


S3_SERVERS = {"s3": testkit_server, "moto": moto_server}


@contextlib.contextmanager
def sshd(_settings, _store, workdir, key):
    """OpenSSH's server over a folder: what a driver is tried against, and a column of reference."""
    root = workdir / "root"
    root.mkdir()
    host_keys = [workdir / f"host_key_{kind}" for kind in ("ed25519", "ecdsa")]
    for file in host_keys:
        kind = file.name.rsplit("_", 1)[1]
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(file)], check=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where root's sshd wants to be confined
    port = free_port()
    configuration = workdir / "sshd_config"
    configuration.write_text(
        "".join(f"HostKey {file}\n" for file in host_keys)
        + f"Port {port}\nListenAddress 127.0.0.1\nPidFile none\n"
        f"AuthorizedKeysFile {key}.pub\nStrictModes no\nPermitRootLogin yes\nUsePAM no\n"
        "MaxStartups 100\nSubsystem sftp internal-sftp\n"
    )
    with started(["/usr/sbin/sshd", "-D", "-e", "-f", configuration], workdir / "sshd.log") as process:
        wait_for_port(port, process)
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        yield Peer(port=port, user=user, password=None, bucket=FolderBucket(root), root=str(root))
