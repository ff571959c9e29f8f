"""Ends what works on the embedded MongoDB when its mongod ends, with the reason."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from daemon.store.embedded.server import EmbeddedMongo, EmbeddedMongoError

CANCEL_AGAIN_S = 0.8
"""A cancellation can be lost (`daemon.runtime.timeouts`)."""


@asynccontextmanager
async def watched(embedded: EmbeddedMongo | None) -> AsyncIterator[None]:
    """Cancels the block when mongod ends; without an embedded MongoDB there is nothing to watch.

    Raises:
        EmbeddedMongoError: it ended, for the reason that its exit code or its log gives.
    """
    if embedded is None:
        yield
        return
    working, died = asyncio.current_task(), list[EmbeddedMongoError]()
    assert working is not None

    async def watch() -> None:
        try:
            await embedded.watch(asyncio.Event())
        except EmbeddedMongoError as error:
            died.append(error)
        while True:
            working.cancel()
            await asyncio.sleep(CANCEL_AGAIN_S)

    watching = asyncio.create_task(watch(), name="watch the embedded MongoDB")
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        if died:
            while working.uncancel():
                pass
            raise died[0]
