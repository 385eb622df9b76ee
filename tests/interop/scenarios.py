"""The columns of the matrix: what a client does, and what must be true on both sides afterwards."""

import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

from buckets import digest, digest_of_file

MIB = 1 << 20
LISTED = 20_000
NAME = "Größe & Maß, 漢字 🚢.txt"
SETTLE_SECONDS = 20
# A moment of 2021, in seconds.
WHEN = 1_609_504_496


class Failed(Exception):
    """The client or the gateway did not do what the column asks for."""


class Unsupported(Exception):
    """The client has no such operation."""


@dataclass
class Trial:
    """One client before one empty remote folder."""

    client: object
    store: str
    # Runs the driver: (operation, *arguments, deadline=seconds) -> (status, stdout, stderr).
    drive: object
    # The remote folder as the client names it, and the bucket side of it.
    remote: str
    bucket: object
    # The store's big directory: the same two sides, shared by all clients.
    listed: tuple
    scratch: Path
    random: random.Random
    # As `drive`, through a line that is cut after so many bytes of the client's.
    drive_cut: object = None
    # The time of a remote file, in seconds, as a client that keeps nothing to itself reads it.
    mtime: object = None

    def do(self, operation, *arguments, deadline=60):
        """Runs an operation that must succeed; returns what it printed."""
        status, stdout, stderr = self.drive(operation, *arguments, deadline=deadline)
        if status != 0:
            raise Failed(f"{operation} failed ({status}): {stderr.strip()[-600:]}")
        return stdout

    def refused(self, operation, *arguments):
        """Whether the operation failed, as a client reports it."""
        return self.drive(operation, *arguments, deadline=60)[0] != 0

    @property
    def keeps_unfinished_private(self):
        """What OpenSSH's own server does not."""
        return self.store != "sshd"

    def file(self, name, size):
        """A new local file with random content."""
        path = self.scratch / name
        with open(path, "wb") as file:
            for start in range(0, size, MIB):
                file.write(self.random.randbytes(min(MIB, size - start)))
        return path

    def at(self, name):
        return f"{self.remote}/{name}"

    def names(self, remote=None, deadline=60):
        return self.do("ls", remote or self.remote, deadline=deadline).splitlines()

    def expect(self, name, wanted):
        """The bucket holds `wanted` (SHA-256, None: nothing) under `name`.

        Only a client that does not wait for its own CLOSE gets time to settle.
        """
        deadline = time.monotonic() + (SETTLE_SECONDS if self.client.settles else 0)
        while (found := self.bucket.digest(name)) != wanted:
            if time.monotonic() >= deadline:
                raise Failed(f"{name} on the bucket side: {found}, wanted {wanted}")
            time.sleep(0.05)


def put(trial):
    local = trial.file("put.bin", 100_003)
    trial.do("put", local, trial.at("put.bin"))
    trial.expect("put.bin", digest_of_file(local))


def get(trial):
    content = trial.random.randbytes(100_003)
    trial.bucket.write("get.bin", content)
    fetch(trial, "get.bin", digest([content]))


def fetch(trial, name, wanted, operation="get", deadline=60):
    local = trial.scratch / "fetched"
    trial.do(operation, trial.at(name), local, deadline=deadline)
    if not local.is_file() or digest_of_file(local) != wanted:
        raise Failed(f"{operation} {name}: the bytes differ")


def both_ways(size, deadline=60):
    def scenario(trial):
        local = trial.file("there.bin", size)
        wanted = digest_of_file(local)
        trial.do("put", local, trial.at("there.bin"), deadline=deadline)
        trial.expect("there.bin", wanted)
        fetch(trial, "there.bin", wanted, "get-large", deadline)
        trial.bucket.remove("there.bin")

    return scenario


def ls(trial):
    trial.bucket.write_many({"one": b"1", "two": b"22", "folder/three": b"333"})
    compare_names(trial.names(), ["folder", "one", "two"])


def compare_names(found, wanted):
    if sorted(found) != sorted(wanted):
        odd = sorted(set(found) ^ set(wanted))[:5]
        raise Failed(f"ls: {len(found)} names instead of {len(wanted)}, differing in {odd}")


