"""The overview of an operator as plain values, for `status`, the API and the status page."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args
from uuid import UUID

import msgspec

from daemon.ports.clock import Clock
from daemon.store.connection import Mongo, Row
from daemon.store.overview_counts import ALL, COUNTED, Counts, OverviewCounts
from daemon.store.row_pages import RowPage, RowPosition, given, page_of
from models.documents import (
    Alert,
    CandidateImportLog,
    Checkpoint,
    IntegrationSettings,
    StatusUpdateLog,
    SyncRun,
)
from models.documents.sync_run import Job
from models.ids import integration_id

JOBS: tuple[str, ...] = get_args(Job)
_SINK = "events:"
MOST_INTEGRATIONS = 1_000
MOST_ALERTS = 200
_POSITION = {"swept_at": "$value.swept_at", "webhooks": "$value.webhooks", "updated_at": 1}
_SHOWN = (
    "name",
    "ats_name",
    "connector",
    "api_endpoint",
    "managed_by",
    "enabled",
    "state",
    "state_reason",
    "created_at",
    "updated_at",
)


_TEXTS_OF_RUNS = ("details.unmapped_stages",)
"""Texts of an ATS that stay in MongoDB; the integration's own row names the stages."""


class RunFilter(msgspec.Struct, frozen=True):
    """A filter of runs; None matches any."""

    integration: str | None = None
    job: str | None = None
    outcome: str | None = None
    before: datetime | None = None


class AlertFilter(msgspec.Struct, frozen=True):
    """A filter of alerts; None matches any."""

    state: str = "open"
    integration: str | None = None
    kind: str | None = None


class LogFilter(msgspec.Struct, frozen=True):
    """A filter of log rows; None matches any."""

    integration: str
    outcome: str | None = None
    candidate: UUID | None = None
    application: UUID | None = None
    since: datetime | None = None


