"""OpenSSH `sftp`, by batch."""

import contract


def batch(server, *lines):
    return contract.run(
        server,
        "sftp", *contract.ssh_options(server), "-P", server.port, "-b", "-",
        f"{server.user}@{server.host}",
        stdin="\n".join(lines) + "\n",
        env=contract.ssh_environment(server),
    )


def quoted(path):
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def put(server, local, remote):
    batch(server, f"put {quoted(local)} {quoted(remote)}")


def put_preserve(server, local, remote):
    batch(server, f"put -p {quoted(local)} {quoted(remote)}")


def get(server, remote, local):
    batch(server, f"get {quoted(remote)} {quoted(local)}")


def put_tree(server, local, remote):
    batch(server, f"put -r {quoted(local)} {quoted(remote)}")


def get_tree(server, remote, local):
    batch(server, f"get -r {quoted(remote)} {quoted(local)}")


def ls(server, remote):
    listing = batch(server, f"ls -1 {quoted(remote)}").splitlines()
    return [line.rsplit("/", 1)[-1] for line in listing if not line.startswith("sftp>")]


def rename(server, source, target):
    batch(server, f"rename {quoted(source)} {quoted(target)}")


def rm(server, remote):
    batch(server, f"rm {quoted(remote)}")


def mkdir(server, remote):
    batch(server, f"mkdir {quoted(remote)}")


def rmdir(server, remote):
    batch(server, f"rmdir {quoted(remote)}")


def append(server, whole, remote, _length):
    batch(server, f"put -a {quoted(whole)} {quoted(remote)}")


def resume(server, whole, remote):
    batch(server, f"reput {quoted(whole)} {quoted(remote)}")


contract.main({
    "put": put, "put-preserve": put_preserve, "get": get, "put-tree": put_tree, "get-tree": get_tree, "ls": ls,
    "rename": rename, "rm": rm, "mkdir": mkdir, "rmdir": rmdir, "append": append,
    "resume": resume,
})
