"""What a delivery is told: that there is work, and of some of it all that there is to know."""

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
"""A row in hand for longer is looked at again: what is known of its application may be old by then."""
_REMEMBERED = 10_000


class LocalWakeupQueue:
    """Between the intake of this process and one integration's delivery.

    Rows are taken in their order. Once there are too many, later ones are looked for in the outbox
    until all that are in hand are taken, so that no one is overtaken for long.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.arrived = asyncio.Event()
        self._clock = clock
        self._rows: deque[tuple[float, OutboxRow]] = deque()
        self._full = False
        self._look = True

    def put(self, row: OutboxRow) -> None:
        """A row was stored just now."""
        self._full |= len(self._rows) >= MOST
        if self._full:
            self._look = True
        else:
            self._rows.append((self._clock(), row))
        self.arrived.set()

    def request_scan(self) -> None:
        """There is work: look for it."""
        self._look = True
        self.arrived.set()

    def take(self) -> OutboxRow | None:
        """The next row in hand; None if there is none."""
        oldest = self._clock() - KEPT_S
        while self._rows:
            at, row = self._rows.popleft()
            if at >= oldest:
                return row
            self._look = True
        self._full = False
        return None

    def needs_scan(self) -> bool:
        """Whether there is something to look for; asked once, it is someone else's to remember."""
        request_scan, self._look = self._look, False
        return request_scan

    def forget(self) -> None:
        """What is in hand may be done by now: it has to be looked for."""
        self._rows.clear()
        self._full = False
        self._look = True


class ProcessedSequences:
    """How far each application was processed, of late.

    A row may be found by a look before it is announced; it must not be processed twice.
    """

    def __init__(self) -> None:
        self._sequences: OrderedDict[UUID, str] = OrderedDict()

    def note(self, push: OpenPush) -> None:
        """Work on this push, and on all before it, has begun."""
        self._sequences[push.application_id] = push.sequence
        self._sequences.move_to_end(push.application_id)
        if len(self._sequences) > _REMEMBERED:
            self._sequences.popitem(last=False)

    def covers(self, row: OutboxRow) -> bool:
        return self._sequences.get(row.event.application_id, "") >= row.event.sequence


def push_in_hand(row: OutboxRow, now: datetime) -> OpenPush:
    """The push of a row that was stored just now, as a look would find it."""
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
