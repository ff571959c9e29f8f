"""Durations are read as written, or refused with what is missing."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.durations import format_duration, parse_duration

pytestmark = pytest.mark.fuzz("YAML")

LONGEST_MS = 3650 * 24 * 3600 * 1000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("250ms", timedelta(milliseconds=250)),
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("24h", timedelta(hours=24)),
        ("7d", timedelta(days=7)),
        ("0s", timedelta(0)),
        (" 5m ", timedelta(minutes=5)),
        ("3650d", timedelta(days=3650)),
    ],
)
def test_a_number_with_a_unit_is_a_duration(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("90", "the unit is missing"),
        ("", "one whole number and a unit"),
        ("-5m", "one whole number and a unit"),
        ("1.5h", "one whole number and a unit"),
        ("1h30m", "one whole number and a unit"),
        ("5 minutes", "one whole number and a unit"),
        ("5M", "one whole number and a unit"),
        ("\u0665m", "one whole number and a unit"),
        ("3651d", "longer than 3650d"),
        ("999999999999d", "longer than 3650d"),
    ],
)
def test_anything_else_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=LONGEST_MS))
def test_what_is_formatted_reads_back_the_same(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)

    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(minutes=90), "90m"),
        (timedelta(hours=48), "2d"),
        (timedelta(seconds=61), "61s"),
        (timedelta(seconds=1, milliseconds=500), "1500ms"),
        (timedelta(0), "0s"),
    ],
)
def test_the_largest_unit_that_loses_nothing_is_chosen(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


def test_a_negative_duration_has_no_text() -> None:
    with pytest.raises(ValueError, match="negative"):
        format_duration(timedelta(seconds=-1))


@given(st.text())
def test_no_text_raises_anything_but_value_error(text: str) -> None:
    try:
        duration = parse_duration(text)
    except ValueError:
        return

    assert duration >= timedelta(0)
