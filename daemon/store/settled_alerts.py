"""Alerts about rows that wait for a person: over once none of these rows is left, whoever did it."""

from pymongo.asynchronous.collection import AsyncCollection

from daemon.ports.alerts import AlertKind
from daemon.store.alerts import AlertStore
from daemon.store.connection import Mongo, Row
from models.documents import Alert, Conflict, FailedRecord, StatusOutboxEntry


class SettledAlerts:
    """Compares open alerts with what they are about."""

    def __init__(self, mongo: Mongo, alerts: AlertStore) -> None:
        self._open = mongo.collection(Alert)
        self._alerts = alerts
        dead, undecided = {"state": "dead"}, {"state": "open"}
        self._rows: dict[str, list[tuple[AsyncCollection[Row], Row]]] = {
            AlertKind.DEAD_LETTERS: [
                (mongo.collection(StatusOutboxEntry), dead),
                (mongo.collection(FailedRecord), dead),
            ],
            AlertKind.CONFLICTS_OPEN: [(mongo.collection(Conflict), undecided)],
        }

    async def look(self) -> None:
        """Close what is over."""
        which = {"resolved_at": None, "kind": {"$in": list(self._rows)}}
        async for alert in self._open.find(which):
            if not await self._is_left(alert):
                await self._alerts.resolve_unless_seen_since(alert)

    async def _is_left(self, alert: Row) -> bool:
        of = {"ats_integration_id": alert["ats_integration_id"]}
        for collection, waiting in self._rows[alert["kind"]]:
            if await collection.find_one({**of, **waiting}, {"_id": 1}) is not None:
                return True
        return False
