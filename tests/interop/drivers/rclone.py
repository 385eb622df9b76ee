"""`rclone`, which uploads to a temporary name and renames it into place."""

import os
import sys

import contract

PROGRAM = os.path.join(os.path.dirname(sys.executable), "rclone")


def rclone(server, *words):
    return contract.run(server, PROGRAM, "--config", os.devnull, "--retries", "1", *words)


def at(server, remote):
    if server.keyfile:
        identity = f"key_file={server.keyfile}"
    else:
        identity = "pass=" + rclone(server, "obscure", server.password).strip()
    return (
        f":sftp,host={server.host},port={server.port},user={server.user},{identity},"
        f"shell_type=none:{remote}"
    )


def put(server, local, remote):
    rclone(server, "copyto", local, at(server, remote))


def get(server, remote, local):
    rclone(server, "copyto", at(server, remote), local)


def put_tree(server, local, remote):
    rclone(server, "copy", local, at(server, remote))


def get_tree(server, remote, local):
    rclone(server, "copy", at(server, remote), local)


def ls(server, remote):
    return [name.rstrip("/") for name in rclone(server, "lsf", at(server, remote)).splitlines()]


def rename(server, source, target):
    rclone(server, "moveto", at(server, source), at(server, target))


def rm(server, remote):
    rclone(server, "deletefile", at(server, remote))


def mkdir(server, remote):
    rclone(server, "mkdir", at(server, remote))


def rmdir(server, remote):
    rclone(server, "rmdir", at(server, remote))


contract.main({
    "put": put, "put-preserve": put, "get": get, "put-tree": put_tree, "get-tree": get_tree, "ls": ls,
    "rename": rename, "rm": rm, "mkdir": mkdir, "rmdir": rmdir,
})
