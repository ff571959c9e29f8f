"""Makes a fresh or restarted mongod the writable primary of a replica set of one."""

import asyncio
import contextlib
from collections.abc import Mapping

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from daemon.store.embedded.folder import REPLICA_SET

POLL_SECONDS = 0.02
NOT_YET_INITIALIZED = 94


async def make_primary(port: int, pid: int) -> None:
    """Returns when the mongod with this pid accepts writes; its data may come from another port.

    Leaves alone, and waits for ever at, a port that belongs to any other process.
    """
    await _wait_for_listener(port)
    client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(
        "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=2_000
    )
    async with client:
        while True:
            with contextlib.suppress(PyMongoError):  # refused for a moment during start-up
                status = await client.admin.command(
                    {"serverStatus": 1, "metrics": 0, "wiredTiger": 0}
                )
                if status["pid"] == pid and await _is_primary(client, port):
                    return
            await asyncio.sleep(POLL_SECONDS)


async def _wait_for_listener(port: int) -> None:
    """Waits for the port by a socket: a driver would try again only every half second."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(POLL_SECONDS)
            continue
        writer.close()
        await writer.wait_closed()
        return


async def _is_primary(client: AsyncMongoClient[dict[str, object]], port: int) -> bool:
    """Returns True for a primary; otherwise takes the step that is missing, whose effect the next call sees."""
    hello = await client.admin.command("hello")
    if hello.get("isreplicaset"):  # it has no configuration of which this address is a member
        await _configure(client, f"127.0.0.1:{port}")
    return bool(hello["isWritablePrimary"])


async def _configure(client: AsyncMongoClient[dict[str, object]], host: str) -> None:
    members = [{"_id": 0, "host": host}]
    try:
        stored: Mapping[str, dict[str, object]] = await client.admin.command("replSetGetConfig")
    except OperationFailure as error:
        if error.code != NOT_YET_INITIALIZED:
            raise
        await client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
        return
    # The stored member has the port of an earlier start; only force moves a set that has no primary.
    config = {**stored["config"], "members": members}
    await client.admin.command("replSetReconfig", config, force=True)
