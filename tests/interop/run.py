"""The interop matrix: every client, every operation, every store. See drivers/contract.py."""

import argparse
import concurrent.futures
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import line
import matrix
import peers
import scenarios
from clients import CLIENTS, compile_java, origins

DOCUMENT = Path(__file__).parents[2] / "docs/INTEROP.md"
COLUMN_TITLES = [title for title, _, _ in scenarios.COLUMNS]
printing = threading.Lock()


def main():
    settings = parse_arguments()
    clients = [client for client in CLIENTS if not settings.client or client.name in settings.client]
    stores = ["sshd"] if settings.peer else settings.store or ["local", "s3", "moto"]
    compile_java(settings.tools / "interop")
    with tempfile.TemporaryDirectory(prefix="pierhead-interop-", dir=roomy_memory()) as folder:
        workdir = Path(folder)
        end_with_everything(workdir)
        key = make_key(workdir)
        with concurrent.futures.ThreadPoolExecutor(len(stores)) as pool:
            runs = {store: pool.submit(run_store, settings, store, clients, workdir, key) for store in stores}
            results = {store: run.result() for store, run in runs.items()}
    sys.exit(report(settings, results))


def parse_arguments():
    parser = argparse.ArgumentParser(prog="cargo xtask interop", description=__doc__)
    parser.add_argument("--store", action="append", choices=["local", "s3", "moto"])
    parser.add_argument("--client", action="append", choices=[client.name for client in CLIENTS])
    parser.add_argument("--column", action="append", choices=COLUMN_TITLES)
    parser.add_argument("--peer", choices=["sshd"])
    parser.add_argument("--binary", type=Path, help="the pierhead to test")
    parser.add_argument("--s3-server", type=Path, help="testkit's S3 server")
    parser.add_argument("--tools", type=Path, required=True, help="what `cargo xtask setup` installed")
    parser.add_argument("--check", action="store_true", help="compare with docs/INTEROP.md")
    settings = parser.parse_args()
    if settings.binary is None and settings.peer is None:
        parser.error("--binary: which pierhead?")
    return settings


def roomy_memory():
    """Where tens of thousands of small files cost least, if there is enough of it."""
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free >= 6 << 30:
        return memory
    return None


def end_with_everything(workdir):
    """An interrupted run leaves no process and no file behind."""

    def end(number, _frame):
        for leader in list(peers.running):
            os.killpg(leader, signal.SIGKILL)
        # Under another name nobody who is still at work can add to it.
        gone = workdir.rename(f"{workdir}-gone")
        shutil.rmtree(gone, ignore_errors=True)
        os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)


def make_key(workdir):
    """A key that every client can read: ECDSA in PEM, and once more as PuTTY keeps it."""
    key = workdir / "key"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ecdsa", "-b", "256", "-m", "PEM", "-N", "", "-f", str(key)], check=True
    )
    subprocess.run(["puttygen", str(key), "-O", "private", "-o", f"{key}.ppk"], check=True)
    return key


def run_store(settings, store, clients, workdir, key):
    """Every client before one store: {client: {column: verdict}}, and what went wrong."""
    workdir = workdir / store
    workdir.mkdir()
    start = peers.sshd if store == "sshd" else peers.gateway
    with start(settings, store, workdir, key) as peer:
        hall = Hall(settings, store, peer, workdir, key)
        results = {client.name: hall.run_client(client) for client in clients}
    for log in workdir.glob("*.log"):
        shutil.copy(log, settings.tools / "interop" / f"{store}-{log.name}")
    return results


