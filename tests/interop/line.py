"""A line between a client and a server that is cut in the middle of an upload."""

import contextlib
import socket
import threading


@contextlib.contextmanager
def cut_after(count, host, port):
    """The port of a line to `host:port` that is cut for good once a client has sent `count` bytes."""
    with socket.create_server(("127.0.0.1", 0)) as entrance:
        worker = threading.Thread(target=serve, args=(entrance, (host, port), count), daemon=True)
        worker.start()
        try:
            yield entrance.getsockname()[1]
        finally:
            with contextlib.suppress(OSError):
                entrance.shutdown(socket.SHUT_RDWR)
            worker.join(30)


def serve(entrance, address, count):
    """One client after the other, as long as bytes are left; whoever comes later is refused."""
    while count > 0:
        try:
            client, _ = entrance.accept()
        except OSError:
            return
        with client, socket.create_connection(address) as server:
            answers = threading.Thread(target=pass_on, args=(server, client), daemon=True)
            answers.start()
            count -= pass_on(client, server, count)
            for end in (client, server):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            answers.join(30)
    entrance.close()


def pass_on(source, target, count=None):
    """Passes bytes on, up to `count`, until either side ends; returns how many."""
    passed = 0
    with contextlib.suppress(OSError):
        while count is None or passed < count:
            piece = source.recv(65_536 if count is None else min(65_536, count - passed))
            if not piece:
                break
            target.sendall(piece)
            passed += len(piece)
    return passed
