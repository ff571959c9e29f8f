"""The checkpoint of one sink in the logs' change stream."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from daemon.core.status_events import StreamPosition
from daemon.ports.clock import Clock
from daemon.ports.imports import Checkpoints

SAVE_IDLE_EVERY_S = 10.0


class SinkCheckpoint:
    """The position up to which a sink has confirmed everything, stored under the lease's fencing token."""

    def __init__(self, checkpoints: Checkpoints, clock: Clock, key: str, *, fence: int) -> None:
        self._checkpoints = checkpoints
        self._clock = clock
        self._key = key
        self._fence = fence
        self._pipeline = ""
        self._saved_at = clock.monotonic()
        self.token: Mapping[str, Any] | None = None
        self.at: datetime | None = None
        self.repair_since: datetime | None = None
        """The logs have to be published from here on before the position counts; None: they need not."""

    async def load(self, pipeline: str) -> str | None:
        """Reads what is stored. Returns the reason why its position is lost, if it is."""
        self._pipeline = pipeline
        value = await self._checkpoints.load(self._key)
        if value is None:
            return None
        self.at, self.repair_since = _moment(value, "at"), _moment(value, "repair_since")
        token = value.get("token")
        if not isinstance(token, Mapping):
            return "the stored position cannot be read"
        if value.get("pipeline") != pipeline:
            return "this version reads the logs differently"
        self.token = token
        return None

    async def begin(self, start: StreamPosition) -> None:
        """Stores the start of a stream that was opened without a position."""
        if self.token is None:
            self.token, self.at = start.token, start.at
            await self._save()

    async def lost(self) -> datetime:
        """Notes that the position is lost; returns the moment from which the logs are read again."""
        self.token = None
        known = [moment for moment in (self.repair_since, self.at) if moment is not None]
        self.repair_since = min(known, default=self._clock.now())
        await self._save()
        return self.repair_since

    async def repaired(self) -> None:
        self.repair_since = None
        await self._save()

    async def moved_to(self, position: StreamPosition, *, confirmed: bool) -> None:
        """Moves on after the sink's confirmation. Without events it is stored now and then."""
        self.token, self.at = position.token, position.at
        if confirmed or self._clock.monotonic() - self._saved_at >= SAVE_IDLE_EVERY_S:
            await self._save()

    async def _save(self) -> None:
        value = {
            "token": None if self.token is None else dict(self.token),
            "at": self.at,
            "repair_since": self.repair_since,
            "pipeline": self._pipeline,
        }
        await self._checkpoints.save(self._key, value, fence=self._fence)
        self._saved_at = self._clock.monotonic()


def _moment(value: Mapping[str, Any], name: str) -> datetime | None:
    moment = value.get(name)
    return moment if isinstance(moment, datetime) else None
