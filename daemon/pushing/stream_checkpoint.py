"""The place in the change stream: when it is stored, and what makes it worthless."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import msgspec

from daemon.core.status_events import StreamPosition
from daemon.core.stream_order import sequence
from daemon.ports.clock import Clock
from daemon.ports.imports import Checkpoints

STREAM_KEY = "stream:applications"
"""Lease and checkpoint of the stream."""
SAVE_EVERY_S = 0.1
SAVE_EVERY_EVENTS = 500
SAVE_IDLE_EVERY_S = 10.0
FIRST_START = "first start"


@dataclass(slots=True)
class StreamCheckpoint:
    """How far the stream was read."""

    epoch: int = 0
    """Counts new beginnings, so that rows sort behind those of an earlier stream."""
    token: Mapping[str, Any] | None = None
    at: datetime | None = None
    pipeline: str | None = None
    origin: str | None = None
    repair: str | None = None
    """Why everything has to be compared before this place counts; None: nothing to repair."""
    start: str = ""
    losses: int = 0
    """How often in a row it was lost, with no good while in between."""

    def age(self, now: datetime) -> float | None:
        """Seconds of history that the server must still have."""
        return None if self.at is None else max(0.0, (now - self.at).total_seconds())

    @property
    def repair_sequence(self) -> str:
        """Behind everything before the new stream, before everything in it."""
        return f"{sequence(self.epoch, self.start)}:r"

    @property
    def present_sequence(self) -> str:
        """Behind everything that was read."""
        data = "" if self.token is None else str(self.token.get("_data", ""))
        return f"{sequence(self.epoch, data)}:r"

    def to_value(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "token": None if self.token is None else dict(self.token),
            "at": self.at,
            "pipeline": self.pipeline,
            "origin": self.origin,
            "repair": self.repair,
            "start": self.start,
            "losses": self.losses,
        }


class CheckpointWriter:
    """Stores the place, not more often than needed, under the lease's fencing token."""

    def __init__(self, checkpoints: Checkpoints, clock: Clock, *, fence: int) -> None:
        self._checkpoints = checkpoints
        self._clock = clock
        self._fence = fence
        self._saved_at = clock.monotonic()
        self._events_since = 0
        self._dirty = False
        self.place = StreamCheckpoint()

    async def load(self, pipeline: str, origin: str | None) -> StreamCheckpoint:
        """The place to open the stream at; without a token where it has to begin again."""
        await self.save_now()
        value = await self._checkpoints.load(STREAM_KEY)
        self.place = StreamCheckpoint(repair=FIRST_START) if value is None else _place_from(value)
        lost = None if value is None else _why_worthless(self.place, pipeline, origin)
        if lost is not None:
            self.place.repair, self.place.token = lost, None
            self.place.epoch += 1
        self.place.pipeline = pipeline
        self.place.origin = origin
        return self.place

    async def begin(self, place: StreamCheckpoint, start: StreamPosition) -> None:
        """Store where the new stream began, and that comparing is still to be done."""
        if place.token is None:
            place.token, place.at = start.token, start.at
            place.start = str(start.token.get("_data", ""))
        await self._save()

    async def repaired(self) -> None:
        self.place.repair = None
        await self._save()

    async def give_up(self, reason: str) -> None:
        """Begin again next time, and compare everything."""
        self.place.token, self.place.at = None, None
        self.place.repair = reason
        self.place.epoch += 1
        self.place.losses += 1
        await self._save()

    async def is_well(self) -> None:
        """The stream was read for a good while: earlier losses no longer count."""
        if self.place.losses:
            self.place.losses = 0
            await self._save()

    async def moved_to(self, position: StreamPosition, *, events: int) -> None:
        """Remember the position behind durable rows; store it if it is time to."""
        self.place.token, self.place.at = position.token, position.at
        self._events_since += events
        self._dirty = self._dirty or events > 0
        waited = self._clock.monotonic() - self._saved_at
        due = waited >= (SAVE_EVERY_S if self._dirty else SAVE_IDLE_EVERY_S)
        if due or self._events_since >= SAVE_EVERY_EVENTS:
            await self._save()

    async def save_now(self) -> None:
        """Store what is not stored yet."""
        if self._dirty:
            await self._save()

    async def _save(self) -> None:
        await self._checkpoints.save(STREAM_KEY, self.place.to_value(), fence=self._fence)
        self._saved_at = self._clock.monotonic()
        self._events_since = 0
        self._dirty = False


def _place_from(value: Mapping[str, Any]) -> StreamCheckpoint:
    """A position of an odd shape is a lost one: everything is compared, nothing is skipped."""
    known = {field.name for field in fields(StreamCheckpoint)}
    try:
        place = msgspec.convert({k: v for k, v in value.items() if k in known}, StreamCheckpoint)
    except msgspec.ValidationError:
        place = StreamCheckpoint()
    if place.token is None and place.repair is None:
        place.repair = "the stored position cannot be read"
    return place


def _why_worthless(place: StreamCheckpoint, pipeline: str, origin: str | None) -> str | None:
    if place.token is None:
        return None
    if place.pipeline != pipeline:
        return "this version reads the stream differently"
    if None not in (place.origin, origin) and place.origin != origin:
        return "the collection is not the one that was watched: it was replaced or restored"
    return None
