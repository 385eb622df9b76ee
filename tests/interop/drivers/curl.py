"""`curl` on libssh2."""

import os
from urllib.parse import quote

import contract


def curl(server, *words):
    identity = ["--user", f"{server.user}:{server.password or ''}"]
    if server.keyfile:
        identity += ["--key", server.keyfile, "--pubkey", server.keyfile + ".pub"]
    return contract.run(
        server, "curl", "--silent", "--show-error", "--globoff", "--insecure", *identity, *words
    )


def url(server, remote):
    return f"sftp://{server.host}:{server.port}{quote(remote)}"


def command(server, verb, *paths):
    words = " ".join('"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"' for path in paths)
    parent = paths[0].rsplit("/", 1)[0] + "/"
    curl(server, "--list-only", "--output", os.devnull, "--quote", f"{verb} {words}", url(server, parent))


def put(server, local, remote):
    curl(server, "--upload-file", local, url(server, remote))


def get(server, remote, local):
    curl(server, "--output", local, url(server, remote))


def put_tree(server, local, remote):
    transfers = []
    for folder, _, files in os.walk(local):
        relative = os.path.relpath(folder, local)
        base = remote if relative == "." else f"{remote}/{relative}"
        transfers += [(os.path.join(folder, name), url(server, f"{base}/{name}")) for name in files]
    lines = ["ftp-create-dirs"]
    lines += [f'upload-file = "{path}"\nurl = "{target}"' for path, target in transfers]
    config = server.workdir / "curl.config"
    config.write_text("\n".join(lines) + "\n")
    curl(server, "--config", config)


def get_tree(server, remote, local):
    lines = ["create-dirs"]
    pending = [(remote, local)]
    while pending:
        source, target = pending.pop()
        for line in curl(server, url(server, source + "/")).splitlines():
            name = line.split(None, 8)[8]
            if name in (".", ".."):
                continue
            if line.startswith("d"):
                pending.append((f"{source}/{name}", f"{target}/{name}"))
            else:
                lines.append(f'url = "{url(server, f"{source}/{name}")}"\noutput = "{target}/{name}"')
    config = server.workdir / "curl.config"
    config.write_text("\n".join(lines) + "\n")
    curl(server, "--config", config)


def ls(server, remote):
    names = curl(server, "--list-only", url(server, remote + "/")).splitlines()
    return [name for name in names if name not in (".", "..")]


def rename(server, source, target):
    command(server, "rename", source, target)


def rm(server, remote):
    command(server, "rm", remote)


def mkdir(server, remote):
    command(server, "mkdir", remote)


def rmdir(server, remote):
    command(server, "rmdir", remote)


def append(server, whole, remote, length):
    curl(server, "--append", "--upload-file", contract.tail(server, whole, length), url(server, remote))


def resume(server, whole, remote):
    curl(server, "--continue-at", "-", "--upload-file", whole, url(server, remote))


contract.main({
    "put": put, "get": get, "put-tree": put_tree, "get-tree": get_tree, "ls": ls,
    "rename": rename, "rm": rm, "mkdir": mkdir, "rmdir": rmdir, "append": append,
    "resume": resume,
})
