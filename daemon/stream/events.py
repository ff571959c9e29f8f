"""Change events in the words of the push."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from daemon.core.push_plan import StatusEvent
from models.candidate import NamedRef
from models.ids import NAMESPACE, derived_id
from models.times import to_milliseconds

_DOCUMENT_EVENTS = frozenset({"insert", "update", "replace"})
_TOKEN_WITH_TIME = "82"  # noqa: S105 - the type byte of a timestamp, no secret


def is_status_event(change: Mapping[str, Any]) -> bool:
    """False for the end of a collection or database."""
    return change["operationType"] in _DOCUMENT_EVENTS


def status_event(change: Mapping[str, Any], *, epoch: int) -> StatusEvent:
    """The change as it was at that moment, whatever the document says by now."""
    event_id = str(change["_id"]["_data"])
    return StatusEvent(
        event_id=event_id,
        sequence=sequence(epoch, event_id),
        application_id=document_id(change["documentKey"]["_id"]),
        at=event_time(change),
        status=_text(change.get("status")),
        stage=_stage(change),
        rejection_reason=_text(change.get("rejection_reason")),
        integration_id=as_uuid(change.get("integration_id")),
        external_id=_text(change.get("external_id")),
        candidate_id=as_uuid(change.get("candidate_id")),
    )


def sequence(epoch: int, token: str) -> str:
    """Sorts as text in stream order, also when a new stream had to be begun."""
    return f"{epoch:06d}:{token}"


def epoch_of(row_sequence: str) -> int:
    return int(row_sequence.split(":", 1)[0])


def document_id(value: Any) -> UUID:
    """ClearView's own id; a stand-in for an id that is no UUID, which no import ever made."""
    return value if isinstance(value, UUID) else derived_id(NAMESPACE, "foreign", str(value))


def as_uuid(value: Any) -> UUID | None:
    return value if isinstance(value, UUID) else None


def event_time(change: Mapping[str, Any]) -> datetime:
    """When the write happened, by the server's clock."""
    wall = change.get("wallTime")
    if isinstance(wall, datetime):
        return to_milliseconds(wall)
    moment: datetime = change["clusterTime"].as_datetime()
    return to_milliseconds(moment)


def token_time(token: Mapping[str, Any]) -> datetime | None:
    """The cluster time inside a resume token; None if it does not look like one."""
    data = str(token.get("_data", ""))
    if not data.startswith(_TOKEN_WITH_TIME):
        return None
    try:
        return datetime.fromtimestamp(int(data[2:10], 16), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _stage(change: Mapping[str, Any]) -> NamedRef | None:
    whole = change.get("stage")
    if isinstance(whole, Mapping):
        return NamedRef(external_id=_text(whole.get("external_id")), name=_text(whole.get("name")))
    name, external_id = _text(change.get("stage_name")), _text(change.get("stage_external_id"))
    if name is None and external_id is None:
        return None
    return NamedRef(external_id=external_id, name=name)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
