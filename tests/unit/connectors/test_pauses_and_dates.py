"""How vendors say until when to wait, and that there is no date."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.definition.limits import Limits, WindowLimit
from connectors.http.limiters import RequestClass
from connectors.http.pause_headers import requested_pause
from connectors.http.rate_limits import Budget
from connectors.times import TIME_FORMATS, can_read_time, read_time, write_time
from tests.support.ats import QuickClock

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
A_READ = RequestClass("list")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30),
        (str(int(NOW.timestamp()) + 45), 45),
        (str((int(NOW.timestamp()) + 45) * 1000), 45),
        (str(int(NOW.timestamp()) - 5), 0),
        ("Mon, 23 Nov 2026 12:01:00 GMT", 60),
    ],
)
def test_a_pause_is_understood_as_seconds_a_date_or_a_moment(header: str, seconds: float) -> None:
    assert requested_pause({"Reset": header}, "Reset", NOW) == seconds


@pytest.mark.parametrize("text", ["0000-00-00", "0000-00-00 00:00:00"])
@pytest.mark.parametrize("format_name", ["iso", "date", "%Y-%m-%d"])
def test_a_date_of_noughts_is_no_date(text: str, format_name: str) -> None:
    assert read_time(text, format_name) is None


@pytest.mark.parametrize(
    "text",
    ["/Date(1795435200000)/", "/Date(1795435200000+0000)/", "/Date(1795435200000-0330)/"],
)
def test_a_json_date_is_the_same_moment_whatever_its_offset(text: str) -> None:
    assert read_time(text, "json_date") == NOW


def test_a_json_date_is_written_as_it_is_read() -> None:
    assert read_time(write_time(NOW, "json_date"), "json_date") == NOW


@pytest.mark.parametrize("format_name", [*TIME_FORMATS, "%d.%m.%Y"])
def test_a_wrong_time_is_reported_without_its_value(format_name: str) -> None:
    with pytest.raises(ValueError, match="time") as caught:
        read_time("1985 Ann Smith", format_name)

    assert "Ann" not in str(caught.value)


@pytest.mark.parametrize(
    "asked", ["0", "-5", "-0.0", "Mon, 23 Nov 2026 11:59:00 GMT", "1000000000"]
)
def test_a_pause_of_nothing_or_of_the_past_is_none(asked: str) -> None:
    assert requested_pause({"Retry-After": asked}, "Retry-After", NOW) == 0.0


@pytest.mark.parametrize(
    "asked",
    [
        *("", "soon", "nan", "inf", "-inf", "1e3", "1_0", "5s", "120, 60", "9" * 40),
        "Mon, 23 Nov 99999999999999999999 12:01:00 GMT",
        "Mon, 32 Nov 2026 12:00:00 GMT",
    ],
)
def test_a_pause_that_cannot_be_understood_is_no_hint(asked: str) -> None:
    assert requested_pause({"Retry-After": asked}, "Retry-After", NOW) is None


HEADER_TEXTS = (
    st.text(st.characters(codec="latin-1"), max_size=40)
    | st.floats().map(str)
    | st.integers().map(str)
    | st.datetimes().map(lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT"))
)


@given(HEADER_TEXTS, HEADER_TEXTS)
def test_no_header_makes_a_pause_that_is_not_a_sane_number(asked: str, date: str) -> None:
    found = requested_pause({"Retry-After": asked, "Date": date}, "Retry-After", NOW)

    assert found is None or 0.0 <= found < float("inf")


@given(HEADER_TEXTS, HEADER_TEXTS, HEADER_TEXTS)
async def test_no_rate_limit_header_ends_a_request(limit: str, remaining: str, reset: str) -> None:
    clock, window = (
        QuickClock(),
        WindowLimit(
            kind="window",
            requests=5,
            per="10s",
            limit_header="L",
            remaining_header="M",
            reset_header="R",
            reset_as="seconds_left",
        ),
    )
    budget = Budget(Limits(budgets=[window]), clock)
    for _ in range(3):
        async with budget.slot(A_READ, lambda *_: None):
            budget.learn(A_READ, {"L": limit, "M": remaining, "R": reset})

    assert all(0.0 < slept <= 16.1 for slept in clock.slept)


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "0"},
        {"Retry-After": "-30"},
        {"Retry-After": "Mon, 23 Nov 2020 11:00:00 GMT"},
        {"Retry-After": "1600000000"},
        {"Retry-After": "nan"},
        {},
    ],
    ids=str,
)
async def test_a_refusal_without_a_usable_hint_pauses_as_the_definition_says(
    headers: dict[str, str],
) -> None:
    budget = Budget(Limits(pause="7s"), clock := QuickClock())

    budget.refused(A_READ, headers)
    async with budget.slot(A_READ, lambda *_: None):
        pass

    assert sum(clock.slept) == pytest.approx(7.0, abs=0.2)


@pytest.mark.parametrize(
    ("asked", "most"),
    [("0.001", 16), ("0.05", 16), ("0.2", 16), ("1", 7)],
)
async def test_refusals_in_a_row_never_become_a_storm(asked: str, most: int) -> None:
    budget, sent = Budget(Limits(), clock := QuickClock()), 0
    ends = clock.monotonic() + 6.0

    while clock.monotonic() < ends:
        async with budget.slot(A_READ, lambda *_: None):
            sent += 1
        budget.refused(A_READ, {"Retry-After": asked})

    assert sent <= most


async def test_the_floor_falls_back_once_the_ats_takes_requests_again() -> None:
    budget = Budget(Limits(), clock := QuickClock())
    for _ in range(9):
        budget.refused(A_READ, {"Retry-After": "0.01"})
    async with budget.slot(A_READ, lambda *_: None):
        budget.accepted(A_READ)
    clock.slept.clear()

    budget.refused(A_READ, {"Retry-After": "0.01"})
    async with budget.slot(A_READ, lambda *_: None):
        pass

    assert sum(clock.slept) == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("asked", ["9999999", "Mon, 23 Nov 2099 12:00:00 GMT", "99999999999999"])
async def test_an_absurdly_long_pause_is_cut_to_the_longest(asked: str) -> None:
    budget = Budget(Limits(longest_pause="2m"), clock := QuickClock())

    budget.refused(A_READ, {"Retry-After": asked})
    async with budget.slot(A_READ, lambda *_: None):
        pass

    assert sum(clock.slept) == pytest.approx(120.0, abs=0.5)


@pytest.mark.parametrize("pattern", ["%", "%d.%Q", "%-d.%m.%Y", "plain", ""])
def test_a_pattern_that_reads_no_moment_is_refused(pattern: str) -> None:
    assert not can_read_time(pattern)


@pytest.mark.parametrize("pattern", ["%Y%m%d%H%M%S", "%Y-%m-%d %I:%M %p", "%m-%d-%YT%H:%M:%S%z"])
def test_a_pattern_that_vendors_need_is_taken(pattern: str) -> None:
    assert can_read_time(pattern)
