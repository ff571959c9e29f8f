"""What a delivery is told, and what it must not do twice."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from daemon.core.pushes import OutboxRow
from daemon.core.status_events import StatusEvent
from daemon.pushing.wakeup_queue import (
    KEPT_S,
    MOST,
    LocalWakeupQueue,
    ProcessedSequences,
    push_of_row,
)

NOW = datetime(2026, 11, 25, tzinfo=UTC)
APPLICATION = uuid4()


def row(sequence: str = "000001:8265", application: UUID = APPLICATION) -> OutboxRow:
    event = StatusEvent(
        event_id=sequence,
        sequence=sequence,
        application_id=application,
        at=NOW,
        status="interview",
        external_id="a1",
    )
    return OutboxRow(id=uuid4(), event=event, state="pending", status="interview")


def looked_once(inbox: LocalWakeupQueue) -> LocalWakeupQueue:
    inbox.needs_scan()
    return inbox


def taken(inbox: LocalWakeupQueue) -> list[OutboxRow]:
    return list(iter(inbox.take, None))


def test_a_new_delivery_looks_once_for_what_was_left() -> None:
    inbox = LocalWakeupQueue()

    assert inbox.needs_scan()
    assert not inbox.needs_scan()


def test_what_is_put_is_taken_once_and_in_order() -> None:
    inbox, rows = looked_once(LocalWakeupQueue()), [row("1:a"), row("1:b")]
    for each in rows:
        inbox.put(each)

    assert inbox.arrived.is_set()
    assert taken(inbox) == rows
    assert taken(inbox) == []
    assert not inbox.needs_scan()


def test_rows_beyond_what_can_be_kept_are_looked_for_until_all_in_hand_are_taken() -> None:
    inbox = looked_once(LocalWakeupQueue())
    for _ in range(MOST + 1):
        inbox.put(row())
    inbox.take()
    inbox.put(row())

    assert inbox.needs_scan()
    assert len(taken(inbox)) == MOST - 1
    inbox.put(row("1:later"))
    assert [each.event.sequence for each in taken(inbox)] == ["1:later"]
    assert not inbox.needs_scan()


def test_a_row_that_was_in_hand_for_long_is_looked_at_anew() -> None:
    now = [0.0]
    inbox = looked_once(LocalWakeupQueue(lambda: now[0]))
    inbox.put(row("1:a"))
    now[0] = KEPT_S + 1
    inbox.put(row("1:b"))

    assert [each.event.sequence for each in taken(inbox)] == ["1:b"]
    assert inbox.needs_scan()


def test_what_was_put_while_nobody_delivered_is_looked_for() -> None:
    inbox = looked_once(LocalWakeupQueue())
    inbox.put(row())
    inbox.forget()

    assert taken(inbox) == []
    assert inbox.needs_scan()


def test_a_row_that_a_look_has_found_before_its_announcement_is_known() -> None:
    worked_off, first, second = ProcessedSequences(), row("1:a"), row("1:b")
    worked_off.note(push_of_row(first, NOW))

    assert worked_off.covers(first)
    assert not worked_off.covers(second)
    assert not worked_off.covers(row("1:a", application=uuid4()))
