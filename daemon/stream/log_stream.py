"""Writes to the logs, from one change stream on the service's own database."""

from collections.abc import Mapping
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from daemon.core.events import ALERTS, CONFLICTS, EXPORTS, IMPORTS, UPDATES, LogRow
from daemon.ports.clock import Clock
from daemon.stream.database_stream import DatabaseStream, Tail
from models.documents.clearview_values import Row

_WRITTEN = "updateDescription.updatedFields"
_UPDATES_TOO = ("insert", "update", "replace")
_MATCH = [
    {"ns.coll": IMPORTS, "operationType": {"$in": _UPDATES_TOO}},
    # The copy of an outcome that was published before its push was replayed is no news.
    {"ns.coll": UPDATES, "operationType": "insert", "fullDocument.replay_of": None},
    {"ns.coll": EXPORTS, "operationType": {"$in": _UPDATES_TOO}},
    {"ns.coll": CONFLICTS, "operationType": "insert"},
    {"ns.coll": ALERTS, "operationType": "insert"},
    # An alert that is seen again is updated all the time; only its end is an event.
    {
        "ns.coll": ALERTS,
        "operationType": "update",
        f"{_WRITTEN}.resolved_at": {"$type": "date"},
    },
]
_NAMES = {
    "$map": {
        "input": {"$objectToArray": {"$ifNull": [f"${_WRITTEN}", {}]}},
        "in": "$$this.k",
    }
}
PIPELINE: list[dict[str, Any]] = [
    {"$match": {"$or": _MATCH}},
    {
        "$project": {
            "operationType": 1,
            "clusterTime": 1,
            "wallTime": 1,
            "ns.coll": 1,
            "fullDocument": 1,
            "written": _NAMES,
        }
    },
]
_GONE = LogRow("", {}, frozenset())
"""A row that was deleted since it was updated: of no collection, and so no event."""


class LogStream(DatabaseStream):
    """The logs' change stream, as `daemon.ports.events.LogSource`."""

    def __init__(self, own: AsyncDatabase[Row], clock: Clock, *, idle_ms: int = 1_000) -> None:
        super().__init__(own, clock, PIPELINE, idle_ms=idle_ms, full_document="updateLookup")

    async def open(self, token: Mapping[str, Any] | None) -> Tail[LogRow]:
        return await self._opened(token, _log_row)


def _log_row(change: Row) -> LogRow:
    row = change.get("fullDocument")
    if row is None:
        return _GONE
    is_update = change["operationType"] == "update"
    return LogRow(change["ns"]["coll"], row, frozenset(change["written"]) if is_update else None)
