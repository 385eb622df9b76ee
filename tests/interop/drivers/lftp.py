"""`lftp`, with `mirror` for trees and `pget` for large files."""

import shlex

import contract


def lftp(server, *commands):
    # A password is for lftp itself to give; ssh then must not ask anybody else.
    ssh = "ssh -a -x " + shlex.join(contract.ssh_options(server))
    lines = [
        f"set sftp:connect-program {quoted(ssh)}",
        "set sftp:auto-confirm yes",
        "set cmd:fail-exit yes",
        "set net:max-retries 1",
        "set net:timeout 60",
        "set net:reconnect-interval-base 1",
        "set file:charset UTF-8",
        "set ftp:charset UTF-8",
        f"open -u {quoted(server.user)},{quoted(server.password or 'unused')} "
        f"-p {server.port} sftp://{server.host}",
        *commands,
    ]
    script = server.workdir / "lftp.script"
    script.write_text("\n".join(lines) + "\n")
    return contract.run(server, "lftp", "--norc", "-f", script)


def quoted(word):
    return '"' + str(word).replace("\\", "\\\\").replace('"', '\\"') + '"'


def put(server, local, remote):
    lftp(server, f"put {quoted(local)} -o {quoted(remote)}")


def get(server, remote, local):
    lftp(server, f"get {quoted(remote)} -o {quoted(local)}")


def get_large(server, remote, local):
    lftp(server, f"pget -n 4 {quoted(remote)} -o {quoted(local)}")


def put_tree(server, local, remote):
    lftp(server, f"mirror --reverse --parallel=4 {quoted(local)} {quoted(remote)}")


def get_tree(server, remote, local):
    lftp(server, f"mirror --parallel=4 {quoted(remote)} {quoted(local)}")


def ls(server, remote):
    listing = lftp(server, f"cd {quoted(remote)}", "cls -1 -a")
    names = (line.rstrip("/") for line in listing.splitlines())
    return [name for name in names if name not in (".", "..")]


def rename(server, source, target):
    lftp(server, f"mv {quoted(source)} {quoted(target)}")


def rm(server, remote):
    lftp(server, f"rm {quoted(remote)}")


def mkdir(server, remote):
    lftp(server, f"mkdir {quoted(remote)}")


def rmdir(server, remote):
    lftp(server, f"rmdir {quoted(remote)}")


def append(server, whole, remote, _length):
    lftp(server, f"put -c {quoted(whole)} -o {quoted(remote)}")


contract.main({
    "put": put, "get": get, "get-large": get_large, "put-tree": put_tree, "get-tree": get_tree,
    "ls": ls, "rename": rename, "rm": rm, "mkdir": mkdir, "rmdir": rmdir, "append": append,
    "resume": lambda server, whole, remote: append(server, whole, remote, None),
})
