"""Status changes of ClearView's applications, as the change stream delivers them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec

from models.candidate import AtsRef

E = TypeVar("E")


class StatusEvent(msgspec.Struct, frozen=True):
    """One change of an application's status or stage in ClearView, as of that moment."""

    event_id: str
    sequence: str
    application_id: UUID
    at: datetime
    status: str | None
    """None: the write named a stage only, or its status is no text."""
    stage: AtsRef | None = None
    rejection_reason: str | None = None
    integration_id: UUID | None = None
    external_id: str | None = None
    candidate_id: UUID | None = None
    is_whole: bool = False
    """The write was of the whole document, with fields that it did not change."""
    document: str | None = None
    """The id of a document whose id is no UUID."""
    problem: str | None = None
    """A field of the wrong type, where the write holds nothing that can be pushed."""


class StreamPosition(msgspec.Struct, frozen=True):
    """A position in the stream. `token` is opaque and stored unchanged."""

    token: Mapping[str, Any]
    at: datetime
    """The moment up to which everything was read, by the server's clock."""


class EventBatch(msgspec.Struct, Generic[E], frozen=True):
    """Changes in stream order, and the position after them. Empty: the stream was idle."""

    events: Sequence[E]
    position: StreamPosition
    lost: str | None = None
    """Set when the collection was dropped or renamed: all of ClearView must be compared."""


def reaches(batch: EventBatch[E], until: datetime) -> bool:
    """Returns True if everything up to that moment was read. The server cuts its moments to seconds."""
    cut = until.replace(microsecond=0)
    if batch.events:
        return batch.position.at >= cut + timedelta(seconds=2)
    return batch.position.at >= cut


class PositionLost(Exception):
    """The stream cannot continue from the stored position: changes may have been missed."""


class StreamInterrupted(Exception):
    """The stream broke off for now: open it again from the last position."""

    def __init__(self, reason: str, *, by_content: bool = False) -> None:
        super().__init__(reason)
        self.by_content = by_content
        """An event's content ended it, so that reading it again may fail in the same way."""
