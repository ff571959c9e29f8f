"""Periods tile time: no gap, no overlap, whatever the clock, its zone and the operator do."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from daemon.core.analytics import Period, due_periods, floor_to, retry_at
from models.times import EPOCH

DAY = timedelta(days=1)
moments = st.datetimes(
    min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)
)
lengths = st.integers(10, 31 * 86_400).map(lambda s: timedelta(seconds=s))


@given(until=moments, ahead=st.timedeltas(timedelta(0), 400 * DAY), every=lengths)
def test_due_periods_follow_each_other_up_to_the_last_complete_one(
    until: datetime, ahead: timedelta, every: timedelta
) -> None:
    now = until + ahead
    periods = due_periods(until, now=now, every=every, limit=50)

    assert len(periods) <= 50
    assert all(a.end == b.start for a, b in pairwise(periods))
    assert all(timedelta(0) < p.end - p.start <= every for p in periods)
    assert all(p.end <= now and p.end == floor_to(p.end, every) for p in periods)
    assert not periods or periods[0].start == until
    if len(periods) < 50:
        reached = periods[-1].end if periods else until
        assert now - reached < every or reached >= floor_to(now, every)


@given(until=moments, ahead=st.timedeltas(timedelta(0), 90 * DAY), every=lengths)
def test_catching_up_in_pieces_is_catching_up_at_once(
    until: datetime, ahead: timedelta, every: timedelta
) -> None:
    now = until + ahead
    position, pieces = until, []
    for _ in range(40):
        step = due_periods(position, now=now, every=every, limit=1)
        pieces += step
        position = step[0].end if step else position

    assert pieces == due_periods(until, now=now, every=every, limit=40)


@given(now=moments, every=lengths)
def test_before_the_first_export_only_the_latest_complete_period_is_due(
    now: datetime, every: timedelta
) -> None:
    (period,) = due_periods(None, now=now, every=every, limit=10)

    assert period.end - period.start == every
    assert period.end <= now < period.end + every


@given(until=moments, back=st.timedeltas(timedelta(seconds=1), 400 * DAY), every=lengths)
def test_a_clock_set_back_exports_nothing_again(
    until: datetime, back: timedelta, every: timedelta
) -> None:
    assert due_periods(until, now=until - back, every=every, limit=10) == []


def test_a_day_has_24_hours_when_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    after_the_change = datetime(2026, 3, 30, 12, tzinfo=berlin)
    days = due_periods(datetime(2026, 3, 28, tzinfo=UTC), now=after_the_change, every=DAY, limit=10)

    assert [period.end - period.start for period in days] == [DAY, DAY]


def test_an_odd_position_is_cut_short_to_the_grid() -> None:
    odd = EPOCH + timedelta(hours=5)
    first, second = due_periods(odd, now=EPOCH + timedelta(hours=12), every=DAY / 4, limit=5)

    assert first == Period(odd, EPOCH + DAY / 4)
    assert second == Period(EPOCH + DAY / 4, EPOCH + DAY / 2)


@given(attempts=st.integers(1, 10_000))
def test_a_failed_period_is_tried_at_least_hourly(attempts: int) -> None:
    rest = retry_at(attempts, EPOCH) - EPOCH

    assert timedelta(minutes=1) <= rest <= timedelta(hours=1)
