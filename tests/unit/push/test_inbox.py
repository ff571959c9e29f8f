"""What a delivery is told, and what it must not do twice."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from daemon.core.push_plan import StatusEvent
from daemon.ports.pushes import NewRow
from daemon.pushing.inbox import MOST, Inbox, WorkedOff, push_in_hand

NOW = datetime(2026, 11, 25, tzinfo=UTC)
APPLICATION = uuid4()


def row(sequence: str = "000001:8265", application: UUID = APPLICATION) -> NewRow:
    event = StatusEvent(
        event_id=sequence,
        sequence=sequence,
        application_id=application,
        at=NOW,
        status="interview",
        external_id="a1",
    )
    return NewRow(id=uuid4(), event=event, state="pending", status="interview")


def taken_once(inbox: Inbox) -> Inbox:
    inbox.take()
    return inbox


def test_a_new_delivery_looks_for_what_was_left() -> None:
    _, look = Inbox().take()

    assert look


def test_what_is_put_is_taken_once_and_in_order() -> None:
    inbox, rows = taken_once(Inbox()), [row("1:a"), row("1:b")]
    for each in rows:
        inbox.put(each)

    assert inbox.arrived.is_set()
    assert inbox.take() == (rows, False)
    assert inbox.take() == ([], False)


def test_what_nobody_takes_in_time_is_looked_for_instead() -> None:
    inbox = taken_once(Inbox())
    for _ in range(MOST + 1):
        inbox.put(row())
    rows, look = inbox.take()

    assert len(rows) == MOST
    assert look


def test_what_was_put_while_nobody_delivered_is_looked_for() -> None:
    inbox = taken_once(Inbox())
    inbox.put(row())
    inbox.forget()

    assert inbox.take() == ([], True)


def test_a_row_that_a_look_has_found_before_its_announcement_is_known() -> None:
    worked_off, first, second = WorkedOff(), row("1:a"), row("1:b")
    worked_off.note(push_in_hand(first, NOW))

    assert worked_off.covers(first)
    assert not worked_off.covers(second)
    assert not worked_off.covers(row("1:a", application=uuid4()))
