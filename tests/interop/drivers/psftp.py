"""PuTTY's `psftp`, by batch."""

import contract


def batch(server, *lines):
    script = server.workdir / "psftp.batch"
    script.write_text("\n".join(lines) + "\n")
    identity = ["-i", server.keyfile + ".ppk"] if server.keyfile else ["-pw", server.password]
    keys = [word for key in contract.host_keys() for word in ("-hostkey", key)]
    return contract.run(
        server,
        "psftp", "-batch", "-P", server.port, *keys, *identity, "-b", script,
        f"{server.user}@{server.host}",
    )


def quoted(path):
    return '"' + str(path).replace('"', '""') + '"'


def put(server, local, remote):
    batch(server, f"put {quoted(local)} {quoted(remote)}")


def get(server, remote, local):
    batch(server, f"get {quoted(remote)} {quoted(local)}")


def put_tree(server, local, remote):
    batch(server, f"put -r {quoted(local)} {quoted(remote)}")


def get_tree(server, remote, local):
    batch(server, f"get -r {quoted(remote)} {quoted(local)}")


def ls(server, remote):
    return contract.names_of_long_listing(batch(server, f"ls {quoted(remote)}"))


def rename(server, source, target):
    batch(server, f"mv {quoted(source)} {quoted(target)}")


def rm(server, remote):
    batch(server, f"rm {quoted(remote)}")


def mkdir(server, remote):
    batch(server, f"mkdir {quoted(remote)}")


def rmdir(server, remote):
    batch(server, f"rmdir {quoted(remote)}")


def append(server, whole, remote, _length):
    batch(server, f"reput {quoted(whole)} {quoted(remote)}")


contract.main({
    "put": put, "get": get, "put-tree": put_tree, "get-tree": get_tree, "ls": ls,
    "rename": rename, "rm": rm, "mkdir": mkdir, "rmdir": rmdir, "append": append,
    "resume": lambda server, whole, remote: append(server, whole, remote, None),
})
