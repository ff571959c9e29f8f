"""The one formula of growing pauses."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.backoff import backoff_pause

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def test_a_pause_doubles_up_to_its_limit() -> None:
    pauses = [backoff_pause(n, first=SECOND, longest=MINUTE) for n in range(1, 9)]

    assert [pause / SECOND for pause in pauses] == [1, 2, 4, 8, 16, 32, 60, 60]


@pytest.mark.parametrize(("certain", "least", "most"), [(0.0, 0, 8), (0.5, 4, 8), (1.0, 8, 8)])
def test_the_uncertain_share_of_a_pause_is_random(certain: float, least: int, most: int) -> None:
    pauses = [
        backoff_pause(4, first=SECOND, longest=MINUTE, certain=certain, chance=chance) / SECOND
        for chance in (0.0, 1.0)
    ]

    assert pauses == [least, most]


@given(failures=st.integers(0, 10**9), growth=st.integers(2, 4))
def test_no_number_of_failures_is_too_large(failures: int, growth: int) -> None:
    pause = backoff_pause(failures, first=SECOND, longest=MINUTE, growth=growth)

    assert SECOND <= pause <= MINUTE
