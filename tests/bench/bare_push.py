"""The least that a push can cost: a change stream, and a request for each change it shows.

No outbox, no order, no check whether the change is news, no log, no position to resume from. Run as a
process of its own: `python -m tests.bench.bare_push URI DATABASE ATS [SECONDS INCREMENT]` prints
`open` and runs until its standard input ends; with a cluster time it begins there.
"""

import asyncio
import sys
from typing import Any

import aiohttp
from bson.timestamp import Timestamp
from pymongo import AsyncMongoClient

AT_ONCE = 16
_CHANGES = [
    {
        "$match": {
            "ns.coll": "applications",
            "operationType": "update",
            "updateDescription.updatedFields.status": {"$exists": True},
        }
    }
]


async def push(uri: str, database: str, ats: str, since: Timestamp | None) -> None:
    """For ever."""
    room = asyncio.Semaphore(AT_ONCE)
    async with (
        AsyncMongoClient[dict[str, Any]](uri) as client,
        aiohttp.ClientSession() as session,
        asyncio.TaskGroup() as sending,
        await client[database].watch(
            _CHANGES,
            full_document="updateLookup",
            start_at_operation_time=since,
            max_await_time_ms=1_000,
        ) as stream,
    ):
        print("open", flush=True)

        async def send(key: str) -> None:
            try:
                url = f"{ats}/plain/0/applications/{key}/move"
                async with session.post(url, json={"to": "s3"}) as answer:
                    await answer.read()
            finally:
                room.release()

        async for change in stream:
            await room.acquire()
            sending.create_task(send(change["fullDocument"]["external_id"]))


async def main(arguments: list[str]) -> None:
    """Until standard input ends."""
    uri, database, ats, *time = arguments
    since = Timestamp(int(time[0]), int(time[1])) if time else None
    pushing = asyncio.create_task(push(uri, database, ats, since))
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await asyncio.wait({pushing, ended}, return_when=asyncio.FIRST_COMPLETED)
    pushing.cancel()
    await asyncio.gather(pushing, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
