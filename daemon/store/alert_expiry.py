"""Resolves alerts about rows that wait for a person, once none of these rows remains."""

from pymongo.asynchronous.collection import AsyncCollection

from daemon.core.alert_texts import FILE, PUSH, RECORD
from daemon.core.conditions import AlertKind
from daemon.store.alerts import AlertStore
from daemon.store.connection import Mongo, Row
from models.documents import Alert, Conflict, FailedRecord, QueuedFile, StatusOutboxEntry


class AlertExpiry:
    """Compares open alerts with the rows that they are about."""

    def __init__(self, mongo: Mongo, alerts: AlertStore) -> None:
        self._open = mongo.collection(Alert)
        self._alerts = alerts
        dead, undecided = {"state": "dead"}, {"state": "open"}
        self._rows: dict[tuple[str, str], tuple[AsyncCollection[Row], Row]] = {
            (AlertKind.DEAD_LETTERS, PUSH): (mongo.collection(StatusOutboxEntry), dead),
            (AlertKind.DEAD_LETTERS, RECORD): (mongo.collection(FailedRecord), dead),
            (AlertKind.DEAD_LETTERS, FILE): (mongo.collection(QueuedFile), dead),
            (AlertKind.CONFLICTS_OPEN, ""): (mongo.collection(Conflict), undecided),
        }

    async def resolve_expired(self) -> None:
        """Resolves the alerts of which no row remains."""
        kinds = sorted({kind for kind, _ in self._rows})
        async for alert in self._open.find({"resolved_at": None, "kind": {"$in": kinds}}):
            if not await self._is_left(alert):
                await self._alerts.resolve_unless_seen_since(alert)

    async def _is_left(self, alert: Row) -> bool:
        of = {"ats_integration_id": alert["ats_integration_id"]}
        for (kind, subject), (collection, waiting) in self._rows.items():
            if kind != alert["kind"] or _subject(alert) not in ("", subject):
                continue
            if await collection.find_one({**of, **waiting}, {"_id": 1}) is not None:
                return True
        return False


def _subject(alert: Row) -> str:
    """Returns the part of the key after kind and integration; keys of 0.1.0 have none."""
    return str(alert["key"]).removeprefix(f"{alert['kind']}:{alert['integration']}").lstrip(":")
