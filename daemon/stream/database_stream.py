"""A change stream on a whole database, read ahead of what processes its events.

A database-level stream survives a dropped collection.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from bson.raw_bson import RawBSONDocument
from pymongo import ReadPreference
from pymongo.asynchronous.change_stream import AsyncChangeStream
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError

from daemon.core.mongodb_codes import LOGIN_REFUSED, OUTAGE, UNAUTHORIZED
from daemon.core.status_events import (
    EventBatch,
    PositionLost,
    StreamInterrupted,
    StreamPosition,
)
from daemon.ports.clock import Clock
from daemon.stream.events import event_time, is_document_event, token_time
from models.documents.clearview_values import RAW, Row, decoded

E = TypeVar("E")

BATCH_LIMIT = 500
CLOSE_CHECK_S = 0.05
_AHEAD = timedelta(minutes=1)
_FULL_ENOUGH = 0.8

Received = Row | StreamPosition | PositionLost | StreamInterrupted


class DatabaseStream:
    """Opens streams on one database, and knows how far back the server remembers."""

    def __init__(
        self,
        database: AsyncDatabase[Row],
        clock: Clock,
        pipeline: Sequence[Mapping[str, Any]],
        *,
        idle_ms: int = 1_000,
        full_document: str | None = None,
    ) -> None:
        self._database = database
        self._client = database.client
        self._clock = clock
        self._pipeline = list(pipeline)
        self._idle_ms = idle_ms
        self._full_document = full_document

    @property
    def pipeline_fingerprint(self) -> str:
        """Returns a digest of the pipeline: a resume token is valid only with its own pipeline."""
        text = json.dumps(self._pipeline, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    async def _opened(self, token: Mapping[str, Any] | None, read: Callable[[Row], E]) -> "Tail[E]":
        try:
            if token is not None:
                await self._refuse_foreign(token)
            stream = await self._database.with_options(codec_options=RAW).watch(
                self._pipeline,
                full_document=self._full_document,
                start_after=token,
                max_await_time_ms=self._idle_ms,
                batch_size=BATCH_LIMIT,
            )
        except PyMongoError as error:
            raise self._failure(error, positioned=token is not None) from error
        except (TypeError, ValueError) as error:
            raise PositionLost("the stored position is no resume token") from error
        return Tail(stream, self._clock, read, self._failure)

    def _failure(
        self, error: PyMongoError, *, positioned: bool = True
    ) -> PositionLost | StreamInterrupted:
        return stream_failure(error, positioned=positioned, database=self._database.name)

    async def _refuse_foreign(self, token: Mapping[str, Any]) -> None:
        """Refuses a position later than the server's last write: it is of another or a restored server.

        The server would accept it, and then stay silent until that moment has come.
        """
        at = token_time(token)
        if at is None:
            raise PositionLost("the stored position is no resume token")
        hello = await self._client.admin.command("hello")
        last = hello.get("lastWrite", {}).get("majorityWriteDate")
        if last is not None and at > last.replace(tzinfo=UTC) + _AHEAD:
            raise PositionLost("the stored position is later than the server's last write")

    async def latest(self) -> datetime:
        try:
            hello = await self._client.admin.command("hello")
        except PyMongoError as error:
            raise StreamInterrupted(type(error).__name__) from error
        last: datetime | None = hello.get("lastWrite", {}).get("lastWriteDate")
        return (last or hello["localTime"]).replace(tzinfo=UTC)

    async def window_seconds(self) -> float | None:
        try:
            stats = await self._oplog_stats()
            if stats["size"] < stats.get("maxSize", stats["size"] + 1) * _FULL_ENOUGH:
                return None
            oplog = self._local["oplog.rs"]
            first = await oplog.find_one({}, {"ts": 1}, sort=[("$natural", 1)])
            last = await oplog.find_one({}, {"ts": 1}, sort=[("$natural", -1)])
        except OperationFailure:
            return None
        except PyMongoError as error:
            raise StreamInterrupted(type(error).__name__) from error
        return float(last["ts"].time - first["ts"].time) if first and last else None

    async def window_is_readable(self) -> bool:
        """Returns False if the user may not read the oplog, or a router hides it."""
        try:
            await self._oplog_stats()
        except OperationFailure:
            return False
        return True

    @property
    def _local(self) -> AsyncDatabase[Row]:
        return self._client.get_database("local", read_preference=ReadPreference.PRIMARY)

    async def _oplog_stats(self) -> Row:
        return await self._local.command("collStats", "oplog.rs")


class Tail(Generic[E]):
    """An open stream. A task reads the next changes while a batch is being processed."""

    def __init__(
        self,
        stream: AsyncChangeStream[RawBSONDocument],
        clock: Clock,
        read: Callable[[Row], E],
        failure: Callable[[PyMongoError], PositionLost | StreamInterrupted],
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._read = read
        self._failure = failure
        self._closing = False
        self._received: asyncio.Queue[Received] = asyncio.Queue(maxsize=4 * BATCH_LIMIT)
        self.start = self._position(stream.resume_token)
        self._pump = asyncio.create_task(self._read_on(), name="change-stream")

    def _position(self, token: Mapping[str, Any] | None) -> StreamPosition:
        if token is None:
            raise StreamInterrupted("the server gave no position")
        return StreamPosition(dict(token), token_time(token) or self._clock.now())

    async def _read_on(self) -> None:
        try:
            while not self._closing:
                change = await self._stream.try_next()
                if change is not None:
                    await self._received.put(decoded(change))
                elif self._stream.alive:
                    await self._received.put(self._position(self._stream.resume_token))
                else:
                    raise PositionLost("the change stream was invalidated")  # noqa: TRY301
        except PyMongoError as error:
            await self._received.put(self._failure(error))
        except (PositionLost, StreamInterrupted) as ended:
            await self._received.put(ended)
        except Exception as error:  # noqa: BLE001 - the reader waits for any end
            await self._received.put(StreamInterrupted(type(error).__name__, by_content=True))

    async def next_batch(self) -> EventBatch[E]:
        first = await self._received.get()
        if isinstance(first, Exception):
            raise first
        idle = first if isinstance(first, StreamPosition) else None
        changes = [] if isinstance(first, StreamPosition) else [first]
        while not self._received.empty() and len(changes) < BATCH_LIMIT and idle is None:
            following = self._received.get_nowait()
            if isinstance(following, Exception):
                self._received.put_nowait(following)
                break
            if isinstance(following, StreamPosition):
                idle = following
                break
            changes.append(following)
        return self._batch(changes, idle)

    def _batch(self, changes: list[Row], idle: StreamPosition | None) -> EventBatch[E]:
        ended = [c["operationType"] for c in changes if not is_document_event(c)]
        position = idle or StreamPosition(changes[-1]["_id"], event_time(changes[-1]))
        return EventBatch(
            events=[self._event(change) for change in changes if is_document_event(change)],
            position=position,
            lost=f"ClearView's applications: {ended[-1]}" if ended else None,
        )

    def _event(self, change: Row) -> E:
        try:
            return self._read(change)
        except Exception as error:
            raise StreamInterrupted(type(error).__name__, by_content=True) from error

    async def close(self) -> None:
        """Closes the stream once the current read has ended: the driver takes a cancelled read for a
        broken connection, and resumes.
        """
        self._closing = True
        while not self._pump.done():
            while not self._received.empty():
                self._received.get_nowait()
            await asyncio.wait({self._pump}, timeout=CLOSE_CHECK_S)
        await self._stream.close()


def stream_failure(
    error: PyMongoError, *, positioned: bool, database: str
) -> PositionLost | StreamInterrupted:
    """Returns the meaning of an error. Without a position none can be lost."""
    if not isinstance(error, OperationFailure):
        return StreamInterrupted(type(error).__name__)
    if error.code in {UNAUTHORIZED, *LOGIN_REFUSED}:
        return StreamInterrupted(
            f"MongoDB refuses the change stream (code {error.code}): "
            f"grant the daemon's user find and changeStream on the database {database}"
        )
    passing = error.code in OUTAGE or error.has_error_label("ResumableChangeStreamError")
    if passing or not positioned:
        return StreamInterrupted(f"the change stream ended with code {error.code}")
    return PositionLost(f"the server does not accept the position (code {error.code})")
