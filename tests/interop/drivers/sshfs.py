"""`sshfs`: the operations of a mounted file system."""

import contextlib
import os
import shutil
import subprocess
import sys
import time

import contract


@contextlib.contextmanager
def mounted(server):
    """The server's root as a folder; unmounted, and the client's process gone, at the end."""
    folder = server.workdir / "mount"
    folder.mkdir(exist_ok=True)
    options = contract.ssh_options(server)
    ssh = "ssh " + " ".join(options)
    process = subprocess.Popen(
        ["sshfs", "-f", "-p", str(server.port), "-o", f"ssh_command={ssh}",
         f"{server.user}@{server.host}:/", str(folder)],
        stdin=subprocess.DEVNULL,
        env={**os.environ, **contract.ssh_environment(server)},
    )
    deadline = time.monotonic() + 30
    while not os.path.ismount(folder):
        if process.poll() is not None or time.monotonic() > deadline:
            process.terminate()
            sys.exit("sshfs did not mount")
        time.sleep(0.02)
    try:
        yield lambda remote: str(folder) + remote
    finally:
        subprocess.run(["fusermount3", "-u", str(folder)], check=True)
        process.wait(30)


def put(server, local, remote):
    with mounted(server) as at:
        shutil.copyfile(local, at(remote))


def put_preserve(server, local, remote):
    with mounted(server) as at:
        shutil.copy2(local, at(remote))


def get(server, remote, local):
    with mounted(server) as at:
        shutil.copyfile(at(remote), local)


def put_tree(server, local, remote):
    with mounted(server) as at:
        shutil.copytree(local, at(remote))


def get_tree(server, remote, local):
    with mounted(server) as at:
        shutil.copytree(at(remote), local)


def ls(server, remote):
    with mounted(server) as at:
        return os.listdir(at(remote))


def rename(server, source, target):
    with mounted(server) as at:
        os.rename(at(source), at(target))


def rm(server, remote):
    with mounted(server) as at:
        os.unlink(at(remote))


def mkdir(server, remote):
    with mounted(server) as at:
        os.mkdir(at(remote))


def rmdir(server, remote):
    with mounted(server) as at:
        os.rmdir(at(remote))


def append(server, whole, remote, length):
    with mounted(server) as at, open(at(remote), "ab") as file:
        file.write(contract.tail(server, whole, length).read_bytes())


contract.main({
    "put": put, "get": get, "put-tree": put_tree, "get-tree": get_tree, "ls": ls,
    "rename": rename, "rm": rm, "mkdir": mkdir, "rmdir": rmdir, "append": append,
    "put-preserve": put_preserve,
})