def rename(trial):
    trial.bucket.write("from.bin", b"renamed")
    trial.do("rename", trial.at("from.bin"), trial.at("to.bin"))
    trial.expect("from.bin", None)
    trial.expect("to.bin", digest([b"renamed"]))


def replace(trial):
    """Either the client replaces the file, or it reports a failure and both files stand."""
    trial.bucket.write_many({"from.bin": b"newer", "to.bin": b"old"})
    if trial.refused("replace", trial.at("from.bin"), trial.at("to.bin")):
        trial.expect("from.bin", digest([b"newer"]))
        trial.expect("to.bin", digest([b"old"]))
        # The client was refused the rename, and not the connection.
        fetch(trial, "from.bin", digest([b"newer"]))
        return "refused"
    trial.expect("from.bin", None)
    trial.expect("to.bin", digest([b"newer"]))
    return None


def rm(trial):
    trial.bucket.write_many({"gone.bin": b"x", "stays.bin": b"y"})
    trial.do("rm", trial.at("gone.bin"))
    trial.expect("gone.bin", None)
    trial.expect("stays.bin", digest([b"y"]))


def mkdir(trial):
    trial.do("mkdir", trial.at("made"))
    if not trial.bucket.has_directory("made"):
        raise Failed("the directory is not in the bucket")
    compare_names(trial.names(), ["made"])


def rmdir(trial):
    trial.bucket.make_directory("empty")
    trial.bucket.write("full/file", b"x")
    trial.do("rmdir", trial.at("empty"))
    if trial.bucket.has_directory("empty"):
        raise Failed("the directory is still in the bucket")
    if not trial.refused("rmdir", trial.at("full")):
        raise Failed("rmdir of a directory that holds a file succeeded")
    trial.expect("full/file", digest([b"x"]))


def append(trial):
    whole = trial.file("whole.bin", 150_001)
    head = 60_000
    trial.bucket.write("grown.bin", whole.read_bytes()[:head])
    trial.do("append", whole, trial.at("grown.bin"), head)
    trial.expect("grown.bin", digest_of_file(whole))


def resume(trial):
    """The line is cut in the middle of an upload: nothing is published, and the client goes on."""
    if not trial.client.resumes:
        raise Unsupported
    whole = trial.file("whole.bin", 12 * MIB)
    status = trial.drive_cut(10 * MIB, "put", whole, trial.at("cut.bin"), deadline=120)[0]
    if status == 0:
        raise Failed("the line was cut, and the client says that all is well")
    wait_until(lambda: "cut.bin" in trial.names(), "cut.bin is not listed as unfinished")
    if trial.keeps_unfinished_private:
        trial.expect("cut.bin", None)
    if trial.keeps_unfinished_private and not trial.refused("get", trial.at("cut.bin"), trial.scratch / "half"):
        raise Failed("half a file was read")
    trial.do("resume", whole, trial.at("cut.bin"), deadline=120)
    trial.expect("cut.bin", digest_of_file(whole))
    compare_names(trial.names(), ["cut.bin"])


def wait_until(condition, otherwise):
    """The gateway learns of a cut line on its own time."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while not condition():
        if time.monotonic() >= deadline:
            raise Failed(otherwise)
        time.sleep(0.05)


def temporary(trial):
    """An upload under a temporary name is the client's alone until it has its final one."""
    local = trial.file("whole.bin", 100_003)
    trial.bucket.write("final.bin", b"older")
    trial.do("put", local, trial.at("final.bin.part"))
    wait_until(lambda: "final.bin.part" in trial.names(), "final.bin.part is not listed")
    if trial.keeps_unfinished_private:
        trial.expect("final.bin.part", None)
    trial.expect("final.bin", digest([b"older"]))
    fetch(trial, "final.bin.part", digest_of_file(local))
    if trial.refused("replace", trial.at("final.bin.part"), trial.at("final.bin")):
        trial.do("rm", trial.at("final.bin"))
        trial.do("rename", trial.at("final.bin.part"), trial.at("final.bin"))
    trial.expect("final.bin", digest_of_file(local))
    compare_names(trial.names(), ["final.bin"])


