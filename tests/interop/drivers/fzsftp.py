"""FileZilla's own `fzsftp`: the engine's side of its line protocol.

Every line from fzsftp opens with a character that names an event; commands go in as lines, and what
fzsftp asks for (a password, a buffer) is answered by lines that open with `-`. File contents pass
through shared memory, whose descriptor fzsftp inherits.
"""

import mmap
import os
import subprocess
import sys

import contract

REPLY, DONE, ERROR, LISTENTRY, ASK_HOSTKEY, ASK_HOSTKEY_CHANGED, ASK_PASSWORD = "01289:<"
QUOTA_RECEIVE, QUOTA_SEND, IO_SIZE, IO_OPEN, IO_NEXTBUF, IO_FINALIZE = "@AJKLM"
WINDOW = 256 * 1024


class Engine:
    """A running fzsftp, connected."""

    def __init__(self, server):
        self.memory_fd = os.memfd_create("fzsftp")
        os.ftruncate(self.memory_fd, WINDOW)
        self.memory = mmap.mmap(self.memory_fd, WINDOW)
        self.process = subprocess.Popen(
            ["fzsftp", "-v"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            pass_fds=[self.memory_fd], cwd=server.workdir,
        )
        self.password = server.password or ""
        self.local = self.file = None
        self.writing = False
        self.errors = []
        self.wait()
        if server.keyfile:
            self.command(f"keyfile {quoted(server.keyfile + '.ppk')}")
        self.command(f"open {quoted(f'{server.user}@{server.host}')} {server.port}")

    def command(self, line):
        """Sends a command and serves fzsftp until it is done; returns what it listed."""
        self.send(line)
        return self.wait()

    def transfer(self, line, local, writing):
        self.local, self.writing = local, writing
        try:
            self.command(line)
        finally:
            if self.file:
                self.file.close()
                self.file = None

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)

    def send(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def line(self):
        return self.process.stdout.readline().decode().rstrip("\r\n")

    def wait(self):
        listed = []
        while True:
            event = self.process.stdout.read(1).decode()
            if event == "":
                sys.exit("fzsftp ended: " + "; ".join(self.errors))
            if event in (QUOTA_RECEIVE, QUOTA_SEND):
                self.send("-0-" if event == QUOTA_RECEIVE else "-1-")
                continue
            if event == IO_SIZE:
                self.send(f"-{os.path.getsize(self.local)}")
                continue
            text = self.line()
            if event == REPLY:
                return listed
            if event == DONE:
                if text != "1":
                    sys.exit("fzsftp: " + "; ".join(self.errors[-3:]))
                return listed
            if event == ERROR:
                self.errors.append(text)
            elif event == LISTENTRY:
                _mtime, name = self.line(), self.line()
                listed.append((name, text.startswith("d")))
            elif event in (ASK_HOSTKEY, ASK_HOSTKEY_CHANGED):
                self.line()
                self.send("n")
            elif event == ASK_PASSWORD:
                self.send(self.password)
            elif event == IO_OPEN:
                self.open(int(text))
            elif event == IO_NEXTBUF:
                self.next_buffer(int(text))
            elif event == IO_FINALIZE:
                self.file.write(self.memory[: int(text)])
                self.send("-1")

    def open(self, offset):
        self.file = open(self.local, "wb" if self.writing else "rb")
        if not self.writing:
            self.file.seek(offset)
        self.send(f"-{self.memory_fd} {WINDOW} {offset}")

    def next_buffer(self, filled):
        if self.writing:
            self.file.write(self.memory[:filled])
            self.send(f"-0 {WINDOW}")
            return
        piece = self.file.read(WINDOW)
        self.memory[: len(piece)] = piece
        self.send(f"-0 {len(piece)}" if piece else "-0")


def quoted(word):
    return '"' + str(word).replace('"', '""') + '"'


def with_engine(operation):
    def run(server, *arguments):
        engine = Engine(server)
        result = operation(engine, *arguments)
        engine.close()
        return result

    return run


def put(engine, local, remote):
    engine.transfer(f"put {quoted(local)} {quoted(remote)}", local, writing=False)


def get(engine, remote, local):
    engine.transfer(f"get {quoted(remote)} {quoted(local)}", local, writing=True)


def put_tree(engine, local, remote):
    for folder, _, files in os.walk(local):
        relative = os.path.relpath(folder, local)
        base = remote if relative == "." else f"{remote}/{relative}"
        engine.command(f"mkdir {quoted(base)}")
        for name in files:
            put(engine, os.path.join(folder, name), f"{base}/{name}")


def get_tree(engine, remote, local):
    os.mkdir(local)
    for name, is_folder in entries(engine, remote):
        fetch = get_tree if is_folder else get
        fetch(engine, f"{remote}/{name}", f"{local}/{name}")


def ls(engine, remote):
    return [name for name, _ in entries(engine, remote)]


def entries(engine, remote):
    engine.command(f"cd {quoted(remote)}")
    return [entry for entry in engine.command("ls") if entry[0] not in (".", "..")]


def rename(engine, source, target):
    engine.command(f"mv {quoted(source)} {quoted(target)}")


def rm(engine, remote):
    engine.command(f"rm {quoted(remote)}")


def mkdir(engine, remote):
    engine.command(f"mkdir {quoted(remote)}")


def rmdir(engine, remote):
    engine.command(f"rmdir {quoted(remote)}")


def append(engine, whole, remote, _length):
    engine.transfer(f"reput {quoted(whole)} {quoted(remote)}", whole, writing=False)


def resume(engine, whole, remote):
    append(engine, whole, remote, None)


def put_preserve(engine, local, remote):
    put(engine, local, remote)
    engine.command(f"chmtime {int(os.path.getmtime(local))} {quoted(remote)}")


contract.main({
    name: with_engine(operation)
    for name, operation in {
        "put": put, "get": get, "put-tree": put_tree, "get-tree": get_tree, "ls": ls,
        "rename": rename, "rm": rm, "mkdir": mkdir, "rmdir": rmdir, "append": append,
        "resume": resume, "put-preserve": put_preserve,
    }.items()
})
