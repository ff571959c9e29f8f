"""`analytics_export_log` and the checkpoint `export:<name>`: which periods are exported."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pymongo.errors import DuplicateKeyError

from daemon.core.analytics import Attempts, Period
from daemon.ports.clock import Clock
from daemon.store.checkpoints import MongoCheckpoints
from daemon.store.connection import Mongo
from models.documents import AnalyticsExportLog
from models.ids import derived_id
from models.times import iso


class MongoExportLog:
    """Implements `daemon.ports.analytics.ExportLog`."""

    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._log = mongo.collection(AnalyticsExportLog)
        self._clock = clock

    async def attempts(self, integration_id: UUID, period: Period) -> Attempts:
        """Returns the attempts to export the period."""
        row = await self._log.find_one({"_id": _id(integration_id, period)}, {"metrics": 0})
        if row is None:
            return Attempts()
        until = row["period_end"] if row["status"] == "Success" else None
        last_at = _past(row["exported_at"], self._clock)
        return Attempts(row["attempts"], last_at, exported_until=until)

    async def record(
        self,
        integration_id: UUID,
        period: Period,
        *,
        status: Literal["Success", "Failed"],
        metrics: Mapping[str, Any],
        sent: int = 0,
        error: str | None = None,
    ) -> None:
        try:
            await self._log.update_one(
                {"_id": _id(integration_id, period), "status": {"$ne": "Success"}},
                {
                    "$set": {
                        "ats_integration_id": integration_id,
                        "period_start": period.start,
                        "period_end": period.end,
                        "exported_at": self._clock.now(),
                        "status": status,
                        "error_message": error,
                        "metrics": dict(metrics),
                    },
                    "$inc": {"attempts": 1, "sent": sent},
                },
                upsert=True,
            )
        except DuplicateKeyError:
            # Someone else exported the period in the meantime, and theirs is the record.
            return


class MongoExportPosition:
    """Implements `daemon.ports.analytics.ExportPosition`."""

    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._checkpoints = MongoCheckpoints(mongo, clock)
        self._clock = clock

    async def load(self, integration: str) -> datetime | None:
        """Returns the end of the last exported period; None before the first export."""
        value = await self._checkpoints.load(_key(integration))
        return None if value is None else _past(value.get("exported_until"), self._clock)

    async def save(self, integration: str, until: datetime, *, fence: int) -> None:
        await self._checkpoints.save(_key(integration), {"exported_until": until}, fence=fence)


def _past(moment: object, clock: Clock) -> datetime | None:
    """Returns a stored time; None if it is no time, or in the future because a clock was wrong."""
    return moment if isinstance(moment, datetime) and moment <= clock.now() else None


def _id(integration: UUID, period: Period) -> UUID:
    """Derives the id from the start alone, as the unique index does: the period's end may be configured differently."""
    return derived_id(integration, "export", iso(period.start))


def _key(integration: str) -> str:
    return f"export:{integration}"
