"""Turns change events of MongoDB into status events."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bson.objectid import ObjectId

from daemon.core.status_events import StatusEvent
from daemon.core.stream_order import event_key, sequence
from models.candidate import AtsRef
from models.documents.clearview_values import as_text, as_uuid, document_id, odd_type
from models.times import to_milliseconds

_DOCUMENT_EVENTS = frozenset({"insert", "update", "replace"})
_TOKEN_WITH_TIME = "82"  # noqa: S105 - the type byte of a timestamp, no secret
_PLAIN_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
"""An id that may be shown: it is no name and no address."""


def is_document_event(change: Mapping[str, Any]) -> bool:
    """Returns False for the end of a collection or database."""
    return change["operationType"] in _DOCUMENT_EVENTS


def status_event(change: Mapping[str, Any], *, epoch: int) -> StatusEvent:
    """Returns the change as it was at that moment, not as the document is now."""
    token = str(change["_id"]["_data"])
    document, status, stage = change.get("document"), as_text(change.get("status")), _stage(change)
    return StatusEvent(
        event_id=event_key(token),
        sequence=sequence(epoch, token),
        # An id that is too long or of an odd type derives from the event.
        application_id=document_id(document if odd_type(document) is None else event_key(token)),
        is_whole=change["operationType"] != "update",
        document=shown_id(document),
        at=event_time(change),
        status=status,
        stage=stage,
        problem=_problem(change, followed=status is not None or stage is not None),
        rejection_reason=as_text(change.get("rejection_reason")),
        integration_id=as_uuid(change.get("integration_id")),
        external_id=as_text(change.get("external_id")),
        candidate_id=as_uuid(change.get("candidate_id")),
    )


def shown_id(value: Any) -> str | None:
    """Returns an id that is no UUID, as far as it may be shown."""
    if as_uuid(value) is not None:
        return None
    if (odd := odd_type(value)) is not None:
        return f"with an _id of type {odd}"
    if isinstance(value, str):
        return value if _PLAIN_ID.fullmatch(value) else "with an _id of type string"
    return str(value) if isinstance(value, int | float | ObjectId) else None


def event_time(change: Mapping[str, Any]) -> datetime:
    """Returns the time of the write, by the server's clock."""
    wall = change.get("wallTime")
    if isinstance(wall, datetime):
        return to_milliseconds(wall)
    return to_milliseconds(change["clusterTime"].as_datetime())


def token_time(token: Mapping[str, Any]) -> datetime | None:
    """Returns the cluster time inside a resume token; None if it is no resume token."""
    data = str(token.get("_data", ""))
    if not data.startswith(_TOKEN_WITH_TIME):
        return None
    try:
        return datetime.fromtimestamp(int(data[2:10], 16), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _stage(change: Mapping[str, Any]) -> AtsRef | None:
    """Returns the stage that the write named, as a whole or by one of its fields; an empty text names none."""
    whole = change.get("stage")
    if isinstance(whole, Mapping) and odd_type(whole) is None:
        named = whole.get("external_id"), whole.get("name")
    else:
        named = change.get("stage_external_id"), change.get("stage_name")
    external_id, name = (as_text(one) or None for one in named)
    if external_id is None and name is None:
        return None
    return AtsRef(external_id=external_id, name=name)


def _problem(change: Mapping[str, Any], *, followed: bool) -> str | None:
    """Returns the first field that holds something else than a text, where that matters.

    A stage that cannot be read is left out where a status says what to do.
    """
    whole = change.get("stage")
    inner = whole if isinstance(whole, Mapping) else {}
    stage = {
        "stage": whole if odd_type(whole) is not None else None,
        "stage.external_id": inner.get("external_id") or change.get("stage_external_id"),
        "stage.name": inner.get("name") or change.get("stage_name"),
    }
    for name, value in {"status": change.get("status"), **({} if followed else stage)}.items():
        if (odd := odd_type(value)) is not None:
            return f"{name} is of type {odd}"
    return "stage is of type string" if isinstance(whole, str) and not followed else None