class Hall:
    """One peer, and the clients that come to it one after the other."""

    def __init__(self, settings, store, peer, workdir, key):
        self.settings, self.store, self.peer, self.workdir, self.key = settings, store, peer, workdir, key
        self.fingerprints = " ".join(peer.fingerprints())
        self.home = self.find_home()
        self.listed = None

    def find_home(self):
        """The bucket side of the user's root: where a file that was put there turns up."""
        if self.peer.root:
            return self.peer.bucket
        name = f"where-is-{uuid.uuid4()}"
        local = self.workdir / name
        local.write_bytes(b"here")
        status, _, stderr = self.drive(CLIENTS[0], "put", local, f"/{name}")
        local.unlink()
        if status != 0:
            raise RuntimeError(f"{self.store}: the first put failed: {stderr}")
        return self.peer.bucket.below(self.peer.bucket.find(name))

    def run_client(self, client):
        start = time.monotonic()
        verdicts = self.judge(client)
        words = [verdict for verdict, _ in verdicts.values()]
        fine, failed = sum(word.startswith("ok") for word in words), words.count("FAILED")
        say(f"{self.store:6} {client.name:19} {fine} ok, {failed} failed ({time.monotonic() - start:.0f} s)")
        return verdicts

    def judge(self, client):
        """The verdict of every column, and why it failed if it did: {title: (verdict, why)}."""
        verdicts = {}
        for title, scenario, planned in scenarios.COLUMNS:
            if self.settings.column and title not in self.settings.column:
                continue
            missing = client.missing()
            if missing:
                verdicts[title] = (f"n/a: {missing}", "")
            elif not planned(self.store, client):
                verdicts[title] = (matrix.NOT_PLANNED, "")
            else:
                verdicts[title] = self.try_out(client, title, scenario)
        return verdicts

    def try_out(self, client, title, scenario):
        try:
            remark = scenario(self.trial(client, title))
            verdict, why = (f"ok, {remark}" if remark else "ok"), ""
        except scenarios.Unsupported:
            verdict, why = "n/a", ""
        except (scenarios.Failed, OSError, subprocess.SubprocessError) as error:
            verdict, why = "FAILED", f"{type(error).__name__}: {error}"
            say(f"{self.store:6} {client.name:19} {title}: FAILED, {why}")
        return verdict, why

    def trial(self, client, title):
        name = f"{client.name}-{title}".replace(" ", "-").replace("/", "_").replace(":", "_")
        scratch = self.workdir / "scratch" / name
        shutil.rmtree(scratch.parent, ignore_errors=True)
        scratch.mkdir(parents=True)
        bucket = self.home.below(name)
        self.home.make_directory(name)
        return scenarios.Trial(
            client=client,
            store=self.store,
            drive=lambda operation, *rest, deadline: self.drive(client, operation, *rest, deadline=deadline),
            drive_cut=lambda count, operation, *rest, deadline: self.drive_cut(
                client, count, operation, *rest, deadline=deadline
            ),
            mtime=self.mtime,
            remote=f"{self.peer.root}/{name}",
            bucket=bucket,
            listed=self.big_directory() if title == "20,000 entries" else None,
            scratch=scratch,
            random=random.Random(name),
        )

    def big_directory(self):
        """Made once for each store: the remote path and the names."""
        if self.listed is None:
            names = [f"entry-{number:05}" for number in range(scenarios.LISTED)]
            self.home.write_many({f"big-directory/{name}": b"x" for name in names})
            self.listed = (f"{self.peer.root}/big-directory", names)
        return self.listed

    def mtime(self, remote):
        reader = next(client for client in CLIENTS if client.name == "paramiko")
        status, stdout, stderr = self.drive(reader, "mtime", remote)
        if status != 0:
            raise scenarios.Failed(f"mtime {remote}: {stderr.strip()[-300:]}")
        return int(stdout)

    def drive_cut(self, client, count, operation, *arguments, deadline=60):
        """As `drive`, through a line that is cut after `count` bytes of the client's."""
        with line.cut_after(count, self.peer.host, self.peer.port) as port:
            return self.drive(client, operation, *arguments, deadline=deadline, port=port)

    def drive(self, client, operation, *arguments, deadline=60, port=None):
        """Runs a driver; past its deadline it and its children are killed, which counts as a failure."""
        password = client.password and self.peer.password is not None
        workdir = self.workdir / "client"
        workdir.mkdir(exist_ok=True)
        command = [word.format(classes=self.settings.tools / "interop") for word in client.driver]
        command += [self.peer.host, port or self.peer.port, self.peer.user]
        command += [self.peer.password, "-"] if password else ["-", self.key]
        command += [workdir, operation, *arguments]
        process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, errors="replace", cwd=workdir, start_new_session=True,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(workdir),
                "LC_ALL": "C.UTF-8",
                "PYTHONDONTWRITEBYTECODE": "1",
                "INTEROP_HOSTKEYS": self.fingerprints,
                "INTEROP_NPM": str(self.settings.tools / "npm"),
            },
        )
        peers.running.add(process.pid)
        try:
            stdout, stderr = process.communicate(timeout=deadline)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            raise scenarios.Failed(f"{operation}: not done after {deadline} s: {stderr.strip()[-300:]}")
        finally:
            peers.running.discard(process.pid)
        if process.returncode == 77:
            raise scenarios.Unsupported
        return process.returncode, stdout, stderr


def say(text):
    with printing:
        print(text, flush=True)


def report(settings, results):
    """Prints the matrix, then writes or compares the document; returns the exit status."""
    columns = settings.column or COLUMN_TITLES
    verdicts = {
        store: {name: [row[column][0] for column in columns] for name, row in rows.items()}
        for store, rows in results.items()
    }
    for store, rows in verdicts.items():
        print(f"\n{matrix.STORES[store]}")
        print("\n".join(matrix.table(columns, rows)))
    failed = [
        f"{name} on {store}, {column}: {why}"
        for store, rows in results.items() for name, row in rows.items()
        for column, (verdict, why) in row.items() if verdict == "FAILED"
    ]
    print("\n".join(["", f"{len(failed)} cells failed", *failed]))
    if failed:
        print(f"The servers' logs: {settings.tools / 'interop'}/*.log")
    if settings.check:
        return compare(results)
    if settings.peer or settings.store or settings.client or settings.column:
        print("A part of the matrix only: docs/INTEROP.md is left as it was.")
    else:
        DOCUMENT.parent.mkdir(exist_ok=True)
        DOCUMENT.write_text(matrix.document(columns, verdicts, origins()))
    return 1 if failed else 0


def compare(results):
    before = matrix.parse(DOCUMENT.read_text()) if DOCUMENT.exists() else {}
    after = {
        (store, name, column): verdict
        for store, rows in results.items() for name, row in rows.items()
        for column, (verdict, _) in row.items() if not verdict.startswith("n/a: ")
    }
    found = matrix.regressions(before, after)
    print("\n".join([f"{len(found)} cells are worse than docs/INTEROP.md says", *found]))
    return 1 if found else 0


if __name__ == "__main__":
    main()
