"""Status changes of ClearView's applications, from one change stream."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from daemon.core.status_events import StatusEvent, StreamInterrupted
from daemon.ports.clock import Clock
from daemon.stream.database_stream import DatabaseStream, Tail
from daemon.stream.events import status_event
from daemon.stream.pipeline import COLLECTION, PIPELINE
from models.documents.clearview_values import Row


class ApplicationStream(DatabaseStream):
    """The change stream, as `daemon.ports.pushes.EventSource`."""

    def __init__(
        self, clearview: AsyncDatabase[Row], clock: Clock, *, idle_ms: int = 1_000
    ) -> None:
        super().__init__(clearview, clock, PIPELINE, idle_ms=idle_ms)

    async def origin(self) -> str | None:
        try:
            cursor = await self._database.list_collections(filter={"name": COLLECTION})
            found = await cursor.to_list()
        except PyMongoError as error:
            raise StreamInterrupted(type(error).__name__) from error
        return str(found[0]["info"]["uuid"]) if found and "uuid" in found[0]["info"] else None

    async def open(self, token: Mapping[str, Any] | None, *, epoch: int) -> Tail[StatusEvent]:
        return await self._opened(token, partial(status_event, epoch=epoch))
