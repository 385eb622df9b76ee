"""OpenSSH `scp`: over SFTP, and with the variant -O by the protocol before it."""

import re

import contract


def scp(server, *words):
    legacy = ["-O"] if server.variant == "-O" else ["-s"]
    contract.run(
        server,
        "scp", "-q", *legacy, *contract.ssh_options(server), "-P", server.port, *words,
        env=contract.ssh_environment(server),
    )


def remote_path(server, path):
    # By the old protocol the path passes a shell on the other side, and the client compares the name
    # that comes back with its own reading of the pattern: it knows backslashes, but no quotes.
    if server.variant == "-O":
        path = re.sub(r"([^\w/.-])", r"\\\1", path)
    return f"{server.user}@{server.host}:{path}"


def put(server, local, remote):
    scp(server, local, remote_path(server, remote))


def put_preserve(server, local, remote):
    scp(server, "-p", local, remote_path(server, remote))


def get(server, remote, local):
    scp(server, remote_path(server, remote), local)


def put_tree(server, local, remote):
    scp(server, "-r", "-p", local, remote_path(server, remote))


def get_tree(server, remote, local):
    scp(server, "-r", "-p", remote_path(server, remote), local)


contract.main({
    "put": put, "put-preserve": put_preserve, "get": get, "put-tree": put_tree, "get-tree": get_tree,
})
