"""A poll is put off only while healthy webhooks make up for it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from daemon.core.integrations import IntegrationState
from daemon.core.runs import Run
from daemon.runtime.poll_cadence import PollCadence
from tests.support.moving_clock import MovingClock

EVERY, LONGEST = timedelta(minutes=5), timedelta(minutes=30)


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
def cadence(clock: MovingClock) -> PollCadence:
    """One whose latest poll, a moment ago, found healthy webhooks."""
    found = PollCadence(EVERY, LONGEST, clock)
    found.polled(a_run(clock, webhooks_healthy=True))
    return found


def a_run(clock: MovingClock, **details: Any) -> Run:
    run = Run(uuid4(), "import_poll", "acme", uuid4(), clock.now(), details=details)
    run.outcome = "success"
    return run


def a_state(**fields: Any) -> IntegrationState:
    return IntegrationState("acme", "active", None, fields.pop("request", None), **fields)


def due_minutes(cadence: PollCadence, clock: MovingClock) -> list[int]:
    """The minutes of the next half hour in which the schedule's decision is to poll."""
    found = []
    for minute in range(5, 31, 5):
        clock.advance(EVERY)
        if cadence.is_due(a_state()):
            found.append(minute)
    return found


def test_healthy_webhooks_stretch_the_interval(cadence: PollCadence, clock: MovingClock) -> None:
    assert due_minutes(cadence, clock) == [30]


def test_without_the_setting_every_poll_is_due(clock: MovingClock) -> None:
    cadence = PollCadence(EVERY, None, clock)
    cadence.polled(a_run(clock, webhooks_healthy=True))

    assert due_minutes(cadence, clock) == [5, 10, 15, 20, 25, 30]


def test_every_poll_is_due_before_the_first_one_and_after_a_gap(clock: MovingClock) -> None:
    cadence = PollCadence(EVERY, LONGEST, clock)

    assert cadence.is_due(None)

    cadence.polled(a_run(clock, webhooks_healthy=False))

    assert cadence.is_due(a_state())


def test_a_refused_event_and_a_request_make_the_next_poll_due(
    cadence: PollCadence, clock: MovingClock
) -> None:
    early = a_state(webhook_refused_at=clock.now() - timedelta(seconds=1))
    clock.advance(EVERY)
    late = a_state(webhook_refused_at=clock.now())

    assert not cadence.is_due(early)
    assert cadence.is_due(late)
    assert cadence.is_due(a_state(request={"sweep": True}))


@pytest.mark.parametrize(("outcome", "failed"), [("failed", 0), ("success", 1)])
def test_an_announced_record_that_failed_is_read_again_by_the_schedule(
    cadence: PollCadence, clock: MovingClock, outcome: Any, failed: int
) -> None:
    cadence.announced(a_run(clock))

    assert not cadence.is_due(a_state())

    run = a_run(clock)
    run.outcome, run.counts.failed = outcome, failed
    cadence.announced(run)

    assert cadence.is_due(a_state())
