"""Wake-ups of a delivery, and the rows that it must not start twice."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from daemon.core.pushes import OutboxRow
from daemon.core.status_events import StatusEvent
from daemon.pushing.wakeup_queue import (
    KEPT_S,
    MOST,
    LocalWakeupQueue,
    StartedSequences,
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


def scanned_once(queue: LocalWakeupQueue) -> LocalWakeupQueue:
    queue.take_scan_request()
    return queue


def taken(queue: LocalWakeupQueue) -> list[OutboxRow]:
    return list(iter(queue.take, None))


def test_a_new_delivery_scans_the_outbox_once() -> None:
    queue = LocalWakeupQueue()

    assert queue.take_scan_request()
    assert not queue.take_scan_request()


def test_what_is_put_is_taken_once_and_in_order() -> None:
    queue, rows = scanned_once(LocalWakeupQueue()), [row("1:a"), row("1:b")]
    for each in rows:
        queue.put(each)

    assert queue.arrived.is_set()
    assert taken(queue) == rows
    assert taken(queue) == []
    assert not queue.take_scan_request()


def test_rows_beyond_the_limit_are_left_to_a_scan_until_the_queue_is_empty() -> None:
    queue = scanned_once(LocalWakeupQueue())
    for _ in range(MOST + 1):
        queue.put(row())
    queue.take()
    queue.put(row())

    assert queue.take_scan_request()
    assert len(taken(queue)) == MOST - 1
    queue.put(row("1:later"))
    assert [each.event.sequence for each in taken(queue)] == ["1:later"]
    assert not queue.take_scan_request()


def test_a_row_that_waited_too_long_is_left_to_a_scan() -> None:
    now = [0.0]
    queue = scanned_once(LocalWakeupQueue(lambda: now[0]))
    queue.put(row("1:a"))
    now[0] = KEPT_S + 1
    queue.put(row("1:b"))

    assert [each.event.sequence for each in taken(queue)] == ["1:b"]
    assert queue.take_scan_request()


def test_rows_that_came_while_no_one_delivered_are_left_to_a_scan() -> None:
    queue = scanned_once(LocalWakeupQueue())
    queue.put(row())
    queue.forget()

    assert taken(queue) == []
    assert queue.take_scan_request()


def test_a_row_that_a_scan_found_before_its_announcement_is_known() -> None:
    worked_off, first, second = StartedSequences(), row("1:a"), row("1:b")
    worked_off.note(push_of_row(first, NOW))

    assert worked_off.covers(first)
    assert not worked_off.covers(second)
    assert not worked_off.covers(row("1:a", application=uuid4()))
