"""asyncssh: 128 requests in flight, in any order."""

import asyncio

import asyncssh
import contract


def within_session(operation):
    """Turns `async def operation(sftp, server, ...)` into what the contract calls."""

    async def connected(server, arguments):
        identity = (
            {"client_keys": [server.keyfile]} if server.keyfile
            else {"password": server.password, "client_keys": None}
        )
        async with asyncssh.connect(
            server.host, server.port, username=server.user, known_hosts=None, config=None,
            agent_path=None, **identity,
        ) as connection, connection.start_sftp_client() as sftp:
            return await operation(sftp, server, *arguments)

    return lambda server, *arguments: asyncio.run(connected(server, arguments))


async def put(sftp, _server, local, remote):
    await sftp.put(local, remote)


async def get(sftp, _server, remote, local):
    await sftp.get(remote, local)


async def put_tree(sftp, _server, local, remote):
    await sftp.put(local, remote, recurse=True, preserve=True)


async def get_tree(sftp, _server, remote, local):
    await sftp.get(remote, local, recurse=True, preserve=True)


async def ls(sftp, _server, remote):
    return [name for name in await sftp.listdir(remote) if name not in (".", "..")]


async def rename(sftp, _server, source, target):
    await sftp.rename(source, target)


async def replace(sftp, _server, source, target):
    await sftp.posix_rename(source, target)


async def rm(sftp, _server, remote):
    await sftp.remove(remote)


async def mkdir(sftp, _server, remote):
    await sftp.mkdir(remote)


async def rmdir(sftp, _server, remote):
    await sftp.rmdir(remote)


async def append(sftp, server, whole, remote, length):
    async with sftp.open(remote, "ab") as file:
        await file.write(contract.tail(server, whole, length).read_bytes())


async def resume(sftp, server, whole, remote):
    length = await sftp.getsize(remote)
    await append(sftp, server, whole, remote, length)


async def put_preserve(sftp, _server, local, remote):
    await sftp.put(local, remote, preserve=True)


contract.main({
    name: within_session(operation)
    for name, operation in {
        "put": put, "get": get, "put-tree": put_tree, "get-tree": get_tree, "ls": ls,
        "rename": rename, "replace": replace, "rm": rm, "mkdir": mkdir, "rmdir": rmdir,
        "append": append, "resume": resume, "put-preserve": put_preserve,
    }.items()
})
