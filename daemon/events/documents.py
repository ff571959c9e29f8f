"""ClearView's documents in events, for a sink with `include: full`. These are personal data."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from daemon.core.events import Event
from daemon.ports.events import LogRows
from models.event_types import EventType

_OF_CANDIDATES = frozenset(
    {EventType.CANDIDATE_CREATED, EventType.CANDIDATE_UPDATED, EventType.CANDIDATE_DELETED}
)
_OF_APPLICATIONS = frozenset(
    {EventType.APPLICATION_PUSHED, EventType.APPLICATION_FAILED, EventType.APPLICATION_CONFLICT}
)


async def with_documents(events: Sequence[Event], logs: LogRows) -> Sequence[Event]:
    """Returns the events with the candidate or application that each is about, as it is now.

    It is None where ClearView has none any more, or keeps it elsewhere.
    """
    candidates = {UUID(event.subject) for event in events if event.type in _OF_CANDIDATES}
    applications = {UUID(event.subject) for event in events if event.type in _OF_APPLICATIONS}
    found = await logs.documents(candidates, applications)
    return [_with(event, found) for event in events]


def _with(event: Event, found: Mapping[UUID, Mapping[str, Any]]) -> Event:
    if event.type in _OF_CANDIDATES:
        name = "candidate"
    elif event.type in _OF_APPLICATIONS:
        name = "application"
    else:
        return event
    return replace(event, data={**event.data, name: found.get(UUID(event.subject))})