def preserve(trial):
    """A file keeps the time that it had before it was uploaded."""
    local = trial.file("old.bin", 1_000)
    os.utime(local, (WHEN, WHEN))
    trial.do("put-preserve", local, trial.at("old.bin"))
    trial.expect("old.bin", digest_of_file(local))
    wait_until(lambda: trial.mtime(trial.at("old.bin")) == WHEN, f"its time is not {WHEN}")


def names(trial):
    local = trial.file("plain.bin", 1_000)
    wanted = digest_of_file(local)
    trial.do("put", local, trial.at(NAME))
    trial.expect(NAME, wanted)
    fetch(trial, NAME, wanted)
    try:
        compare_names(trial.names(), [NAME])
    except Unsupported:
        pass  # the old protocol copies, and lists nothing


def slashes(trial):
    """A key with `//` is another key: never reached by a path, never hit by one."""
    trial.bucket.write_many({"odd//theirs": b"theirs", "odd/plain": b"plain"})
    local = trial.file("ours.bin", 1_000)
    trial.do("put", local, trial.remote + "/odd//ours.bin")
    trial.expect("odd/ours.bin", digest_of_file(local))
    trial.expect("odd//ours.bin", None)
    trial.expect("odd//theirs", digest([b"theirs"]))
    if not trial.refused("get", trial.at("odd/theirs"), trial.scratch / "theirs"):
        raise Failed("odd/theirs was served from the key odd//theirs")
    try:
        listed = set(trial.names(trial.at("odd")))
    except Unsupported:
        return
    if not {"ours.bin", "plain"} <= listed or "theirs" in listed:
        raise Failed(f"ls of odd/: {sorted(listed)}")


def many(trial):
    count = 10_000 if trial.store in trial.client.ten_thousand else 1_000
    tree = trial.scratch / "tree"
    for number in range(count):
        path = tree / f"sub{number % 10}" / f"file-{number:05}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(trial.random.randbytes(1 + number % 1_500))
    wanted = {str(path.relative_to(tree)): digest_of_file(path) for path in tree.rglob("*.bin")}
    deadline = 120 + count // 20
    trial.do("put-tree", tree, trial.at("tree"), deadline=deadline)
    if trial.bucket.digests("tree") != wanted:
        raise Failed(f"the {count} files on the bucket side differ")
    back = trial.scratch / "back"
    trial.do("get-tree", trial.at("tree"), back, deadline=deadline)
    found = {str(path.relative_to(back)): digest_of_file(path) for path in back.rglob("*.bin")}
    if found != wanted:
        raise Failed(f"of {count} files {len(found)} came back, or they differ")
    return f"{count:,}"


def listing(trial):
    remote, wanted = trial.listed
    compare_names(trial.names(remote, deadline=180), wanted)


# A column: its title, the scenario, and for whom it is planned: (store, client) -> bool.
COLUMNS = [
    ("put", put, lambda store, client: True),
    ("get", get, lambda store, client: True),
    ("ls", ls, lambda store, client: True),
    ("rename", rename, lambda store, client: True),
    ("rename over", replace, lambda store, client: True),
    ("rm", rm, lambda store, client: True),
    ("mkdir", mkdir, lambda store, client: True),
    ("rmdir", rmdir, lambda store, client: True),
    ("append", append, lambda store, client: True),
    ("resume", resume, lambda store, client: True),
    ("x.part", temporary, lambda store, client: True),
    ("mtime", preserve, lambda store, client: True),
    ("0 bytes", both_ways(0), lambda store, client: True),
    ("1 byte", both_ways(1), lambda store, client: True),
    ("1 MiB", both_ways(MIB), lambda store, client: True),
    ("300 MiB", both_ways(300 * MIB, 300), lambda store, client: client.large and store != "moto"),
    ("names", names, lambda store, client: True),
    ("a//b", slashes, lambda store, client: store in ("s3", "moto")),
    ("many files", many, lambda store, client: store != "moto"),
    ("20,000 entries", listing, lambda store, client: store != "moto"),
]
