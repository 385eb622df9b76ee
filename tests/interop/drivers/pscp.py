"""PuTTY's `pscp`: over SFTP (variant -sftp), and by the protocol before it (variant -scp)."""

import os

import contract


def pscp(server, *words):
    identity = ["-i", server.keyfile + ".ppk"] if server.keyfile else ["-pw", server.password]
    keys = [word for key in contract.host_keys() for word in ("-hostkey", key)]
    return contract.run(
        server,
        "pscp", server.variant, "-batch", "-q", "-unsafe", "-P", server.port, *keys, *identity,
        *words,
    )


def remote_path(server, path):
    # By the old protocol the path passes a shell on the other side.
    if server.variant == "-scp":
        path = "'" + path.replace("'", "'\\''") + "'"
    return f"{server.user}@{server.host}:{path}"


def put(server, local, remote):
    pscp(server, local, remote_path(server, remote))


def put_preserve(server, local, remote):
    pscp(server, "-p", local, remote_path(server, remote))


def get(server, remote, local):
    pscp(server, remote_path(server, remote), local)


def put_tree(server, local, remote):
    # pscp puts the source folder, under its own name, into a folder that must be there.
    parent, _, name = remote.rpartition("/")
    assert name == os.path.basename(local), "pscp cannot give a folder another name"
    pscp(server, "-r", local, remote_path(server, parent))


def get_tree(server, remote, local):
    pscp(server, "-r", remote_path(server, remote), local)


def ls(server, remote):
    # `-ls` runs a command on the other side, or reads the directory over SFTP.
    if server.variant == "-scp":
        raise SystemExit(contract.UNSUPPORTED)
    return contract.names_of_long_listing(pscp(server, "-ls", remote_path(server, remote)))


contract.main({
    "put": put, "put-preserve": put_preserve, "get": get, "put-tree": put_tree,
    "get-tree": get_tree, "ls": ls,
})