class Overview:
    """Reads the service's collections; writes nothing."""

    def __init__(self, mongo: Mongo, clock: Clock) -> None:
        self._settings = mongo.collection(IntegrationSettings)
        self._runs = mongo.collection(SyncRun)
        self._alerts = mongo.collection(Alert)
        self._checkpoints = mongo.collection(Checkpoint)
        self._imports = mongo.collection(CandidateImportLog)
        self._updates = mongo.collection(StatusUpdateLog)
        self._counts = OverviewCounts(mongo, clock)
        self._clock = clock

    async def everything(self) -> Row:
        """Returns the whole overview in one document."""
        return {
            "at": self._clock.now(),
            "integrations": await self.integrations(),
            "outbox": _summed(await self._counts.of("outbox")),
            "alerts": (await self.alerts(AlertFilter(), limit=MOST_ALERTS)).rows,
            "checkpoints": await self.checkpoints(),
            "events": await self.sinks(),
        }

    async def integrations(self) -> list[Row]:
        """Returns every integration with its state, last runs and counts."""
        rows = await self._integration_rows()
        counts = {name: await self._counts.of(name) for name in COUNTED}
        oldest = await self._counts.oldest_open_push()
        alerts = await self.alerts(AlertFilter(kind="unmapped_stages"), limit=MOST_ALERTS)
        unmapped = {row["integration"]: row["details"].get("stages", []) for row in alerts.rows}
        return [
            _integration(row)
            | {name: _of(counts[name], row["_id"], name) for name in COUNTED}
            | {
                "oldest_open_push_at": oldest.get(row["_id"]),
                "unmapped_stages": list(unmapped.get(row["name"], [])),
            }
            for row in rows
        ]

    async def _integration_rows(self) -> list[Row]:
        stages: list[Row] = [
            {"$sort": {"name": 1}},
            {"$limit": MOST_INTEGRATIONS},
            *({"$lookup": _last_run(job)} for job in JOBS),
            {"$set": {"position": {"$concat": ["poll:", "$name"]}}},
            {
                "$lookup": {
                    "from": Checkpoint.get_settings().name,
                    "localField": "position",
                    "foreignField": "_id",
                    "pipeline": [{"$project": _POSITION}],
                    "as": "position",
                }
            },
        ]
        return await (await self._settings.aggregate(stages)).to_list()

    async def runs(
        self, which: RunFilter, *, limit: int, after: RowPosition | None = None
    ) -> RowPage:
        """Returns runs, the latest first."""
        query = given(
            integration=which.integration,
            job=which.job,
            outcome=which.outcome,
            started_at=which.before and {"$lt": which.before},
        )
        return await page_of(
            *(self._runs, query), by="started_at", limit=limit, after=after, without=_TEXTS_OF_RUNS
        )

    async def alerts(
        self, which: AlertFilter, *, limit: int, after: RowPosition | None = None
    ) -> RowPage:
        """Returns alerts, the latest first."""
        query = given(integration=which.integration, kind=which.kind)
        if which.state != "all":
            query["resolved_at"] = None if which.state == "open" else {"$ne": None}
        return await page_of(self._alerts, query, by="opened_at", limit=limit, after=after)

    async def imports(self, which: LogFilter, *, limit: int, after: RowPosition | None) -> RowPage:
        """Returns imports, the latest first."""
        query = _of_log(which, outcome="status", at="imported_at")
        return await page_of(self._imports, query, by="imported_at", limit=limit, after=after)

    async def status_updates(
        self, which: LogFilter, *, limit: int, after: RowPosition | None
    ) -> RowPage:
        """Returns the outcomes of status changes, the latest first."""
        query = _of_log(which, outcome="outcome", at="updated_at")
        return await page_of(self._updates, query, by="updated_at", limit=limit, after=after)

    async def sinks(self) -> list[Row]:
        """Returns every sink of events, with the moment up to which it has confirmed everything."""
        rows = self._checkpoints.find(
            {"_id": {"$regex": f"^{_SINK}"}},
            {"value.at": 1, "value.repair_since": 1},
            sort=[("_id", 1)],
        )
        return [
            {
                "sink": row["_id"].removeprefix(_SINK),
                "confirmed_until": row["value"].get("at"),
                "repair_since": row["value"].get("repair_since"),
            }
            for row in await rows.to_list()
            if isinstance(row.get("value"), Mapping)
        ]

    async def checkpoints(self) -> dict[str, datetime]:
        """Returns the time of the last write of each stored position."""
        rows = self._checkpoints.find({}, {"updated_at": 1}, sort=[("_id", 1)], limit=5_000)
        return {row["_id"]: row["updated_at"] for row in await rows.to_list()}


def _last_run(job: str) -> Row:
    return {
        "from": SyncRun.get_settings().name,
        "localField": "_id",
        "foreignField": "ats_integration_id",
        "pipeline": [
            {"$match": {"job": job}},
            {"$sort": {"started_at": -1}},
            {"$limit": 1},
            {"$unset": ["ats_integration_id", "integration", *_TEXTS_OF_RUNS]},
        ],
        "as": job,
    }


def _integration(row: Row) -> Row:
    position: Mapping[str, Any] = (row["position"] or [{}])[0]
    return {
        "id": row["_id"],
        **{name: row.get(name) for name in _SHOWN},
        "asked_for": (row.get("request") or {}).get("asked_at"),
        "swept_at": position.get("swept_at"),
        "webhooks": health if isinstance(health := position.get("webhooks"), Mapping) else None,
        "position_at": position.get("updated_at"),
        "runs": {job: row[job][0] if row[job] else None for job in JOBS},
    }


def _of(counts: Counts | None, integration: UUID, name: str) -> Any:
    """Returns the counts of one integration; None if they were not counted in time."""
    if counts is None:
        return None
    found = counts.get(integration, {})
    return found.get(ALL, 0) if COUNTED[name].by is None else dict(found)


def _summed(counts: Counts | None) -> dict[str, int] | None:
    if counts is None:
        return None
    total: dict[str, int] = {}
    for states in counts.values():
        for state, count in states.items():
            total[state] = total.get(state, 0) + count
    return total


def _of_log(which: LogFilter, *, outcome: str, at: str) -> Row:
    return given(
        ats_integration_id=integration_id(which.integration),
        candidate_id=which.candidate,
        application_id=which.application,
        **{outcome: which.outcome, at: which.since and {"$gte": which.since}},
    )
