"""paramiko: `put` pipelines, `get` asks for the whole file at once (prefetch)."""

import contextlib
import os
import stat

import contract
import paramiko


@contextlib.contextmanager
def session(server):
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(
        server.host, server.port, server.user, server.password,
        key_filename=server.keyfile, allow_agent=False, look_for_keys=False, timeout=30,
    )
    try:
        yield client.open_sftp()
    finally:
        client.close()


def put(server, local, remote):
    with session(server) as sftp:
        sftp.put(local, remote)


def get(server, remote, local):
    with session(server) as sftp:
        sftp.get(remote, local)


def put_tree(server, local, remote):
    with session(server) as sftp:
        for folder, _, files in os.walk(local):
            relative = os.path.relpath(folder, local)
            base = remote if relative == "." else f"{remote}/{relative}"
            sftp.mkdir(base)
            for name in files:
                sftp.put(os.path.join(folder, name), f"{base}/{name}")


def get_tree(server, remote, local):
    with session(server) as sftp:
        pending = [(remote, local)]
        while pending:
            source, target = pending.pop()
            os.mkdir(target)
            for entry in sftp.listdir_attr(source):
                there, here = f"{source}/{entry.filename}", f"{target}/{entry.filename}"
                if stat.S_ISDIR(entry.st_mode):
                    pending.append((there, here))
                else:
                    sftp.get(there, here)


def ls(server, remote):
    with session(server) as sftp:
        return sftp.listdir(remote)


def rename(server, source, target):
    with session(server) as sftp:
        sftp.rename(source, target)


def replace(server, source, target):
    with session(server) as sftp:
        sftp.posix_rename(source, target)


def rm(server, remote):
    with session(server) as sftp:
        sftp.remove(remote)


def mkdir(server, remote):
    with session(server) as sftp:
        sftp.mkdir(remote)


def rmdir(server, remote):
    with session(server) as sftp:
        sftp.rmdir(remote)


def append(server, whole, remote, length):
    with session(server) as sftp, sftp.open(remote, "ab") as file:
        file.write(contract.tail(server, whole, length).read_bytes())


def resume(server, whole, remote):
    with session(server) as sftp:
        length = sftp.stat(remote).st_size
        with sftp.open(remote, "ab") as file:
            file.write(contract.tail(server, whole, length).read_bytes())


def put_preserve(server, local, remote):
    with session(server) as sftp:
        sftp.put(local, remote)
        found = os.stat(local)
        sftp.utime(remote, (found.st_atime, found.st_mtime))


def mtime(server, remote):
    with session(server) as sftp:
        return [sftp.stat(remote).st_mtime]


contract.main({
    "put": put, "put-preserve": put_preserve, "mtime": mtime, "get": get, "put-tree": put_tree, "get-tree": get_tree, "ls": ls,
    "rename": rename, "replace": replace, "rm": rm, "mkdir": mkdir, "rmdir": rmdir,
    "append": append, "resume": resume,
})
