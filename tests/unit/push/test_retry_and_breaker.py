"""Retries of a push, and the circuit breaker."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from daemon.core.breaker import Breaker, BreakerRule
from daemon.core.retry import RetryRule, next_attempt

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULE = RetryRule()


@given(attempts=st.integers(1, 10_000), fraction=st.floats(0, 1, exclude_max=True))
def test_the_pause_is_jittered_doubles_and_is_capped(attempts: int, fraction: float) -> None:
    decided = next_attempt(
        RULE, attempts=attempts, first_attempt_at=NOON, now=NOON, jitter=lambda: fraction
    )

    assert decided is not None
    ceiling = min(timedelta(minutes=30), timedelta(seconds=2) * 2 ** min(attempts - 1, 20))
    assert timedelta(0) <= decided - NOON <= ceiling


@given(waited=st.timedeltas(timedelta(0), timedelta(days=30)), fraction=st.floats(0, 0.99))
def test_it_ends_after_the_horizon_and_never_waits_beyond_it(
    waited: timedelta, fraction: float
) -> None:
    decided = next_attempt(
        RULE, attempts=300, first_attempt_at=NOON, now=NOON + waited, jitter=lambda: fraction
    )

    if waited >= RULE.horizon:
        assert decided is None
    else:
        assert decided is not None
        assert decided <= NOON + RULE.horizon


def test_ten_failures_in_a_row_open_it() -> None:
    breaker = Breaker()

    assert [breaker.failed(float(i)) for i in range(10)] == [False] * 9 + [True]
    assert breaker.holds_back


def test_half_of_twenty_calls_within_a_minute_open_it() -> None:
    breaker = Breaker()
    for i in range(19):
        if i % 2:
            breaker.failed(float(i))
        else:
            breaker.succeeded(float(i))

    assert not breaker.is_open
    assert breaker.failed(19.0)


def test_failures_of_long_ago_do_not_count() -> None:
    breaker = Breaker(BreakerRule(failures_in_a_row=1_000))

    assert not any(breaker.failed(i * 10.0) for i in range(200))


def test_probes_come_ever_more_seldom_and_one_success_closes_it() -> None:
    breaker = Breaker()
    for _ in range(10):
        breaker.failed(0.0)
    now, pauses = 0.0, []
    for _ in range(7):
        pauses.append(breaker.wait(now))
        now += pauses[-1]
        breaker.begin_probe()
        breaker.failed(now)
    now += breaker.wait(now)
    breaker.begin_probe()
    closed = breaker.succeeded(now)

    assert pauses == [30.0, 60.0, 120.0, 240.0, 480.0, 900.0, 900.0]
    assert closed
    assert breaker.wait(now) == 0.0


def test_only_one_probe_is_let_through_at_a_time() -> None:
    breaker = Breaker()
    for _ in range(10):
        breaker.failed(0.0)
    breaker.begin_probe()

    assert breaker.wait(1_000.0) > 0
    breaker.end_probe()
    assert breaker.wait(1_000.0) == 0.0
