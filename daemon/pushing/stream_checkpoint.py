"""The checkpoint of the change stream: when it is stored, and what invalidates it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

import msgspec

from daemon.core.status_events import StreamPosition
from daemon.core.stream_order import sequence
from daemon.ports.clock import Clock
from daemon.ports.imports import Checkpoints

STREAM_KEY = "stream:applications"
"""The key of the stream's lease and checkpoint."""
SAVE_EVERY_S = 0.1
SAVE_EVERY_EVENTS = 500
SAVE_IDLE_EVERY_S = 10.0
FIRST_START = "first start"


@dataclass(slots=True)
class StreamCheckpoint:
    """The position up to which the stream was read."""

    epoch: int = 0
    """Counts new beginnings, so that rows sort after those of an earlier stream."""
    token: Mapping[str, Any] | None = None
    at: datetime | None = None
    pipeline: str | None = None
    origin: str | None = None
    repair: str | None = None
    """The reason why everything has to be compared before this position counts; None: none."""
    start: str = ""
    losses: int = 0
    """Losses in a row, with no minute of reading in between."""

    def age(self, now: datetime) -> float | None:
        """Returns the seconds of history that the server must still have."""
        return None if self.at is None else max(0.0, (now - self.at).total_seconds())

    @property
    def repair_sequence(self) -> str:
        """Sorts after everything before the new stream, and before everything in it."""
        return f"{sequence(self.epoch, self.start)}:r"

    @property
    def present_sequence(self) -> str:
        """Sorts after everything that was read."""
        data = "" if self.token is None else str(self.token.get("_data", ""))
        return f"{sequence(self.epoch, data)}:r"


class CheckpointWriter:
    """Stores the checkpoint, not more often than needed, under the lease's fencing token."""

    def __init__(self, checkpoints: Checkpoints, clock: Clock, *, fence: int) -> None:
        self._checkpoints = checkpoints
        self._clock = clock
        self._fence = fence
        self._saved_at = clock.monotonic()
        self._events_since = 0
        self._dirty = False
        self.checkpoint = StreamCheckpoint()

    async def load(self, pipeline: str, origin: str | None) -> StreamCheckpoint:
        """Returns the stored checkpoint; without a token if the stream has to begin again."""
        await self.save_now()
        value = await self._checkpoints.load(STREAM_KEY)
        self.checkpoint = (
            StreamCheckpoint(repair=FIRST_START) if value is None else _checkpoint_of(value)
        )
        lost = None if value is None else _why_invalid(self.checkpoint, pipeline, origin)
        if lost is not None:
            self.checkpoint.repair, self.checkpoint.token = lost, None
            self.checkpoint.epoch += 1
        self.checkpoint.pipeline = pipeline
        self.checkpoint.origin = origin
        return self.checkpoint

    async def begin(self, start: StreamPosition) -> None:
        """Stores the start of the new stream, and that comparing is still to be done."""
        checkpoint = self.checkpoint
        if checkpoint.token is None:
            checkpoint.token, checkpoint.at = start.token, start.at
            checkpoint.start = str(start.token.get("_data", ""))
        await self._save()

    async def repaired(self) -> None:
        self.checkpoint.repair = None
        await self._save()

    async def give_up(self, reason: str) -> None:
        """Drops the position: the stream begins again, and everything is compared."""
        self.checkpoint.token, self.checkpoint.at = None, None
        self.checkpoint.repair = reason
        self.checkpoint.epoch += 1
        self.checkpoint.losses += 1
        await self._save()

    async def forget_losses(self) -> None:
        """Ends the row of losses, once the stream has been read for a minute."""
        if self.checkpoint.losses:
            self.checkpoint.losses = 0
            await self._save()

    async def moved_to(self, position: StreamPosition, *, events: int) -> None:
        """Moves the checkpoint after durable rows; stores it if that is due."""
        self.checkpoint.token, self.checkpoint.at = position.token, position.at
        self._events_since += events
        self._dirty = self._dirty or events > 0
        waited = self._clock.monotonic() - self._saved_at
        due = waited >= (SAVE_EVERY_S if self._dirty else SAVE_IDLE_EVERY_S)
        if due or self._events_since >= SAVE_EVERY_EVENTS:
            await self._save()

    async def save_now(self) -> None:
        """Stores the checkpoint if rows came since it was stored last."""
        if self._dirty:
            await self._save()

    async def _save(self) -> None:
        await self._checkpoints.save(STREAM_KEY, asdict(self.checkpoint), fence=self._fence)
        self._saved_at = self._clock.monotonic()
        self._events_since = 0
        self._dirty = False


def _checkpoint_of(value: Mapping[str, Any]) -> StreamCheckpoint:
    """Reads a stored checkpoint. One of an odd shape counts as lost: everything is compared."""
    known = {field.name for field in fields(StreamCheckpoint)}
    try:
        checkpoint = msgspec.convert(
            {k: v for k, v in value.items() if k in known}, StreamCheckpoint
        )
    except msgspec.ValidationError:
        checkpoint = StreamCheckpoint()
    if checkpoint.token is None and checkpoint.repair is None:
        checkpoint.repair = "the stored position cannot be read"
    return checkpoint


def _why_invalid(checkpoint: StreamCheckpoint, pipeline: str, origin: str | None) -> str | None:
    if checkpoint.token is None:
        return None
    if checkpoint.pipeline != pipeline:
        return "this version reads the stream differently"
    if None not in (checkpoint.origin, origin) and checkpoint.origin != origin:
        return "the collection is not the one that was watched: it was replaced or restored"
    return None
