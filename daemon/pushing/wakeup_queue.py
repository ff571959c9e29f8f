"""Wake-ups of one delivery: rows that intake announces, and requests to scan the outbox."""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from daemon.core.pushes import OpenPush, OutboxRow
from models.status import ApplicationStatus

MOST = 2_000
KEPT_S = 5.0
"""A row that waited longer is read again: its snapshot may be old by then."""
_REMEMBERED = 10_000


class LocalWakeupQueue:
    """Wake-ups from the intake of this process for one integration's delivery.

    Rows are taken in their order. Once there are too many, later ones are left to a scan of the
    outbox until the queue is empty, so that no application is overtaken for long.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.arrived = asyncio.Event()
        self._clock = clock
        self._rows: deque[tuple[float, OutboxRow]] = deque()
        self._full = False
        self._scan_requested = True

    def put(self, row: OutboxRow) -> None:
        """Adds a row that was stored just now."""
        self._full |= len(self._rows) >= MOST
        if self._full:
            self._scan_requested = True
        else:
            self._rows.append((self._clock(), row))
        self.arrived.set()

    def request_scan(self) -> None:
        """Requests a scan of the outbox."""
        self._scan_requested = True
        self.arrived.set()

    def take(self) -> OutboxRow | None:
        """Returns the next row; None if the queue is empty."""
        oldest = self._clock() - KEPT_S
        while self._rows:
            at, row = self._rows.popleft()
            if at >= oldest:
                return row
            self._scan_requested = True
        self._full = False
        return None

    def take_scan_request(self) -> bool:
        """Returns and clears the request for a scan."""
        requested, self._scan_requested = self._scan_requested, False
        return requested

    def forget(self) -> None:
        """Drops all rows and requests a scan instead: another replica may have delivered them."""
        self._rows.clear()
        self._full = False
        self._scan_requested = True


class StartedSequences:
    """The last sequence that was started, by application; of recent ones only.

    A scan may find a row before it is announced; it must not be processed twice.
    """

    def __init__(self) -> None:
        self._sequences: OrderedDict[UUID, str] = OrderedDict()

    def note(self, push: OpenPush) -> None:
        """Notes that work on this push, and on all before it, has begun."""
        self._sequences[push.application_id] = push.sequence
        self._sequences.move_to_end(push.application_id)
        if len(self._sequences) > _REMEMBERED:
            self._sequences.popitem(last=False)

    def covers(self, row: OutboxRow) -> bool:
        return self._sequences.get(row.event.application_id, "") >= row.event.sequence


def push_of_row(row: OutboxRow, now: datetime) -> OpenPush:
    """Returns the push of a row that was stored just now, as a scan would find it."""
    event = row.event
    return OpenPush(
        id=row.id,
        event_id=event.event_id,
        sequence=event.sequence,
        application_id=event.application_id,
        candidate_id=event.candidate_id,
        external_id=event.external_id or "",
        status=ApplicationStatus(row.status),
        stage=row.stage,
        rejection_reason=event.rejection_reason,
        expected_status=row.expected_status,
        state="pending",
        attempts=0,
        next_attempt_at=now,
        first_attempt_at=None,
        sent_at=None,
        changed_at=event.at,
    )
