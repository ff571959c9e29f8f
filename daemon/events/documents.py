"""ClearView's documents in events, for a sink with `include: full`. These are personal data."""

from collections.abc import Sequence
from uuid import UUID

from msgspec.structs import replace

from daemon.core.events import Event
from daemon.ports.events import LogRows
from models.event_types import EventType

_NAMES = {
    EventType.CANDIDATE_CREATED: "candidate",
    EventType.CANDIDATE_UPDATED: "candidate",
    EventType.CANDIDATE_DELETED: "candidate",
    EventType.APPLICATION_PUSHED: "application",
    EventType.APPLICATION_FAILED: "application",
    EventType.APPLICATION_CONFLICT: "application",
}


async def with_documents(events: Sequence[Event], logs: LogRows) -> Sequence[Event]:
    """Returns the events with the candidate or application that each is about, as it is now.

    It is None where ClearView has none any more, or keeps it elsewhere.
    """
    candidates, applications = (
        {UUID(event.subject) for event in events if _NAMES.get(event.type) == name}
        for name in ("candidate", "application")
    )
    found = await logs.documents(candidates, applications)
    return [
        replace(event, data={**event.data, _NAMES[event.type]: found.get(UUID(event.subject))})
        if event.type in _NAMES
        else event
        for event in events
    ]
